"""What a machine is billed as, and for whom: what the power history says of a time in which nothing of it changed. Pure."""

from dataclasses import dataclass

SPOT_PREFIX = "spot "


@dataclass(frozen=True, slots=True)
class BilledAs:
    """A number of VMs of one size in a region, `spot` or regular ones, and the environment that they belong to, or ""."""

    size: str
    region: str
    count: int = 1
    spot: bool = False
    environment: str = ""
    owner: str = ""
    blueprint: str = ""


def machine_price_key(size: str, *, spot: bool) -> str:
    """The key of the price of a VM size among the prices of its region."""
    return f"{SPOT_PREFIX if spot else ''}{size.lower()}"
