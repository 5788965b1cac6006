"""Microsoft.Compute: virtual machines."""

from typing import Any

from local.azure.core import operations
from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import TENANT, World, visible
from local.azure.providers import roles
from local.azure.providers.common import FAREWELLS, VIEWS, Body, check_put, delete_later, found, shown, tracked
from local.azure.providers.compute import data_disks, disks
from local.azure.providers.compute.admission import check_change, check_disks, check_new, check_size, check_zones
from local.azure.providers.compute.belongings import attach, delete_belongings, name_cards
from local.azure.providers.compute.capacity import no_capacity
from local.azure.providers.compute.images import WINDOWS
from local.azure.providers.compute.resizing import check_resize, of_resize
from local.azure.providers.compute.spot import check_spot_change
from local.azure.providers.kinds import EXTENSION, MACHINE
from local.azure.vms.guest import Guest
from local.azure.vms.timelines import with_power

PAUSE, POLL_PAUSE, DELETE_PAUSES = 10, 30, (10, 30)
ETAG_SINCE = "2024-07-01"
HIDDEN = ("adminPassword", "customData")
PATCH_SETTINGS = {"patchMode": "ImageDefault", "assessmentMode": "ImageDefault"}
WINDOWS_PATCH_SETTINGS = {"patchMode": "AutomaticByOS", "assessmentMode": "ImageDefault"}


def put_machine(world: World, rid: ResourceId, request: Request) -> Answer:
    """Create or change a machine; the first response does not contain the name of its disk."""
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
    attach(world, document)
    where = operations.addresses(operation, request, document["location"])["Azure-AsyncOperation"]
    answered = _without_disk_names(shown(world, document, request))
    return Answer(201, answered, {"Azure-AsyncOperation": where, "Retry-After": str(PAUSE), **_etag(answered)})


def patch_machine(world: World, rid: ResourceId, request: Request) -> Answer:
    """Change a machine's tags, identity, size, network interfaces, or whether it takes extensions."""
    body, existing = request.json(), found(world, rid)
    given = body.get("properties") or {}
    unknown = set(body) - {"tags", "properties", "location", "identity"} or set(given) - {
        "networkProfile",
        "osProfile",
        "hardwareProfile",
    }
    unknown |= set(given.get("osProfile") or {}) - {"allowExtensionOperations"}
    if unknown:
        raise not_simulated(f"a PATCH of machines that changes {', '.join(sorted(unknown))}")
    return _change(world, rid, {**body, "location": existing["location"]}, existing, request)


def delete_machine(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to delete a machine; resources marked for deletion are deleted with it."""
    return delete_later(world, found(world, rid), request, DELETE_PAUSES)


@operations.finisher("machine created")
def _created(world: World, operation: Document) -> None:
    document = world.resource(operation["resource"])
    if document is None:
        return
    if document["_power"] not in ("creating", "deallocated"):  # an earlier try has created it
        _changed(world, operation)
        return
    properties = {**document["properties"], "provisioningState": operation["status"]}
    if operation["status"] == "Failed":
        failed = {**document, "properties": properties, "_power": "deallocated", "_problem": operation["error"]}
        world.keep(Guest(world, failed).first_boot(operation["ends"]))
        return
    made = disks.create(world, {**document, "properties": properties})
    running = {name: value for name, value in made.items() if name != "_problem"}
    running = with_power(running, "running", operation["ends"])
    world.keep(Guest(world, running).first_boot(operation["ends"]))
    name_cards(world, document)


@operations.finisher("machine changed")
def _changed(world: World, operation: Document) -> None:
    document = world.resource(operation["resource"])
    if document is None:
        return
    settled = disks.settle(world, document) if operation["status"] == "Succeeded" else document
    properties = {**settled["properties"], "provisioningState": operation["status"]}
    if operation["status"] == "Failed" and "size_before" in operation:  # assumed: no recording shows a failed resize
        properties["hardwareProfile"] = {"vmSize": operation["size_before"]}
    changed = {**settled, "properties": properties}
    if operation["status"] == "Succeeded" and operation.get("restarts"):
        changed = Guest(world, with_power(changed, "running", operation["ends"])).booted(operation["ends"])
    world.keep(changed)


def _seen(world: World, document: Document, version: str) -> Document:
    extensions = [visible(item) for item in world.resources(EXTENSION, document["id"] + "/")]
    more: Body = {"resources": extensions} if extensions else {}
    if version >= ETAG_SINCE:
        more["etag"] = f'"{document.get("_changes", 1)}"'
    profile = document["properties"]["storageProfile"]
    profile = {**profile, "dataDisks": data_disks.shown(profile["dataDisks"])}
    if document["_power"] == "deallocated":
        profile = disks.at_rest(profile)
    return {**document, **more, "properties": {**document["properties"], "storageProfile": profile}}


FAREWELLS[MACHINE] = [delete_belongings]
VIEWS[MACHINE] = _seen


def _change(world: World, rid: ResourceId, body: Body, existing: Document, request: Request) -> Answer:
    check(MACHINE, body)
    given, before = body.get("properties") or {}, existing["properties"]
    check_change(given, before)
    check_spot_change(given, existing)
    check_zones(body, existing)
    if "hardwareProfile" in given:
        check_size(world, given["hardwareProfile"]["vmSize"], existing["location"])
        check_resize(world, existing, given["hardwareProfile"]["vmSize"])
    profile, data = before["storageProfile"], given.get("storageProfile") or {}
    asked = data["dataDisks"] or [] if "dataDisks" in data else profile["dataDisks"]
    if "hardwareProfile" in given or "dataDisks" in data:
        size = given.get("hardwareProfile") or before["hardwareProfile"]
        after = {"hardwareProfile": size, "storageProfile": {**profile, "dataDisks": asked}}
        check_disks(world, rid, after, existing.get("zones") or [])
    login = {name: _plain(value) for name, value in (given.get("osProfile") or {}).items() if name not in HIDDEN}
    changed = {name: value for name, value in given.items() if name not in ("storageProfile", "osProfile")}
    properties = {**before, **changed, "provisioningState": "Updating"}
    if "osProfile" in before:
        properties["osProfile"] = {**before["osProfile"], **login}
    if "dataDisks" in data:
        there = data_disks.attached(world, rid, asked, profile["dataDisks"])
        properties["storageProfile"] = {**profile, "dataDisks": there}
    more = {name: body[name] for name in ("tags",) if name in body}
    more |= _identity(world, rid, body, kept=request.method == "PATCH")
    # Until a machine has been allocated, a PUT is one more try to allocate it.
    unborn = request.method == "PUT" and (existing["_power"] == "creating" or "_problem" in existing)
    operation = operations.begin(
        world,
        "machine created" if unborn else "machine changed",
        rid.text,
        f"PUT {MACHINE}" if unborn else f"UPDATE {MACHINE}",
        request=(request.method, rid.text),
        provider="Microsoft.Compute",
        **of_resize(world, existing, {**existing, "properties": properties}),
        **({"failure": no_capacity(world, {**existing, "properties": properties})} if unborn else {}),
    )
    document = {**existing, **more, "properties": properties, "_changes": existing.get("_changes", 1) + 1}
    world.keep(document)
    attach(world, document)
    where = operations.addresses(operation, request, document["location"])["Azure-AsyncOperation"]
    answered = shown(world, document, request)
    return Answer(200, answered, {"Azure-AsyncOperation": where, **_etag(answered)})


def _plain(value: Any) -> Any:
    """A value as Azure stores it: it takes "false" for false."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _machine(world: World, rid: ResourceId, body: Body) -> Document:
    given = body["properties"]
    profile = given.get("osProfile") or {}
    storage = disks.storage_profile(world, rid, given["storageProfile"], trusted="securityProfile" in given)
    properties: dict[str, Any] = {
        **given,
        "provisioningState": "Creating",
        "vmId": world.guid("vm", rid.text, str(world.seconds())),
        "storageProfile": storage,
        **({"osProfile": _login(profile, storage["osDisk"]["osType"])} if profile else {}),
        "timeCreated": world.text(),
    }
    document = tracked(rid, body, properties)
    document |= {"_power": "creating", "_custom_data": profile.get("customData", "")}
    if body.get("zones"):
        document["zones"] = body["zones"]
    return {**document, **_identity(world, rid, body)}


def _login(profile: Body, system: str) -> Body:
    """The OS profile of a new machine, without its secrets."""
    shown = {name: value for name, value in profile.items() if name not in HIDDEN}
    linux = {"disablePasswordAuthentication": False, "provisionVMAgent": True, "patchSettings": PATCH_SETTINGS}
    windows = {"provisionVMAgent": True, "enableAutomaticUpdates": True, "patchSettings": WINDOWS_PATCH_SETTINGS}
    name, usual = ("windowsConfiguration", windows) if system == WINDOWS else ("linuxConfiguration", linux)
    return {
        "secrets": [],
        "allowExtensionOperations": True,
        "requireGuestProvisionSignal": True,
        **shown,
        name: {**usual, **(shown.get(name) or {})},
    }


def _identity(world: World, rid: ResourceId, body: Body, *, kept: bool = False) -> Document:
    """The identities of a machine as it asks for them; an existing one of its own is kept, and others if `kept`.

    A PATCH adds those that it names and removes those that it gives as null:
    https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-configure-managed-identities
    """
    asked = body.get("identity") or {}
    kinds = [kind.strip() for kind in str(asked.get("type") or "None").split(",")]
    if kinds == ["None"]:
        return {}
    there = (world.resource(rid.text) or {}).get("identity") or {}
    identity: Body = {"type": ", ".join(kinds)}
    if "SystemAssigned" in kinds:
        principal = there.get("principalId") or roles.new_principal(world, rid.text)
        identity |= {"principalId": principal, "tenantId": TENANT}
    if "UserAssigned" in kinds:
        before = there.get("userAssignedIdentities") or {} if kept else {}
        named = {**before, **(asked.get("userAssignedIdentities") or {})}
        identity["userAssignedIdentities"] = {
            name: _of_user(world, name) for name, wanted in named.items() if wanted is not None
        }
    return {"identity": identity}


def _of_user(world: World, identifier: str) -> Body:
    if world.resource(identifier) is None:
        raise not_simulated(f"the user-assigned identity {identifier}, which nothing has created")
    return {"principalId": world.guid("principal", identifier), "clientId": world.guid("client", identifier)}


def _etag(answered: Document) -> dict[str, str]:
    return {"ETag": answered["etag"]} if "etag" in answered else {}


def _without_disk_names(document: Document) -> Document:
    profile = document["properties"]["storageProfile"]
    if profile["osDisk"]["createOption"] == "Attach":
        return document
    disk = {k: v for k, v in profile["osDisk"].items() if k != "name"}
    disk["managedDisk"] = {k: v for k, v in disk["managedDisk"].items() if k != "id"}
    return {**document, "properties": {**document["properties"], "storageProfile": {**profile, "osDisk": disk}}}
