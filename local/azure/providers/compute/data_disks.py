"""Microsoft.Compute: the data disks of machines, as recorded while they are attached and detached."""

from typing import Any

from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Refused
from local.azure.core.world import World
from local.azure.providers.common import Body
from local.azure.providers.kinds import DISK

# A new disk gets its ID when the operation ends.
PENDING = "_pending"
CHOSEN = ("caching", "toBeDetached", "detachOption", "deleteOption")


def attached(world: World, rid: ResourceId, asked: list[Body], before: list[Body]) -> list[Body]:
    """The data disks of a machine while a change is under way: those to keep or add, and those that are being detached."""
    known = {disk["lun"]: disk for disk in before}
    going = [
        {**disk, "toBeDetached": True}
        for disk in before
        if not any(item["lun"] == disk["lun"] and _same(item, disk) for item in asked)
    ]
    staying = [_disk(world, rid, item, known.get(item["lun"])) for item in asked]
    return [*going, *staying]


def settled(rid: ResourceId, disks: list[Body]) -> list[Body]:
    """The data disks when the change has ended: those to be detached are gone, and new ones exist."""
    kept = []
    for disk in disks:
        if disk.get("toBeDetached"):
            continue
        bare = {name: value for name, value in disk.items() if name != PENDING}
        kept.append({**bare, "managedDisk": {**disk["managedDisk"], "id": disk_id(rid, disk)}})
    return kept


def shown(disks: list[Body]) -> list[Body]:
    """The data disks as callers see them."""
    return [
        {
            **{name: value for name, value in disk.items() if name != PENDING},
            "managedDisk": {
                name: value for name, value in disk["managedDisk"].items() if not (name == "id" and disk.get(PENDING))
            },
        }
        for disk in disks
    ]


def disk_id(rid: ResourceId, disk: Body) -> str:
    """The ID of the disk in an entry."""
    return str(disk["managedDisk"].get("id") or f"{rid.group_id}/providers/{DISK}/{disk['name']}")


def _same(item: Body, disk: Body) -> bool:
    identifier = str((item.get("managedDisk") or {}).get("id") or "").lower()
    if identifier:
        return identifier == str(disk["managedDisk"].get("id") or "").lower()
    return item.get("name") in (None, disk["name"]) and item["createOption"] == disk["createOption"]


def _disk(world: World, rid: ResourceId, item: Body, before: Body | None) -> Body:
    if before is not None and _same(item, before):
        chosen: Body = {name: item[name] for name in CHOSEN if name in item}
        return {**before, **chosen}
    option, managed = item["createOption"], dict(item.get("managedDisk") or {})
    there: Any = None
    if option == "Attach":
        there = world.resource(str(managed.get("id") or ""))
        if there is None:
            raise Refused(404, "NotFound", f"Resource {managed.get('id')} not found.", details=[])
        managed = {"storageAccountType": there["sku"]["name"], "id": managed["id"]}
    size = there["properties"]["diskSizeGB"] if there else item.get("diskSizeGB")
    if size is None:
        raise Refused(400, "InvalidParameter", "Required parameter 'dataDisk.diskSizeGB' is missing (null).")
    number = 2 + int(item["lun"])
    drawn = world.guid("disk", rid.text, str(item["lun"]), str(world.seconds())).replace("-", "")
    return {
        "lun": item["lun"],
        "name": there["name"] if there else item.get("name") or f"{rid.name}_disk{number}_{drawn}",
        "createOption": option,
        "caching": item.get("caching", "None"),
        "managedDisk": {"storageAccountType": "Premium_LRS", **managed},
        "deleteOption": item.get("deleteOption", "Detach"),
        "diskSizeGB": size,
        "toBeDetached": False,
        **({} if there else {PENDING: True}),
    }
