"""What Azure lists about a VM size in a region: whether it can be used, in which zones, and what it can do. Pure.

https://learn.microsoft.com/rest/api/compute/resource-skus/list
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

VIRTUAL_MACHINES = "virtualMachines"
LOCATION, ZONE = "Location", "Zone"
X64, GIB = "x64", 2**30
SYSTEM_GIB = 30  # the size of Ubuntu's images


@dataclass(frozen=True, slots=True)
class SkuRow:
    """A VM size in a region.

    `vcpus` count against the quota of `family`. `restriction` is the code with which the size is closed to this
    subscription, or "". `zones` are those in which it can be used; sizes without zones can still be used in the region.
    """

    name: str
    family: str
    vcpus: int
    memory_gib: float
    gpus: int
    zones: tuple[str, ...]
    restriction: str
    capabilities: Mapping[str, str]


def sku_rows(items: Iterable[Mapping[str, Any]], region: str) -> list[SkuRow]:
    """The VM sizes among the resource SKUs of a region."""
    return [_row(item, region) for item in items if item["resourceType"] == VIRTUAL_MACHINES]


def missing_capability(properties: Mapping[str, Any], can: Mapping[str, str]) -> str:
    """What a VM with these properties needs and its size cannot do, as a complement of the size's name, or "".

    Capabilities that Azure does not state are no fault.
    """
    disk = properties["storageProfile"]["osDisk"]
    kind = str((disk.get("managedDisk") or {}).get("storageAccountType") or "")
    if kind.startswith("Premium") and can.get("PremiumIO") == "False":
        return f"cannot use {kind} disks"
    if can.get("CpuArchitectureType", X64) != X64:
        return f"has {can['CpuArchitectureType']} processors, and the setup of the machine needs {X64}"
    count, most = len(properties["storageProfile"].get("dataDisks") or []), can.get("MaxDataDiskCount", "")
    if most and count > int(most):
        return f"takes at most {most} data disks, and {count} are asked for"
    if properties.get("priority") == "Spot" and can.get("LowPriorityCapable") == "False":
        return "cannot be used for Spot VMs"
    if "diffDiskSettings" in disk and (words := _without_room(disk, can)):
        return words
    if (properties.get("additionalCapabilities") or {}).get("hibernationEnabled"):
        return _why_awake(properties, can)
    if "securityProfile" not in properties:
        return ""
    if "V2" not in can.get("HyperVGenerations", "V2"):
        return "cannot boot images of generation 2, which trusted launch needs"
    return "does not support trusted launch" if can.get("TrustedLaunchDisabled") == "True" else ""


def _why_awake(properties: Mapping[str, Any], can: Mapping[str, str]) -> str:
    """Why a VM with these properties cannot hibernate, or ""; unlike other capabilities, Azure must state this one.

    https://learn.microsoft.com/azure/virtual-machines/hibernate-resume
    """
    if can.get("HibernationSupported") != "True":
        return "does not support hibernation; leave `hibernation` out, or choose a size like Standard_NV6ads_A10_v5"
    if properties.get("priority") == "Spot":
        return "cannot hibernate as a Spot VM; leave one of the two out"
    disk = properties["storageProfile"]["osDisk"]
    if "diffDiskSettings" in disk:
        return "cannot hibernate with an ephemeral OS disk"
    memory, size_gib = float(can.get("MemoryGB", 0)), int(disk["diskSizeGB"])
    if size_gib < memory + SYSTEM_GIB:
        needed = f"at least {memory + SYSTEM_GIB:g} GiB are needed, and {size_gib} GiB are asked for"
        return f"keeps {memory:g} GiB of memory on the OS disk when it hibernates, beside the system: {needed}"
    return ""


def _without_room(disk: Mapping[str, Any], can: Mapping[str, str]) -> str:
    """Why the local storage of a size cannot hold an ephemeral OS disk, or "".

    Without a placement, Azure takes the cache if there is one. https://learn.microsoft.com/azure/virtual-machines/ephemeral-os-disks
    """
    if can.get("EphemeralOSDiskSupported") == "False":
        return "does not support ephemeral OS disks"
    room = {
        "CacheDisk": int(can.get("CachedDiskBytes", 0)) / GIB,
        "ResourceDisk": int(can.get("MaxResourceVolumeMB", 0)) / 1024,
        "NvmeDisk": int(can.get("NvmeDiskSizeInMiB", 0)) / 1024,
    }
    wanted = disk["diffDiskSettings"].get("placement") or next((name for name, gib in room.items() if gib), "")
    if not wanted or int(disk["diskSizeGB"]) <= room[wanted]:
        return ""
    return f"has {room[wanted]:.0f} GiB for an ephemeral OS disk ({wanted}), and {disk['diskSizeGB']} GiB are needed"


def _row(item: Mapping[str, Any], region: str) -> SkuRow:
    can = {str(each["name"]): str(each["value"]) for each in item.get("capabilities") or []}
    restrictions = list(item.get("restrictions") or [])
    closed = next((each for each in restrictions if each["type"] == LOCATION), None)
    shut = {zone for each in restrictions if each["type"] == ZONE for zone in _zones(each.get("restrictionInfo"))}
    listed = {
        zone
        for place in item.get("locationInfo") or []
        if str(place.get("location", "")).lower() == region
        for zone in _zones(place)
    }
    return SkuRow(
        str(item["name"]),
        str(item.get("family") or ""),
        int(can.get("vCPUs", 0)),
        float(can.get("MemoryGB", 0)),
        int(can.get("GPUs", 0)),
        tuple(sorted(listed - shut)),
        str(closed.get("reasonCode") or LOCATION) if closed else "",
        can,
    )


def _zones(place: Mapping[str, Any] | None) -> Iterable[str]:
    return map(str, (place or {}).get("zones") or [])
