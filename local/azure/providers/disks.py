"""Microsoft.Compute: the disks of machines."""

from typing import Any

from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Refused
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.providers.common import Body, InUse
from local.azure.providers.kinds import DISK

IMAGE_SIZE_GIB = 30
GIB = 2**30
# Sizes of premium disks up to so many GiB, their tier, and what they bear: IOPS and MB/s.
# https://learn.microsoft.com/azure/virtual-machines/disks-types#premium-ssds
PREMIUM = (
    (4, "P1", 120, 25),
    (8, "P2", 120, 25),
    (16, "P3", 120, 25),
    (32, "P4", 120, 25),
    (64, "P6", 240, 50),
    (128, "P10", 500, 100),
    (256, "P15", 1100, 125),
    (512, "P20", 2300, 150),
    (1024, "P30", 5000, 200),
    (2048, "P40", 7500, 250),
    (4096, "P50", 7500, 250),
)
STANDARD = (500, 60)


def storage_profile(world: World, rid: ResourceId, given: Body, *, trusted: bool) -> Body:
    """What a machine has for disks and image, with what Azure adds to what was asked."""
    asked = given.get("osDisk") or {}
    name = asked.get("name") or f"{rid.name}_OsDisk_1_{world.guid('disk', rid.text, str(world.seconds())).replace('-', '')}"
    managed = {"storageAccountType": "Standard_LRS", **(asked.get("managedDisk") or {})}
    disk = {
        "osType": "Linux",
        "createOption": "FromImage",
        "caching": "ReadWrite",
        "deleteOption": "Detach",
        "diskSizeGB": IMAGE_SIZE_GIB,
        **asked,
        "name": name,
        "managedDisk": {**managed, "id": f"{rid.group_id}/providers/{DISK}/{name}"},
    }
    image = {**given["imageReference"], "exactVersion": "24.04.202610010"}
    more = {"diskControllerType": "SCSI"} if trusted else {}
    return {"imageReference": image, "osDisk": disk, "dataDisks": [], **more}


def create(world: World, machine: Document) -> None:
    """Make the disk of a machine that has been created."""
    profile = machine["properties"]["storageProfile"]["osDisk"]
    kind, size = profile["managedDisk"]["storageAccountType"], int(profile["diskSizeGB"])
    tier, operations, megabytes = _bearing(kind, size)
    image = machine["properties"]["storageProfile"]["imageReference"]
    where = f"/Subscriptions/{SUBSCRIPTION}/Providers/Microsoft.Compute/Locations/{machine['location']}/Publishers"
    offer = f"{image.get('publisher')}/ArtifactTypes/VMImage/Offers/{image.get('offer')}/Skus/{image.get('sku')}"
    properties: dict[str, Any] = {
        "osType": "Linux",
        "hyperVGeneration": "V2",
        "supportedCapabilities": {"architecture": "x64"},
        "creationData": {
            "createOption": "FromImage",
            "imageReference": {"id": f"{where}/{offer}/Versions/{image.get('exactVersion')}"},
        },
        "diskSizeGB": size,
        "diskIOPSReadWrite": operations,
        "diskMBpsReadWrite": megabytes,
        "encryption": {"type": "EncryptionAtRestWithPlatformKey"},
        "networkAccessPolicy": "AllowAll",
        "publicNetworkAccess": "Enabled",
        "timeCreated": world.text(),
        "provisioningState": "Succeeded",
        "diskState": "Attached",
        "diskSizeBytes": size * GIB,
        "uniqueId": world.guid("disk", machine["properties"]["vmId"]),
        "LastOwnershipUpdateTime": world.text(),
        **({"tier": tier} if tier else {}),
    }
    document = {
        "name": profile["name"],
        "id": profile["managedDisk"]["id"],
        "type": DISK,
        "location": machine["location"],
        "managedBy": machine["id"],
        "sku": {"name": kind, "tier": kind.partition("_")[0]},
        "properties": properties,
    }
    document |= {name: machine[name] for name in ("tags", "zones") if machine.get(name)}
    world.keep(document)


def set_free(world: World, machine: Document) -> None:
    """A machine goes: so does its disk if it is marked so, or it is nobody's."""
    profile = machine["properties"]["storageProfile"]["osDisk"]
    disk = world.resource(profile["managedDisk"]["id"])
    if disk is None:
        return
    if profile.get("deleteOption") == "Delete":
        world.forget(disk["id"])
        return
    properties = {**disk["properties"], "diskState": "Unattached"}
    world.keep({**{k: v for k, v in disk.items() if k != "managedBy"}, "properties": properties})


def mark(world: World, machine: Document) -> None:
    """A machine's disk follows its power."""
    disk = world.resource(machine["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"])
    if disk is not None:
        state = "Reserved" if machine["_power"] == "deallocated" else "Attached"
        world.keep({**disk, "properties": {**disk["properties"], "diskState": state}})


def disk_in_use(_: World, document: Document) -> Refused | None:
    """Why a disk cannot be deleted, if it cannot."""
    user = document.get("managedBy")
    if not user:
        return None
    return Refused(409, "OperationNotAllowed", f"Disk {document['name']} is attached to VM {user}.")


IN_USE: dict[str, InUse] = {DISK: disk_in_use}


def _bearing(kind: str, size: int) -> tuple[str, int, int]:
    if not kind.startswith("Premium"):
        return "", *STANDARD
    _, tier, operations, megabytes = next((row for row in PREMIUM if size <= row[0]), PREMIUM[-1])
    return tier, operations, megabytes
