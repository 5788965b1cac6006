"""Microsoft.Compute: virtual machines and their extensions."""

from typing import Any

from local.azure.core import operations
from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import TENANT, World, visible
from local.azure.providers import disks, roles
from local.azure.providers.admission import check_change, check_new, check_size, no_capacity
from local.azure.providers.common import FAREWELLS, VIEWS, Body, check_put, delete_later, found, shown, tracked
from local.azure.providers.kinds import EXTENSION, MACHINE, NIC
from local.azure.vms.guest import Guest
from local.azure.vms.timelines import with_power

PAUSE, POLL_PAUSE, DELETE_PAUSES = 10, 30, (10, 30)
ETAG_SINCE = "2024-07-01"
HIDDEN = ("adminPassword", "customData")
PATCH_SETTINGS = {"patchMode": "ImageDefault", "assessmentMode": "ImageDefault"}


def put_machine(world: World, rid: ResourceId, request: Request) -> Answer:
    """A machine: created or changed; its first answer does not tell the name of its disk."""
    body = request.json()
    check_put(world, rid, body)
    existing = world.resource(rid.text)
    if existing is not None:
        return _change(world, rid, body, existing, request)
    given = body["properties"]
    check_size(world, given["hardwareProfile"]["vmSize"], body["location"])
    check_new(world, rid, body)
    document = _machine(world, rid, body)
    operation = operations.begin(
        world,
        "machine created",
        rid.text,
        f"PUT {MACHINE}",
        request=("PUT", rid.text),
        provider="Microsoft.Compute",
        failure=no_capacity(world, document),
        pause=POLL_PAUSE,
    )
    world.keep(document)
    _attach(world, document)
    where = operations.addresses(operation, request, document["location"])["Azure-AsyncOperation"]
    answered = _without_disk_names(shown(world, document, request))
    return Answer(201, answered, {"Azure-AsyncOperation": where, "Retry-After": str(PAUSE), **_etag(answered)})


def patch_machine(world: World, rid: ResourceId, request: Request) -> Answer:
    """A change of a machine's tags or identity, or of the cards that it has."""
    body, existing = request.json(), found(world, rid)
    unknown = set(body) - {"tags", "properties", "location", "identity"} or set(body.get("properties") or {}) - {
        "networkProfile"
    }
    if unknown:
        raise not_simulated(f"a PATCH of machines that changes {', '.join(sorted(unknown))}")
    return _change(world, rid, {**body, "location": existing["location"]}, existing, request)


def delete_machine(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to delete a machine; what is marked so goes with it."""
    return delete_later(world, found(world, rid), request, DELETE_PAUSES)


def put_extension(world: World, rid: ResourceId, request: Request) -> Answer:
    """An extension on a machine that is there and runs."""
    body = request.json()
    assert rid.parent is not None
    machine = found(world, rid.parent)
    check_put(world, rid, {"location": machine["location"], **body})
    if machine["_power"] != "running":
        raise Refused(409, "OperationNotAllowed", "Cannot modify extensions in the VM when the VM is not running.")
    existing = world.resource(rid.text)
    given = {name: value for name, value in body["properties"].items() if name != "protectedSettings"}
    before = existing["properties"] if existing else {"autoUpgradeMinorVersion": False, "settings": {}}
    properties = {**before, **given, "provisioningState": "Updating" if existing else "Creating"}
    document = tracked(rid, {"location": machine["location"], **body}, properties)
    operation = operations.begin(
        world,
        "extension ready",
        rid.text,
        f"PUT {EXTENSION}",
        request=("PUT", rid.text),
        provider="Microsoft.Compute",
        machine=machine["id"],
    )
    world.keep(document)
    where = operations.addresses(operation, request, document["location"])["Azure-AsyncOperation"]
    return Answer(200 if existing else 201, visible(document), {"Azure-AsyncOperation": where})


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
    disks.create(world, document)
    running = {name: value for name, value in document.items() if name != "_problem"}
    running = with_power({**running, "properties": properties}, "running", operation["ends"])
    world.keep(Guest(world, running).first_boot(operation["ends"]))
    _name_cards(world, document)


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
    disks.set_free(world, machine)
    for item in machine["properties"]["networkProfile"]["networkInterfaces"]:
        nic = world.resource(item["id"])
        if nic is None:
            continue
        if item.get("properties", {}).get("deleteOption") != "Delete":
            rest = {k: v for k, v in nic["properties"].items() if k not in ("virtualMachine", "primary", "macAddress")}
            world.keep({**nic, "properties": rest})
            continue
        for configuration in nic["properties"]["ipConfigurations"]:
            address = configuration["properties"].get("publicIPAddress", {})
            if address.get("properties", {}).get("deleteOption") == "Delete":
                world.forget(address["id"])
        world.forget(item["id"])


def _seen(world: World, document: Document, version: str) -> Document:
    extensions = [visible(item) for item in world.resources(EXTENSION, document["id"] + "/")]
    more: Body = {"resources": extensions} if extensions else {}
    if version >= ETAG_SINCE:
        more["etag"] = f'"{document.get("_changes", 1)}"'
    return {**document, **more}


FAREWELLS[MACHINE] = [delete_belongings]
VIEWS[MACHINE] = _seen


def _change(world: World, rid: ResourceId, body: Body, existing: Document, request: Request) -> Answer:
    check(MACHINE, body)
    given, before = body.get("properties") or {}, existing["properties"]
    check_change(given, before)
    if "hardwareProfile" in given:
        check_size(world, given["hardwareProfile"]["vmSize"], existing["location"])
    login = {name: value for name, value in (given.get("osProfile") or {}).items() if name not in HIDDEN}
    changed = {name: value for name, value in given.items() if name not in ("storageProfile", "osProfile")}
    properties = {**before, **changed, "osProfile": {**before["osProfile"], **login}, "provisioningState": "Updating"}
    more = {name: body[name] for name in ("tags",) if name in body} | _identity(world, rid, body)
    operation = operations.begin(
        world,
        "machine changed",
        rid.text,
        f"UPDATE {MACHINE}",
        request=(request.method, rid.text),
        provider="Microsoft.Compute",
    )
    document = {**existing, **more, "properties": properties, "_changes": existing.get("_changes", 1) + 1}
    world.keep(document)
    _attach(world, document)
    where = operations.addresses(operation, request, document["location"])["Azure-AsyncOperation"]
    answered = shown(world, document, request)
    return Answer(200, answered, {"Azure-AsyncOperation": where, **_etag(answered)})


def _machine(world: World, rid: ResourceId, body: Body) -> Document:
    given = body["properties"]
    profile = given.get("osProfile") or {}
    login = {name: value for name, value in profile.items() if name not in HIDDEN}
    linux = {"disablePasswordAuthentication": False, "provisionVMAgent": True, "patchSettings": PATCH_SETTINGS}
    properties: dict[str, Any] = {
        **given,
        "provisioningState": "Creating",
        "vmId": world.guid("vm", rid.text, str(world.seconds())),
        "storageProfile": disks.storage_profile(world, rid, given["storageProfile"], trusted="securityProfile" in given),
        "osProfile": {
            **login,
            "linuxConfiguration": {**linux, **(login.get("linuxConfiguration") or {})},
            "secrets": [],
            "allowExtensionOperations": True,
            "requireGuestProvisionSignal": True,
        },
        "timeCreated": world.text(),
    }
    document = tracked(rid, body, properties)
    document |= {"_power": "creating", "_custom_data": profile.get("customData", "")}
    if body.get("zones"):
        document["zones"] = body["zones"]
    return {**document, **_identity(world, rid, body)}


def _identity(world: World, rid: ResourceId, body: Body) -> Document:
    """The identity that a machine gets, if it asks for one of its own; it keeps the one that it has."""
    if (body.get("identity") or {}).get("type") != "SystemAssigned":
        return {}
    there = (world.resource(rid.text) or {}).get("identity")
    principal = there["principalId"] if there else roles.new_principal(world, rid.text)
    return {"identity": {"type": "SystemAssigned", "principalId": principal, "tenantId": TENANT}}


def _attach(world: World, machine: Document) -> None:
    for item in machine["properties"]["networkProfile"]["networkInterfaces"]:
        nic = world.resource(item["id"])
        if nic is not None and nic["type"] == NIC:
            more = {"virtualMachine": {"id": machine["id"]}, "primary": True}
            world.keep({**nic, "properties": {**nic["properties"], **more}})


def _name_cards(world: World, machine: Document) -> None:
    """A card has an address of its own since its machine has been started."""
    for item in machine["properties"]["networkProfile"]["networkInterfaces"]:
        nic = world.resource(item["id"])
        if nic is not None:
            digits = world.guid("mac", nic["id"]).replace("-", "").upper()[:6]
            address = "-".join(["7C", "1E", "52", digits[:2], digits[2:4], digits[4:]])
            world.keep({**nic, "properties": {**nic["properties"], "macAddress": address}})


def _etag(answered: Document) -> dict[str, str]:
    return {"ETag": answered["etag"]} if "etag" in answered else {}


def _without_disk_names(document: Document) -> Document:
    profile = document["properties"]["storageProfile"]
    disk = {k: v for k, v in profile["osDisk"].items() if k != "name"}
    disk["managedDisk"] = {k: v for k, v in disk["managedDisk"].items() if k != "id"}
    return {**document, "properties": {**document["properties"], "storageProfile": {**profile, "osDisk": disk}}}
