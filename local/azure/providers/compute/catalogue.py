"""The available sizes by region, and how much of the quota is used."""

import re
from typing import Any

from local.azure.core import regions
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.world import World
from local.azure.providers.common import canonical, check_location
from local.azure.providers.compute.hibernation import size_hibernates
from local.azure.providers.kinds import MACHINE, SCALE_SET

REGIONAL_LIMIT = 100
FAMILY_LIMIT = 48
SPOT_LIMIT = 100
# https://learn.microsoft.com/azure/virtual-machines/spot-vms
NEVER_SPOT = re.compile(r"Standard_B\d|.*_Promo$")
# Most are their value with spaces, but not these (recorded).
SHOWN_NAMES = {
    "standard NDAMSv4_A100Family": "Standard NDAMSv4_A100Family",
    "StandardNCADSA100v4Family": "Standard NCADS_A100_v4 Family",
    "standardNDISv5MI300XFamily": "StandardNDI Sv 5MI300X Family",
}
# Sizes with these accelerators take images of the second generation only:
# https://learn.microsoft.com/azure/virtual-machines/generation-2#generation-2-vm-sizes
SECOND_GENERATION = ("_A100_", "_H100_", "_H200_")
# Zones that a size has in a region, as far as they are recorded; of all others it is assumed that they are in three zones.
ZONES = {
    ("southcentralus", "Standard_NC24ads_A100_v4"): ["1", "3"],
    ("southcentralus", "Standard_NC6s_v3"): [],
}
LIMITS = "limits"
MOST_DATA_DISKS = 32
RECORDED_DATA_DISKS = {"Standard_NC16as_T4_v3": 32, "Standard_NC24ads_A100_v4": 8}
RESTRICTIONS = "restrictions"
NO_CAPACITY = "no capacity"
GENERAL = re.compile(r"Standard_[DEF]\d+(?:-\d+)?(?P<letters>[a-z]*)_v(?P<version>\d+)")
NO_TRUSTED_LAUNCH = ("Standard_ND96asr_v4", "Standard_ND96amsr_A100_v4")


def skus(world: World, wanted: str) -> Answer:
    """Every size that is available in a region, or with "" in any region: one entry for each size and region."""
    if regions.exists(canonical(wanted)) and canonical(wanted) not in world.offering:
        raise not_simulated(f"the sizes in {wanted}")
    offered = [
        _sku(world, size, facts, region)
        for region in sorted(world.offering)
        if not wanted or region == canonical(wanted)
        for size, facts in world.catalogue.items()
        if region in facts["usd_per_hour"]
    ]
    return Answer(200, {"value": offered})


def usages(world: World, region: str) -> Answer:
    """How many vCPUs are used in a region, in total and by family; raises Refused for an unknown region."""
    check_location("locations/usages", region)
    if region not in world.offering:
        raise not_simulated(f"the usage in {region}")
    families = {facts["family"]: size for size, facts in world.catalogue.items() if region in facts["usd_per_hour"]}
    by_family = [family_usage(world, size, region) for size in families.values()]
    return Answer(200, {"value": [regional_usage(world, region), *by_family, spot_usage(world, region)]})


def regional_usage(world: World, region: str) -> dict[str, Any]:
    """The vCPUs of all machines in a region."""
    return _usage(world, region, "cores", "Total Regional vCPUs", "", REGIONAL_LIMIT)


def spot_usage(world: World, region: str) -> dict[str, Any]:
    """The vCPUs of all Spot VMs in a region, which count against no other quota, and also while they are deallocated."""
    return _usage(world, region, "lowPriorityCores", "Total Regional Low-priority vCPUs", "", SPOT_LIMIT, spot=True)


def family_usage(world: World, size: str, region: str) -> dict[str, Any]:
    """The vCPUs of one family in a region."""
    family = world.catalogue[size]["family"]
    return _usage(world, region, family, f"{_shown_name(family)} vCPUs", family, FAMILY_LIMIT)


def _shown_name(family: str) -> str:
    """The name of a family as Azure shows it to people, as far as it is recorded."""
    if family in SHOWN_NAMES:
        return SHOWN_NAMES[family]
    return re.sub(r"^[Ss]tandard ?(.*?) ?Family$", r"Standard \1 Family", family)


def _usage(
    world: World, region: str, name: str, words: str, family: str, limit: int, *, spot: bool = False
) -> dict[str, Any]:
    used = 0
    for machine in world.resources(MACHINE):
        facts = world.catalogue.get(machine["properties"]["hardwareProfile"]["vmSize"])
        counts = (machine["properties"].get("priority") == "Spot") is spot
        if facts and counts and machine["location"] == region and family in ("", facts["family"]):
            used += facts["vcpus"]
    used += _in_scale_sets(world, region, family, spot=spot)
    stored = world.store.get(LIMITS, f"{region}/{name}")
    limit = int(stored["limit"]) if stored else limit
    return {"limit": limit, "unit": "Count", "currentValue": used, "name": {"value": name, "localizedValue": words}}


def _in_scale_sets(world: World, region: str, family: str, *, spot: bool) -> int:
    """The vCPUs of the machines of scale sets, which count against the same quotas."""
    used = 0
    for group in world.resources(SCALE_SET):
        facts = world.catalogue[group["sku"]["name"]]
        counts = (group["properties"].get("priority") == "Spot") is spot
        if counts and group["location"] == region and family in ("", facts["family"]):
            used += facts["vcpus"] * int(group["sku"]["capacity"])
    return used


def capabilities_of(world: World, size: str) -> dict[str, str]:
    """What a size can do: the letters of general-purpose sizes, as in every recorded SKU; GPU sizes all have premium disks.

    Trusted launch: https://learn.microsoft.com/azure/virtual-machines/trusted-launch#virtual-machines-sizes
    """
    facts, letters = world.catalogue[size], GENERAL.fullmatch(size)
    features, version = (letters["letters"], letters["version"]) if letters else ("s", "")
    premium, arm = "s" in features, "p" in features
    first_generation = version == "3" and not premium
    newest_only = arm or any(part in size for part in SECOND_GENERATION)
    can = {
        "vCPUs": str(facts["vcpus"]),
        "MemoryGB": f"{facts['memory_gib']:g}",
        "HyperVGenerations": "V1" if first_generation else "V2" if newest_only else "V1,V2",
        "CpuArchitectureType": "Arm64" if arm else "x64",
        "PremiumIO": str(premium),
        "LowPriorityCapable": str(NEVER_SPOT.match(size) is None),
        **({"GPUs": str(facts["gpus"])} if facts["gpus"] else {}),
        **({"MaxDataDiskCount": str(most)} if (most := _most_data_disks(size, facts["vcpus"], version)) else {}),
    }
    if size_hibernates(size, facts["memory_gib"]):
        can["HibernationSupported"] = "True"
    return {**can, "TrustedLaunchDisabled": "True"} if arm or size in NO_TRUSTED_LAUNCH else can


def _most_data_disks(size: str, vcpus: int, version: str) -> int:
    """How many data disks a size takes, or 0 if that is not recorded: general-purpose sizes up to v5 take two for each vCPU."""
    if version:
        return min(2 * vcpus, MOST_DATA_DISKS) if int(version) < 6 else 0
    return RECORDED_DATA_DISKS.get(size, 0)


def has_local_disk(size: str) -> bool:
    """Whether machines of a size have a local temporary disk: from v4 on, general-purpose sizes with the letter d do.

    https://learn.microsoft.com/azure/virtual-machines/azure-vms-no-temp-disk
    """
    letters = GENERAL.fullmatch(size)
    return letters is None or int(letters["version"]) < 4 or "d" in letters["letters"]


def _sku(world: World, size: str, facts: dict[str, Any], region: str) -> dict[str, Any]:
    zones = ZONES.get((region, size), ["1", "2", "3"])
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
        "locationInfo": [{"location": region, "zones": zones, "zoneDetails": []}],
        "capabilities": [{"name": name, "value": value} for name, value in capabilities_of(world, size).items()],
        "restrictions": [restriction] if restricted else [],
    }
