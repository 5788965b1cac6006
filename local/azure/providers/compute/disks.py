"""Microsoft.Compute: the disks of machines."""

from typing import Any

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.providers.common import Body, InUse, check_put, referenced, tracked
from local.azure.providers.compute import data_disks
from local.azure.providers.compute.hibernation import is_enabled
from local.azure.providers.compute.images import image_of
from local.azure.providers.kinds import DISK

PUT_PAUSE = 2
TIER_AT_ONCE_SINCE = "2024-03-02"
GIB = 2**30
# Sizes of premium disks up to so many GiB, their tier, and their limits: IOPS and MB/s.
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
    """The storage profile of a new machine: the requested disks and image, with Azure's additions."""
    asked, reference = given.get("osDisk") or {}, given.get("imageReference")
    image = image_of(reference or {})
    name = asked.get("name") or f"{rid.name}_OsDisk_1_{world.guid('disk', rid.text, str(world.seconds())).replace('-', '')}"
    own = f"{rid.group_id}/providers/{DISK}/{name}"
    if asked.get("createOption") == "Attach":
        there = referenced(world, str(asked["managedDisk"]["id"]), rid.text)
        name, own = there["name"], there["id"]
        size, managed = there["properties"]["diskSizeGB"], {"storageAccountType": there["sku"]["name"]}
    else:
        size, managed = image.size_gib, {"storageAccountType": "Standard_LRS", **(asked.get("managedDisk") or {})}
    disk = {
        "osType": image.system,
        "createOption": "FromImage",
        "caching": "ReadWrite",
        "deleteOption": "Detach",
        "diskSizeGB": size,
        **asked,
        "name": name,
        "managedDisk": {**managed, "id": own},
    }
    made_from = {"imageReference": {**reference, "exactVersion": image.exact_version}} if reference else {}
    more = {"diskControllerType": "SCSI"} if trusted else {}
    others = data_disks.attached(world, rid, given.get("dataDisks") or [], [])
    return {**made_from, "osDisk": disk, "dataDisks": others, **more}


def create(world: World, machine: Document) -> Document:
    """Create the OS disk of a new machine, and its data disks; returns the machine with them."""
    profile = machine["properties"]["storageProfile"]["osDisk"]
    if profile["createOption"] == "Attach":
        _own(world, machine, profile["managedDisk"]["id"])
        return settle(world, machine)
    reference = machine["properties"]["storageProfile"]["imageReference"]
    where = f"/Subscriptions/{SUBSCRIPTION}/Providers/Microsoft.Compute/Locations/{machine['location']}/Publishers"
    offer = f"{reference.get('publisher')}/ArtifactTypes/VMImage/Offers/{reference.get('offer')}/Skus/{reference.get('sku')}"
    image = image_of(reference)
    properties: dict[str, Any] = {
        "osType": image.system,
        "hyperVGeneration": image.generation,
        **({"supportsHibernation": True} if image.capabilities or is_enabled(machine["properties"]) else {}),
        "supportedCapabilities": {**dict(image.capabilities), "architecture": "x64"},
        "creationData": {
            "createOption": "FromImage",
            "imageReference": {"id": f"{where}/{offer}/Versions/{reference.get('exactVersion')}"},
        },
    }
    like = {"name": profile["name"], "id": profile["managedDisk"]["id"], "location": machine["location"]}
    like |= {name: machine[name] for name in ("tags", "zones") if machine.get(name) is not None}
    kind = profile["managedDisk"]["storageAccountType"]
    world.keep(_disk(world, like, kind, int(profile["diskSizeGB"]), properties, machine))
    return settle(world, machine)


def settle(world: World, machine: Document) -> Document:
    """Attach and detach data disks as the machine was told; returns the machine as it is from now on."""
    rid = parse(machine["id"])
    profile = machine["properties"]["storageProfile"]
    assert rid is not None
    for disk in profile["dataDisks"]:
        identifier = data_disks.disk_id(rid, disk)
        if disk.get("toBeDetached"):
            _set_free(world, identifier)
        elif world.resource(identifier) is None:
            like = {"name": disk["name"], "id": identifier, "location": machine["location"]}
            like |= {name: machine[name] for name in ("tags", "zones") if machine.get(name) is not None}
            kind, origin = disk["managedDisk"]["storageAccountType"], {"creationData": {"createOption": "Empty"}}
            world.keep(_disk(world, like, kind, int(disk["diskSizeGB"]), origin, machine))
        else:
            _own(world, machine, identifier)
    after = {**profile, "dataDisks": data_disks.settled(rid, profile["dataDisks"])}
    return {**machine, "properties": {**machine["properties"], "storageProfile": after}}


def put_disk(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to create an empty disk: the first response shows what was asked, and the operation shows the disk."""
    body = request.json()
    check_put(world, rid, body)
    if world.resource(rid.text) is not None:
        raise not_simulated("a PUT that changes a disk")
    given = body["properties"]
    if given.get("diskSizeGB") is None:
        raise Refused(400, "InvalidParameter", "Required parameter 'diskSizeGB' is missing (null).", target="diskSizeGB")
    kind = (body.get("sku") or {}).get("name", "Standard_LRS")
    drawn = () if kind.startswith("UltraSSD") else ("diskIOPSReadWrite", "diskMBpsReadWrite")
    shown = {name: value for name, value in given.items() if name not in drawn}
    if request.version >= TIER_AT_ONCE_SINCE and kind.startswith("Premium"):
        shown["tier"] = bearing(kind, int(given["diskSizeGB"]))[0]
    document = {**tracked(rid, body, {**shown, "provisioningState": "Updating"}), "sku": {"name": kind}}
    operation = operations.begin(
        world,
        "disk created",
        rid.text,
        f"PUT {DISK}",
        request=("PUT", rid.text),
        provider="Microsoft.Compute",
        asked={**given, "zones": body.get("zones")},
    )
    world.keep(document)
    headers = operations.addresses(operation, request, document["location"])
    return Answer(202, document, {**headers, "Retry-After": str(PUT_PAUSE)})


@operations.finisher("disk created")
def _created(world: World, operation: Document) -> None:
    document = world.resource(operation["resource"])
    if document is None:
        return
    if operation["status"] == "Failed":
        world.forget(operation["resource"])
        return
    asked = operation["asked"]
    # A tier belongs to premium disks; of other disks it is forgotten, as are their limits.
    own = {name: value for name, value in document["properties"].items() if name not in ("tier", "provisioningState")}
    like = {**document, **({"zones": asked["zones"]} if asked.get("zones") else {})}
    made = _disk(world, like, document["sku"]["name"], int(asked["diskSizeGB"]), own, None)
    operation["output"] = world.keep(made)


def set_free(world: World, machine: Document) -> None:
    """Delete the disks of a deleted machine that are marked for deletion; detach the others."""
    profile = machine["properties"]["storageProfile"]
    for disk in (profile["osDisk"], *profile["dataDisks"]):
        identifier = str(disk["managedDisk"].get("id") or "")
        if disk.get("deleteOption") == "Delete":
            world.forget(identifier)
        else:
            _set_free(world, identifier)


def mark(world: World, machine: Document) -> None:
    """Update the state of a machine's disks with its power state."""
    state = "Reserved" if machine["_power"] == "deallocated" else "Attached"
    profile = machine["properties"]["storageProfile"]
    for entry in (profile["osDisk"], *profile["dataDisks"]):
        disk = world.resource(str(entry["managedDisk"].get("id") or ""))
        if disk is not None:
            world.keep({**disk, "properties": {**disk["properties"], "diskState": state}})


def at_rest(profile: Body) -> Body:
    """The storage profile of a deallocated machine: the sizes and kinds of its disks are not shown, as recorded."""
    return {**profile, "osDisk": _at_rest(profile["osDisk"]), "dataDisks": [_at_rest(disk) for disk in profile["dataDisks"]]}


def _at_rest(disk: Body) -> Body:
    managed = {name: value for name, value in disk["managedDisk"].items() if name != "storageAccountType"}
    return {**{name: value for name, value in disk.items() if name != "diskSizeGB"}, "managedDisk": managed}


def _own(world: World, machine: Document, identifier: str) -> None:
    disk = world.resource(identifier)
    if disk is not None and disk.get("managedBy") != machine["id"]:
        more = {"diskState": "Attached", "LastOwnershipUpdateTime": world.text()}
        world.keep({**disk, "managedBy": machine["id"], "properties": {**disk["properties"], **more}})


def _set_free(world: World, identifier: str) -> None:
    disk = world.resource(identifier)
    if disk is not None:
        properties = {**disk["properties"], "diskState": "Unattached"}
        world.keep({**{k: v for k, v in disk.items() if k != "managedBy"}, "properties": properties})


def _disk(world: World, like: Document, kind: str, size: int, origin: Body, owner: Document | None) -> Document:
    """A disk that is ready, attached to a machine or to none."""
    tier, per_second, megabytes = bearing(kind, size)
    properties = {
        "diskSizeGB": size,
        "diskIOPSReadWrite": per_second,
        "diskMBpsReadWrite": megabytes,
        "encryption": {"type": "EncryptionAtRestWithPlatformKey"},
        "networkAccessPolicy": "AllowAll",
        "publicNetworkAccess": "Enabled",
        **origin,
        "timeCreated": world.text(),
        "provisioningState": "Succeeded",
        "diskState": "Attached" if owner else "Unattached",
        "diskSizeBytes": size * GIB,
        "uniqueId": world.guid("disk", like["id"], str(world.seconds())),
        **({"LastOwnershipUpdateTime": world.text()} if owner else {}),
        **({"tier": tier} if tier else {}),
    }
    document = {**like, "type": DISK, "sku": {"name": kind, "tier": kind.partition("_")[0]}, "properties": properties}
    return {**document, **({"managedBy": owner["id"]} if owner else {})}


def disk_in_use(_: World, document: Document) -> Refused | None:
    """The reason why a disk cannot be deleted, if there is one."""
    user = document.get("managedBy")
    if not user:
        return None
    return Refused(409, "OperationNotAllowed", f"Disk {document['name']} is attached to VM {user}.")


IN_USE: dict[str, InUse] = {DISK: disk_in_use}


def bearing(kind: str, size: int) -> tuple[str, int, int]:
    """The tier of a disk of this kind and size ("": it has none), and its limits: IOPS and MB/s."""
    if not kind.startswith("Premium"):
        return "", *STANDARD
    _, tier, operations, megabytes = next((row for row in PREMIUM if size <= row[0]), PREMIUM[-1])
    return tier, operations, megabytes
