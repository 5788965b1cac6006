"""Where there is no capacity: by region, zone and size, with Azure's code for it.

The messages are quoted from https://github.com/Azure-Samples/azuresandbox/issues/70 and
https://github.com/mspnp/aks-baseline/issues/372 (SkuNotAvailable), https://github.com/Azure-Samples/aks-store-demo/issues/115
and https://github.com/jenkins-infra/azure/pull/1416 (overconstrained).
"""

from collections.abc import Sequence

from local.azure.core.responses import Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import canonical
from local.azure.providers.compute.catalogue import NO_CAPACITY

MORE = "Read more about improving likelihood of allocation success at http://aka.ms/allocation-guidance"
RESTRICTED = "SkuNotAvailable"
OVERCONSTRAINED = ("OverconstrainedAllocationRequest", "OverconstrainedZonalAllocationRequest")
LATE = ("AllocationFailed", "ZonalAllocationFailed", *OVERCONSTRAINED)


def key_of(region: str, zone: str, size: str) -> str:
    """Where the lack of capacity of a size in a region, or in one of its zones, is kept."""
    return f"{canonical(region)}/{zone}/{size}"


def no_capacity(world: World, machine: Document) -> Refused | None:
    """The late failure of an operation when there is no capacity for a machine in its region or zone."""
    place, zone = _lacking(world, machine["properties"]["hardwareProfile"]["vmSize"], machine["location"], _zones(machine))
    if place is None or _code(place, zone) == RESTRICTED:
        return None
    code = _code(place, zone)
    if code in OVERCONSTRAINED:
        named = place.get("constraints") or (["Availability Zone", "VM Size"] if zone else ["VM Size"])
        listed = "".join(f"  - {constraint}\n" for constraint in named)
        text = (
            "Allocation failed. VM(s) with the following constraints cannot be allocated, because the condition is too "
            f"restrictive. Please remove some constraints and try again. Constraints applied are:\n{listed}"
        )
        return Refused(409, code, text)
    where = "zone" if code == "ZonalAllocationFailed" else "region"
    text = f"Allocation failed. We do not have sufficient capacity for the requested VM size in this {where}. {MORE}"
    return Refused(409, code, text)


def check_capacity(world: World, size: str, region: str, zones: Sequence[str]) -> None:
    """Raise the refusal with which Azure answers at once if a size has no capacity."""
    place, zone = _lacking(world, size, region, zones)
    if place is not None and _code(place, zone) == RESTRICTED:
        raise restricted(size, region, zone)


def restricted(size: str, region: str, zone: str = "") -> Refused:
    """The refusal of a size that cannot be had in a region, or in one of its zones."""
    where = f"'{region}' zones '{zone}'" if zone else f"'{region}'"
    text = (
        f"The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: {size}' is currently not "
        f"available in location {where}. Please try another size or deploy to a different location or different zone. See "
        "https://aka.ms/azureskunotavailable for details."
    )
    return Refused(409, RESTRICTED, text)


def _zones(machine: Document) -> Sequence[str]:
    return list(machine.get("zones") or [])


def _lacking(world: World, size: str, region: str, zones: Sequence[str]) -> tuple[Document | None, str]:
    """What is known of the lack of capacity, and the zone that it is about ("": the region)."""
    for zone in (*zones, ""):
        if (place := world.store.get(NO_CAPACITY, key_of(region, zone, size))) is not None:
            return place, zone
    return None, ""


def _code(place: Document, zone: str) -> str:
    return str(place.get("code") or ("ZonalAllocationFailed" if zone else "AllocationFailed"))
