"""Data disks: empty ones that an environment creates, or existing ones, attached to a VM at fixed LUNs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dormouse.resources.compute.virtual_machines import DISK, DISKS
from dormouse.resources.network import in_group
from dormouse.resources.plan import KEPT, Resource
from dormouse.resources.target import DeploymentTarget

# Azure caches no disk of 4 TiB or more. https://learn.microsoft.com/azure/virtual-machines/premium-storage-performance
LARGEST_CACHED_GIB = 4095


@dataclass(frozen=True, slots=True)
class DataDisk:
    """A data disk of so many GiB, or the one with this resource ID; `keep`: it stays when the environment is deleted."""

    size_gib: int = 0
    type: str = ""
    keep: bool = False
    id: str = ""


def data_disk(target: DeploymentTarget, lun: int, disk: DataDisk, zones: Sequence[str]) -> Resource:
    """A new, empty disk. A PUT of it never touches the content of an existing one.

    Its zones are those of its VM: Azure attaches no disk of another one.

    https://learn.microsoft.com/rest/api/compute/disks/create-or-update
    """
    properties = {"creationData": {"createOption": "Empty"}, "diskSizeGB": disk.size_gib}
    body = {"sku": {"name": disk.type}, "properties": properties, **({"zones": list(zones)} if zones else {})}
    settings = KEPT if disk.keep else {}
    return in_group(target, f"data-{lun}", DISK, target.called("data", str(lun)), body, settings=settings)


def with_data_disks(target: DeploymentTarget, vm: Resource, disks: Sequence[DataDisk]) -> list[Resource]:
    """The VM with its data disks attached, after those disks that the environment creates; LUNs follow the order.

    The deletion of a VM only detaches them: each is deleted by itself, or kept.
    """
    zones = vm.body.get("zones", ())
    made = {lun: data_disk(target, lun, disk, zones) for lun, disk in enumerate(disks) if not disk.id}
    attached = [
        {
            "lun": lun,
            "createOption": "Attach",
            "caching": "ReadOnly" if disk.size_gib <= LARGEST_CACHED_GIB and not disk.id else "None",
            "managedDisk": {"id": disk.id or target.id(DISKS, target.called("data", str(lun)))},
            "deleteOption": "Detach",
        }
        for lun, disk in enumerate(disks)
    ]
    properties = vm.body["properties"]
    profile = {**properties["storageProfile"], "dataDisks": attached}
    body = {**vm.body, "properties": {**properties, "storageProfile": profile}}
    needs = (*vm.needs, *(resource.name for resource in made.values()))
    return [*made.values(), replace(vm, body=body, needs=needs)] if disks else [vm]
