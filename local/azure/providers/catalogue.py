"""What is offered where, and how much of the quota is used."""

from typing import Any

from local.azure.core.responses import Answer
from local.azure.core.world import World
from local.azure.providers.common import check_location
from local.azure.providers.kinds import MACHINE

REGIONAL_LIMIT = 100
FAMILY_LIMIT = 48
LIMITS = "limits"
RESTRICTIONS = "restrictions"
NO_CAPACITY = "no capacity"


def skus(world: World, region: str) -> Answer:
    """Every size that is offered in a region."""
    offered = [(size, facts) for size, facts in world.catalogue.items() if not region or region in facts["usd_per_hour"]]
    return Answer(200, {"value": [_sku(world, size, facts, region) for size, facts in offered]})


def usages(world: World, region: str) -> Answer:
    """How many vCPUs are used in a region, in all and by family; raises Refused for a region that is none."""
    check_location(world, "locations/usages", region)
    families = {facts["family"]: size for size, facts in world.catalogue.items() if region in facts["usd_per_hour"]}
    by_family = [family_usage(world, size, region) for size in families.values()]
    return Answer(200, {"value": [regional_usage(world, region), *by_family]})


def regional_usage(world: World, region: str) -> dict[str, Any]:
    """The vCPUs of all machines in a region."""
    return _usage(world, region, "cores", "Total Regional vCPUs", "", REGIONAL_LIMIT)


def family_usage(world: World, size: str, region: str) -> dict[str, Any]:
    """The vCPUs of one family in a region."""
    family = world.catalogue[size]["family"]
    return _usage(world, region, family, f"{family} vCPUs", family, FAMILY_LIMIT)


def _usage(world: World, region: str, name: str, words: str, family: str, limit: int) -> dict[str, Any]:
    used = 0
    for machine in world.resources(MACHINE):
        facts = world.catalogue.get(machine["properties"]["hardwareProfile"]["vmSize"])
        if facts and machine["location"] == region and family in ("", facts["family"]):
            used += facts["vcpus"]
    told = world.store.get(LIMITS, f"{region}/{name}")
    limit = int(told["limit"]) if told else limit
    return {"limit": limit, "unit": "Count", "currentValue": used, "name": {"value": name, "localizedValue": words}}


def _sku(world: World, size: str, facts: dict[str, Any], region: str) -> dict[str, Any]:
    capabilities = {
        "vCPUs": facts["vcpus"],
        "MemoryGB": facts["memory_gib"],
        "GPUs": facts["gpus"],
        "HyperVGenerations": "V1,V2",
        "CpuArchitectureType": "x64",
    }
    restricted = world.store.get(RESTRICTIONS, f"{region}/{size}")
    restriction = {
        "type": "Location",
        "values": [region],
        "restrictionInfo": {"locations": [region]},
        "reasonCode": "NotAvailableForSubscription",
    }
    return {
        "resourceType": "virtualMachines",
        "name": size,
        "tier": "Standard",
        "size": size.removeprefix("Standard_"),
        "family": facts["family"],
        "locations": [region],
        "locationInfo": [{"location": region, "zones": ["1", "2", "3"], "zoneDetails": []}],
        "capabilities": [{"name": name, "value": str(value)} for name, value in capabilities.items()],
        "restrictions": [restriction] if restricted else [],
    }
