"""Microsoft.Compute: virtual machines, their disks and extensions."""

import re
from typing import Any

from local.azure import operations
from local.azure.answers import Answer, Refused, not_simulated
from local.azure.guest import Guest
from local.azure.identifiers import ResourceId
from local.azure.providers import roles
from local.azure.providers.catalogue import RESTRICTIONS, family_usage, regional_usage
from local.azure.providers.common import (
    FAREWELLS,
    Body,
    InUse,
    check_put,
    delete_later,
    found,
    referenced,
    tracked,
)
from local.azure.store import Document
from local.azure.world import TENANT, World, visible

MACHINE = "Microsoft.Compute/virtualMachines"
EXTENSION = "Microsoft.Compute/virtualMachines/extensions"
DISK = "Microsoft.Compute/disks"
PAUSE = 10
LARGEST_CUSTOM_DATA = 65535


def put_machine(world: World, rid: ResourceId, body: Body, base: str) -> Answer:
    """A machine: created or changed; its first answer does not tell the name of its disk."""
    check_put(world, rid, body)
    existing = world.resource(rid.text)
    given = body["properties"]
    _check_size(world, given["hardwareProfile"]["vmSize"], body["location"])
    if existing is None:
        _check_new(world, rid, body)
    fault = world.faults.striking("fail", "PUT", rid.text, MACHINE)
    document = _machine(world, rid, body, existing)
    world.keep(document)
    for nic in given["networkProfile"]["networkInterfaces"]:
        _attach(world, nic["id"], rid.text)
    verb = "UPDATE" if existing else "PUT"
    operation = operations.begin(
        world,
        "machine changed" if existing else "machine created",
        rid.text,
        world.draw(f"{verb} {MACHINE}", rid.text),
        provider="Microsoft.Compute",
        failure=fault.refusal if fault else None,
        pause=0 if existing else 30,
    )
    headers = {"Azure-AsyncOperation": operations.addresses(operation, base, body["location"])["Azure-AsyncOperation"]}
    if existing:
        return Answer(200, visible(document), headers)
    return Answer(201, _without_disk_names(document), {**headers, "Retry-After": str(PAUSE)})


def patch_machine(world: World, rid: ResourceId, body: Body, base: str) -> Answer:
    """A change of the cards that a machine has: whether they go with it."""
    existing = found(world, rid)
    cards = body.get("properties", {}).get("networkProfile")
    if set(body) != {"properties"} or set(body["properties"]) != {"networkProfile"} or not cards:
        raise not_simulated("a PATCH of machines that changes anything but their network cards")
    world.keep(
        {**existing, "properties": {**existing["properties"], "networkProfile": cards, "provisioningState": "Updating"}}
    )
    seconds = world.draw(f"UPDATE {MACHINE}", rid.text)
    operation = operations.begin(world, "machine changed", rid.text, seconds, provider="Microsoft.Compute")
    headers = operations.addresses(operation, base, existing["location"])
    return Answer(200, visible(existing), {"Azure-AsyncOperation": headers["Azure-AsyncOperation"]})


def delete_machine(world: World, rid: ResourceId, base: str) -> Answer:
    """Begin to delete a machine; what is marked so goes with it."""
    return delete_later(world, found(world, rid), base, PAUSE)


def put_extension(world: World, rid: ResourceId, body: Body, base: str) -> Answer:
    """An extension on a machine that is there and runs."""
    check_put(world, rid, body)
    assert rid.parent is not None
    machine = found(world, rid.parent)
    if machine["_power"] != "running":
        text = "Cannot modify extensions in the VM when the VM is not running."
        raise Refused(409, "OperationNotAllowed", text)
    existing = world.resource(rid.text)
    shown = {name: value for name, value in body["properties"].items() if name != "protectedSettings"}
    world.keep(tracked(rid, body, {**shown, "provisioningState": "Updating" if existing else "Creating"}))
    fault = world.faults.striking("fail", "PUT", rid.text, EXTENSION)
    seconds = world.draw(f"PUT {EXTENSION}", rid.text)
    failure = fault.refusal if fault else None
    operation = operations.begin(
        world, "extension ready", rid.text, seconds, provider="Microsoft.Compute", failure=failure, machine=machine["id"]
    )
    headers = {"Azure-AsyncOperation": operations.addresses(operation, base, body["location"])["Azure-AsyncOperation"]}
    document = world.resource(rid.text)
    assert document is not None
    return Answer(200 if existing else 201, visible(document), headers)


def disk_in_use(world: World, document: Document) -> Refused | None:
    """Why a disk cannot be deleted, if it cannot."""
    user = document.get("managedBy")
    if not user:
        return None
    return Refused(409, "OperationNotAllowed", f"Disk {document['name']} is attached to VM {user}.")


IN_USE: dict[str, InUse] = {DISK: disk_in_use}


@operations.finisher("machine created")
def _created(world: World, operation: Document) -> None:
    document = world.resource(operation["resource"])
    if document is None:
        return
    properties = {**document["properties"], "provisioningState": operation["status"]}
    if operation["status"] == "Failed":
        failed = {**document, "properties": properties, "_power": "deallocated", "_problem": operation["error"]}
        world.keep(Guest(world, failed).first_boot(operation["ends"]))
        return
    _create_disk(world, document)
    running = {**document, "properties": properties, "_power": "running"}
    world.keep(Guest(world, running).first_boot(operation["ends"]))


@operations.finisher("machine changed")
def _changed(world: World, operation: Document) -> None:
    document = world.resource(operation["resource"])
    if document is not None:
        world.keep({**document, "properties": {**document["properties"], "provisioningState": operation["status"]}})


@operations.finisher("extension ready")
def _extension_ready(world: World, operation: Document) -> None:
    document = world.resource(operation["resource"])
    if document is None:
        return
    world.keep({**document, "properties": {**document["properties"], "provisioningState": operation["status"]}})
    machine = world.resource(operation["machine"])
    if machine is not None and document["properties"].get("type") == "NvidiaGpuDriverLinux":
        world.keep(Guest(world, machine).driver_settled(operation["ends"], installed=operation["status"] == "Succeeded"))


def delete_belongings(world: World, machine: Document) -> None:
    """What goes with a machine: the disks, cards and addresses that are marked so; the others are set free."""
    profile = machine["properties"]["storageProfile"]["osDisk"]
    disk_id = f"{_group_id(machine)}/providers/{DISK}/{profile['name']}"
    disk = world.resource(disk_id)
    if disk is not None:
        if profile.get("deleteOption") == "Delete":
            world.forget(disk_id)
        else:
            properties = {**disk["properties"], "diskState": "Unattached"}
            world.keep({**{k: v for k, v in disk.items() if k != "managedBy"}, "properties": properties})
    for item in machine["properties"]["networkProfile"]["networkInterfaces"]:
        nic = world.resource(item["id"])
        if nic is None:
            continue
        if item.get("properties", {}).get("deleteOption") != "Delete":
            rest = {k: v for k, v in nic["properties"].items() if k != "virtualMachine"}
            world.keep({**nic, "properties": rest})
            continue
        for configuration in nic["properties"]["ipConfigurations"]:
            address = configuration["properties"].get("publicIPAddress", {})
            if address.get("properties", {}).get("deleteOption") == "Delete":
                world.forget(address["id"])
        world.forget(item["id"])


FAREWELLS[MACHINE] = [delete_belongings]


def _check_new(world: World, rid: ResourceId, body: Body) -> None:
    given = body["properties"]
    size, region = given["hardwareProfile"]["vmSize"], body["location"]
    _check_quota(world, size, region)
    _check_login(given["osProfile"])
    for nic in given["networkProfile"]["networkInterfaces"]:
        card = referenced(world, nic["id"], rid.text)
        user = card["properties"].get("virtualMachine", {}).get("id", rid.text)
        if user.lower() != rid.text.lower():
            raise Refused(409, "NicInUse", f"Network Interface {nic['id']} is used by existing resource {user}.")


def _check_size(world: World, size: str, region: str) -> None:
    known = world.catalogue.get(size)
    if known is None:
        raise Refused(400, "InvalidParameter", f"The value {size} provided for the VM size is not valid.", target="vmSize")
    if region not in known["usd_per_hour"] or world.store.get(RESTRICTIONS, f"{region}/{size}"):
        text = (
            f"The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: {size}' is currently "
            f"not available in location '{region}'. Please try another size or deploy to a different location or different "
            "zone. See https://aka.ms/azureskunotavailable for details."
        )
        raise Refused(409, "SkuNotAvailable", text)


def _check_quota(world: World, size: str, region: str) -> None:
    for usage in (family_usage(world, size, region), regional_usage(world, region)):
        needed = world.catalogue[size]["vcpus"]
        if usage["currentValue"] + needed > usage["limit"]:
            text = (
                f"Operation could not be completed as it results in exceeding approved {usage['name']['localizedValue']} quota. "
                f"Additional details - Deployment Model: Resource Manager, Location: {region}, Current Limit: {usage['limit']}, "
                f"Current Usage: {usage['currentValue']}, Additional Required: {needed}, (Minimum) New Limit Required: "
                f"{usage['currentValue'] + needed}."
            )
            raise Refused(409, "OperationNotAllowed", text)


def _check_login(profile: Body) -> None:
    linux = profile.get("linuxConfiguration", {})
    password = profile.get("adminPassword", "")
    classes = sum(bool(re.search(kind, password)) for kind in ("[a-z]", "[A-Z]", "[0-9]", r"[\W_]"))
    if not linux.get("disablePasswordAuthentication", False) and not (12 <= len(password) <= 72 and classes >= 3):
        text = "The supplied password must be between 12-72 characters long and must satisfy at least 3 of password complexity requirements."
        raise Refused(400, "InvalidParameter", text, target="adminPassword")
    if len(profile.get("customData", "")) > LARGEST_CUSTOM_DATA * 4 // 3 + 4:
        raise Refused(400, "InvalidParameter", "Custom data is too long.", target="customData")


def _machine(world: World, rid: ResourceId, body: Body, existing: Document | None) -> Document:
    given = body["properties"]
    login = {k: v for k, v in given.get("osProfile", {}).items() if k not in ("adminPassword", "customData")}
    disk = given["storageProfile"]["osDisk"]
    managed = {**disk.get("managedDisk", {}), "id": f"{rid.group_id}/providers/{DISK}/{disk['name']}"}
    image = {**given["storageProfile"]["imageReference"], "exactVersion": "24.04.202610010"}
    properties: dict[str, Any] = {
        **given,
        "provisioningState": "Updating" if existing else "Creating",
        "vmId": world.guid("vm", rid.text),
        "storageProfile": {
            "imageReference": image,
            "osDisk": {"osType": "Linux", **disk, "managedDisk": managed},
            "dataDisks": [],
        },
        "osProfile": {**login, "secrets": [], "allowExtensionOperations": True, "requireGuestProvisionSignal": True},
        "timeCreated": existing["properties"]["timeCreated"] if existing else world.text(),
    }
    document = tracked(rid, body, properties)
    if existing:
        kept = {name: value for name, value in existing.items() if name.startswith("_") or name == "identity"}
        return {**document, **kept}
    document |= {"_power": "creating", "_custom_data": given.get("osProfile", {}).get("customData", "")}
    if body.get("identity", {}).get("type") == "SystemAssigned":
        principal = roles.new_principal(world, rid.text)
        document["identity"] = {"type": "SystemAssigned", "principalId": principal, "tenantId": TENANT}
    return document


def _create_disk(world: World, machine: Document) -> None:
    profile = machine["properties"]["storageProfile"]["osDisk"]
    identifier = f"{_group_id(machine)}/providers/{DISK}/{profile['name']}"
    properties = {
        "osType": "Linux",
        "creationData": {"createOption": "FromImage"},
        "diskSizeGB": profile.get("diskSizeGB", 30),
        "provisioningState": "Succeeded",
        "diskState": "Attached",
        "timeCreated": world.text(),
    }
    document = {
        "name": profile["name"],
        "id": identifier,
        "type": DISK,
        "location": machine["location"],
        "managedBy": machine["id"],
        "sku": {"name": profile.get("managedDisk", {}).get("storageAccountType", "Standard_LRS"), "tier": "Standard"},
        "properties": properties,
    }
    if machine.get("tags"):
        document["tags"] = machine["tags"]
    world.keep(document)


def _attach(world: World, nic_id: str, machine_id: str) -> None:
    nic = world.resource(nic_id)
    if nic is not None:
        world.keep({**nic, "properties": {**nic["properties"], "virtualMachine": {"id": machine_id}, "primary": True}})


def _without_disk_names(document: Document) -> Document:
    shown = visible(document)
    profile = shown["properties"]["storageProfile"]
    disk = {k: v for k, v in profile["osDisk"].items() if k != "name"}
    disk["managedDisk"] = {k: v for k, v in disk["managedDisk"].items() if k != "id"}
    return {**shown, "properties": {**shown["properties"], "storageProfile": {**profile, "osDisk": disk}}}


def _group_id(document: Document) -> str:
    return str(document["id"].partition("/providers/")[0])
