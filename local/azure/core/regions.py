"""The regions of Azure's public cloud, apart from what is offered in them."""

import json
from pathlib import Path

REGIONS: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "regions.json").read_text())["regions"]
TRIAL = frozenset({"centraluseuap", "eastus2euap"})  # early access: Azure does not list them


def names() -> list[str]:
    """Every region that Azure lists."""
    return list(REGIONS)


def exists(region: str) -> bool:
    """Whether a region exists, listed or not."""
    return region in REGIONS or region in TRIAL


def display_name(region: str) -> str:
    """The name of a region for people: "westeurope" is "West Europe"."""
    return REGIONS[region]["display"] if region in REGIONS else region
