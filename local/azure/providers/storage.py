"""Microsoft.Storage: accounts and blob containers, as Azure Resource Manager shows them."""

import re

from local.azure import operations
from local.azure.answers import Answer, Refused
from local.azure.identifiers import ResourceId
from local.azure.providers.common import Body, absent, check_put, found, live_group_of, tracked
from local.azure.store import Document
from local.azure.world import SUBSCRIPTION, World, visible

ACCOUNT = "Microsoft.Storage/storageAccounts"
CONTAINER = "Microsoft.Storage/storageAccounts/blobServices/containers"
PAUSE = 17
NAME = re.compile(r"[a-z0-9]{3,24}")
ENDPOINTS = ("dfs", "web", "blob", "queue", "table", "file")


def put_account(world: World, rid: ResourceId, body: Body, base: str) -> Answer:
    """An account: accepted with an empty answer, and shown at the operation's address when it is ready."""
    check_put(world, rid, body)
    if not NAME.fullmatch(rid.name):
        text = (
            f"{rid.name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in "
            "length and use numbers and lower-case letters only."
        )
        raise Refused(400, "AccountNameInvalid", text)
    existing = world.resource(rid.text)
    if existing is None and name_taken(world, rid.name):
        raise Refused(409, "StorageAccountAlreadyTaken", f"The storage account named {rid.name} is already taken.")
    state = existing["properties"]["provisioningState"] if existing else "Creating"
    document = _account(world, rid, body, state)
    world.keep(document)
    if existing:
        return Answer(200, visible(document))
    fault = world.faults.striking("fail", "PUT", rid.text, rid.type)
    operation = operations.begin(
        world,
        "storage account created",
        rid.text,
        world.draw(f"PUT {ACCOUNT}", rid.text),
        provider="Microsoft.Storage",
        failure=fault.refusal if fault else None,
        pause=PAUSE,
    )
    root = f"{base}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Storage/locations/{body.get('location', '')}"
    location = f"{root}/asyncoperations/{operation['id']}?monitor=true&api-version=2023-05-01"
    return Answer(202, None, {"Location": location, "Retry-After": str(PAUSE)})


def delete_account(world: World, rid: ResourceId) -> Answer:
    """Delete an account with everything in it: at once."""
    found(world, rid)
    world.forget(rid.text)
    return Answer(200)


def put_container(world: World, rid: ResourceId, body: Body, base: str) -> Answer:
    """A blob container in an account that is ready."""
    live_group_of(world, rid.group_id)
    account = world.resource(_account_id(rid))
    if account is None:
        text = (
            "Failed to perform 'write' on resource(s) of type 'storageAccounts/blobServices/containers', because the parent "
            f"resource '{_account_id(rid)}' could not be found."
        )
        raise Refused(404, "ParentResourceNotFound", text)
    if account["properties"]["provisioningState"] != "Succeeded":
        text = "The storage account provisioning state must be 'Succeeded' before executing the operation."
        raise Refused(409, "StorageAccountIsNotProvisioned", text)
    existing = world.resource(rid.text)
    properties = {"deleted": False, "publicAccess": "None", "leaseStatus": "Unlocked", "leaseState": "Available"}
    world.keep({"id": rid.text, "name": rid.name, "type": CONTAINER, "properties": properties})
    return Answer(200 if existing else 201, {"id": rid.text, "name": rid.name, "type": CONTAINER})


def get_container(world: World, rid: ResourceId) -> Answer:
    """A blob container, if its account is there and has it."""
    if world.resource(_account_id(rid)) is None:
        raise absent(rid)
    document = world.resource(rid.text)
    if document is None:
        raise Refused(404, "ContainerNotFound", "The specified container does not exist.")
    return Answer(200, visible(document))


def delete_container(world: World, rid: ResourceId) -> Answer:
    """Delete a blob container with everything in it: at once."""
    if world.resource(rid.text) is None:
        return Answer(204)
    world.forget(rid.text)
    return Answer(200)


def check_name(world: World, name: str) -> Answer:
    """Whether a name is free in the world."""
    if not name_taken(world, name):
        return Answer(200, {"nameAvailable": True})
    text = f"The storage account named {name} is already taken."
    return Answer(200, {"nameAvailable": False, "reason": "AlreadyExists", "message": text})


def name_taken(world: World, name: str) -> bool:
    """Whether an account has this name, here or anywhere in the world."""
    if world.store.get("taken names", name):
        return True
    return any(account["name"] == name for account in world.resources(ACCOUNT))


def _account(world: World, rid: ResourceId, body: Body, state: str) -> Document:
    given = body.get("properties", {})
    now = world.text()
    properties = {
        "keyCreationTime": {"key1": now, "key2": now},
        "minimumTlsVersion": given.get("minimumTlsVersion", "TLS1_0"),
        "allowBlobPublicAccess": given.get("allowBlobPublicAccess", False),
        "allowSharedKeyAccess": given.get("allowSharedKeyAccess", True),
        "supportsHttpsTrafficOnly": given.get("supportsHttpsTrafficOnly", True),
        "accessTier": "Hot",
        "provisioningState": state,
        "creationTime": now,
        "primaryEndpoints": {name: f"https://{rid.name}.{name}.core.windows.net/" for name in ENDPOINTS},
        "primaryLocation": body.get("location", ""),
        "statusOfPrimary": "available",
    }
    sku = {"tier": "Standard", **body.get("sku", {"name": "Standard_LRS"})}
    document = tracked(rid, body, properties)
    return {"sku": sku, "kind": body.get("kind", "StorageV2"), "tags": {}, **document}


@operations.finisher("storage account created")
def _created(world: World, operation: Document) -> None:
    document = world.resource(operation["resource"])
    if document is None:
        return
    if operation["status"] == "Failed":
        world.forget(operation["resource"])
        return
    world.keep({**document, "properties": {**document["properties"], "provisioningState": "Succeeded"}})


def _account_id(rid: ResourceId) -> str:
    return f"{rid.group_id}/providers/{ACCOUNT}/{rid.names[0]}"
