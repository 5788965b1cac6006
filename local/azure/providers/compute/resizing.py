"""Microsoft.Compute: other sizes of machines and disks that exist, and what Azure refuses of them."""

from typing import Any

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import Body, found
from local.azure.providers.compute.admission import check_more_vcpus
from local.azure.providers.compute.capacity import check_capacity, no_capacity
from local.azure.providers.compute.catalogue import capabilities_of, has_local_disk
from local.azure.providers.compute.disks import GIB, bearing
from local.azure.providers.compute.hibernation import check_awake
from local.azure.providers.compute.spot import is_spot
from local.azure.providers.kinds import DISK

# https://learn.microsoft.com/rest/api/compute/disks/update#diskstorageaccounttypes
KINDS = (
    "Standard_LRS",
    "StandardSSD_LRS",
    "Premium_LRS",
    "PremiumV2_LRS",
    "UltraSSD_LRS",
    "StandardSSD_ZRS",
    "Premium_ZRS",
)
AT_REST = ("Reserved", "Unattached")


def check_resize(world: World, machine: Document, size: str) -> None:
    """Raise the refusal of a machine's new size, if there is one; the size is offered in the region."""
    before, name = str(machine["properties"]["hardwareProfile"]["vmSize"]), machine["name"]
    if size.lower() == before.lower() or before not in world.catalogue:
        return
    check_awake(machine, "the size")
    if has_local_disk(size) != has_local_disk(before):
        # https://github.com/MicrosoftDocs/azure-docs/pull/76920; the code:
        # https://github.com/Azure/SAP-on-Azure-Scripts-and-Utilities/issues/130
        text = (
            f"Unable to resize the VM '{name}' since changing from resource disk to non-resource disk VM size and vice-versa "
            "is not allowed. Please refer to https://aka.ms/AAah4sj for more details."
        )
        raise Refused(409, "OperationNotAllowed", text)
    secure = (machine["properties"].get("securityProfile") or {}).get("securityType") == "TrustedLaunch"
    if secure and capabilities_of(world, size).get("TrustedLaunchDisabled"):
        text = f"The VM size '{size}' is not supported for VMs with 'TrustedLaunch' security type."  # words are assumed
        raise Refused(400, "BadRequest", text)
    check_capacity(world, size, machine["location"], machine.get("zones") or [])
    check_more_vcpus(world, before, size, machine["location"], spot=is_spot(machine["properties"]))
    if machine["_power"] != "deallocated" and world.catalogue[size]["family"] != world.catalogue[before]["family"]:
        # That a cluster has the sizes of one family only is assumed; the words and the code:
        # https://github.com/microsoft/service-fabric-issues/issues/472
        family = world.catalogue[before]["family"]
        there = ",".join(one for one, facts in world.catalogue.items() if facts["family"] == family)
        text = (
            f"Unable to resize the VM '{name}' because the requested size {size} is not available in the current hardware "
            f"cluster. The available sizes are: {there}. Read more on VM resizing strategy at https://aka.ms/azure-resizevm."
        )
        raise Refused(409, "OperationNotAllowed", text, target="vmSize")


def of_resize(world: World, existing: Document, changed: Document) -> Body:
    """What a change of the size adds to an operation: a running machine restarts, and needs capacity for the new size.

    https://learn.microsoft.com/azure/virtual-machines/sizes/resize-vm
    """
    before, after = (one["properties"]["hardwareProfile"]["vmSize"] for one in (existing, changed))
    if before == after:
        return {}
    restarts = existing["_power"] == "running"
    return {"size_before": before, "restarts": restarts, "failure": no_capacity(world, changed) if restarts else None}


def patch_disk(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to grow a disk or to change its kind, while no machine runs from it."""
    body, disk = request.json(), found(world, rid)
    given, sku = body.get("properties") or {}, body.get("sku") or {}
    unknown = set(body) - {"properties", "sku", "tags"} | (set(given) - {"diskSizeGB"}) | (set(sku) - {"name"})
    if unknown:
        raise not_simulated(f"a PATCH of disks that changes {', '.join(sorted(unknown))}")
    size, kind = (
        int(given.get("diskSizeGB") or disk["properties"]["diskSizeGB"]),
        str(sku.get("name") or disk["sku"]["name"]),
    )
    if kind not in KINDS:
        raise not_simulated(f"a PATCH of a disk with the kind {kind}")
    _check_disk(disk, size, kind)
    check_awake(world.resource(str(disk.get("managedBy") or "")) or {}, "disks")
    operation = operations.begin(
        world,
        "disk changed",
        rid.text,
        f"PUT {DISK}",
        request=("PATCH", rid.text),
        provider="Microsoft.Compute",
        size=size,
        sku=kind,
        tags=body.get("tags"),
    )
    headers = operations.addresses(operation, request, disk["location"])
    shown = {name: value for name, value in disk.items() if not name.startswith("_")}
    return Answer(202, {**shown, "properties": {**disk["properties"], "provisioningState": "Updating"}}, headers)


def _check_disk(disk: Document, size: int, kind: str) -> None:
    before = int(disk["properties"]["diskSizeGB"])
    if size < before:
        # The words: https://github.com/MicrosoftDocs/azure-docs/pull/57951; the code is assumed.
        text = (
            f"The disk/snapshot resource with id {disk['id']} cannot be resized down. Reducing disk/snapshot size is not "
            "supported in Azure to prevent data loss. If you do need to reduce the size of the disk, please create new "
            "snapshot/disks with the appropriate size. More information is available at https://aka.ms/AzureDisksFAQ"
        )
        raise Refused(409, "OperationNotAllowed", text)
    changes = size != before or kind != disk["sku"]["name"]
    if changes and disk["properties"].get("diskState") not in AT_REST:
        # https://github.com/MicrosoftDocs/azure-docs/issues/94452; the code is that of other disks of running machines:
        # https://github.com/kubernetes/kubernetes/issues/96706
        text = f"Change in disk property of OS disk '{disk['name']}' is not allowed when VM is running"
        if not disk["properties"].get("osType"):
            text = (
                f"Cannot resize disk {disk['name']} while it is attached to running VM {disk.get('managedBy')}. Resizing a "
                "disk of an Azure Virtual Machine requires the virtual machine to be deallocated. Please stop your VM and "
                "retry the operation."
            )
        raise Refused(409, "OperationNotAllowed", text)


@operations.finisher("disk changed")
def _disk_changed(world: World, operation: Document) -> None:
    disk = world.resource(operation["resource"])
    if disk is None or operation["status"] == "Failed":
        return
    size, kind = int(operation["size"]), str(operation["sku"])
    tier, per_second, megabytes = bearing(kind, size)
    own = {name: value for name, value in disk["properties"].items() if name != "tier"}
    properties: dict[str, Any] = {
        **own,
        "diskSizeGB": size,
        "diskSizeBytes": size * GIB,
        "diskIOPSReadWrite": per_second,
        "diskMBpsReadWrite": megabytes,
        **({"tier": tier} if tier else {}),
    }
    tags = {"tags": operation["tags"]} if operation.get("tags") is not None else {}
    kept = {**disk, **tags, "sku": {"name": kind, "tier": kind.partition("_")[0]}, "properties": properties}
    operation["output"] = world.keep(kept)
    machine = world.resource(str(disk.get("managedBy") or ""))
    if machine is not None:
        world.keep(_with_disk(machine, disk["id"], size, kind))


def _with_disk(machine: Document, identifier: str, size: int, kind: str) -> Document:
    """A machine that shows the size and the kind of its OS disk."""
    profile = machine["properties"]["storageProfile"]
    disk = profile["osDisk"]
    if str(disk["managedDisk"].get("id", "")).lower() != identifier.lower():
        return machine
    changed = {**disk, "diskSizeGB": size, "managedDisk": {**disk["managedDisk"], "storageAccountType": kind}}
    return {**machine, "properties": {**machine["properties"], "storageProfile": {**profile, "osDisk": changed}}}
