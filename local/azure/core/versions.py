"""API versions: those that Azure knows for a type, and those whose shapes the simulation follows."""

import json
import re
from pathlib import Path
from typing import Any

from local.azure.core.responses import Refused, not_simulated

TYPES: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "versions.json").read_text())["types"]
KNOWN = {kind.lower(): [str(version) for version in facts["known"]] for kind, facts in TYPES.items()}
SERVED_SINCE = {kind.lower(): str(facts["served"]) for kind, facts in TYPES.items()}
WELL_FORMED = re.compile(r"\d{4}-\d{2}-\d{2}(-preview|-alpha|-beta)?")
GROUPS = "microsoft.resources/resourcegroups"


def check(version: str | None, kind: str, location: str = "") -> None:
    """Raise the refusal for a version that is missing, no version, not known for a type, or older than what is simulated."""
    if version is None:
        text = "The api-version query parameter (?api-version=) is required for all requests."
        raise Refused(400, "MissingApiVersionParameter", text)
    known = KNOWN.get(kind.lower(), [])
    supported = ", ".join(known)
    if not WELL_FORMED.fullmatch(version) or (kind.lower() == GROUPS and version not in known):
        text = f"The api-version '{version}' is invalid. The supported versions are '{supported.replace(', ', ',')}'."
        raise Refused(400, "InvalidApiVersionParameter", text)
    if known and version not in known:
        name = kind.partition("/")[2]
        text = (
            f"No registered resource provider found for location '{location}' and API version '{version}' for type '{name}'. "
            f"The supported api-versions are '{supported}'."
        )
        raise Refused(400, "NoRegisteredProviderFound", text, headers={"x-ms-failure-cause": "gateway"})
    if known and version < SERVED_SINCE[kind.lower()]:
        raise not_simulated(f"{kind} in API version {version}, but only since {SERVED_SINCE[kind.lower()]}")
