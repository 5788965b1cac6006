"""Microsoft.Storage: accounts and blob containers, as Azure Resource Manager shows them."""

import re

from local.azure.core import operations
from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.reserved_names import check_reserved
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.providers.common import (
    GATEWAY,
    VIEWS,
    Body,
    check_put,
    found,
    shown,
    tracked,
)
from local.azure.providers.kinds import ACCOUNT

FIRST_PAUSE, PAUSE = 17, 3
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}
NAME = re.compile(r"[a-z0-9]{3,24}")
ENDPOINTS = ("dfs", "web", "blob", "queue", "table", "file")
WEB_ZONE = "z6."
# https://learn.microsoft.com/azure/reliability/regions-paired
PAIRS = (
    *(("eastus", "westus"), ("eastus2", "centralus"), ("northcentralus", "southcentralus"), ("westus2", "westcentralus")),
    *(("northeurope", "westeurope"), ("uksouth", "ukwest"), ("eastasia", "southeastasia"), ("japaneast", "japanwest")),
)
ECHOED = (
    "allowSharedKeyAccess",
    "defaultToOAuthAuthentication",
    "publicNetworkAccess",
    "isHnsEnabled",
    "isNfsV3Enabled",
    "isSftpEnabled",
)


def put_account(world: World, rid: ResourceId, request: Request) -> Answer:
    """Put an account: accepted with an empty response, and shown at the operation's URL when it is ready."""
    body = request.json()
    if not NAME.fullmatch(rid.name):
        text = (
            f"{rid.name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in "
            "length and use numbers and lower-case letters only."
        )
        raise Refused(400, "AccountNameInvalid", text)
    check_reserved(rid.name)
    check_put(world, rid, body)
    for needed in ("sku", "kind"):
        if needed not in body:
            text = f"The request content was invalid and could not be deserialized: 'Required property '{needed}' not found in JSON.'."
            raise Refused(400, "InvalidRequestContent", text, headers=GATEWAY)
    existing = world.resource(rid.text)
    if existing is None and name_taken(world, rid.name):
        raise Refused(409, "StorageAccountAlreadyTaken", f"The storage account named {rid.name} is already taken.")
    state = existing["properties"]["provisioningState"] if existing else "Creating"
    document = _account(world, rid, body, state, existing)
    if existing:
        return Answer(200, shown(world, world.keep(document), request))
    operation = operations.begin(
        world,
        "storage account created",
        rid.text,
        f"PUT {ACCOUNT}",
        request=("PUT", rid.text),
        provider="Microsoft.Storage",
        pause=PAUSE,
    )
    world.keep(document)
    root = f"{request.base}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Storage/locations/{document['location']}"
    location = f"{root}/asyncoperations/{operation['id']}?monitor=true&api-version={request.version}"
    return Answer(202, None, {"Location": location, "Retry-After": str(FIRST_PAUSE), **PLAIN})


def poll(world: World, identifier: str, request: Request) -> Answer:
    """The status of an account's creation: the account itself, when it is ready."""
    said = operations.status(world, identifier, request, monitor=True)
    operation = world.store.get(operations.SHELF, identifier)
    account = world.resource(operation["resource"]) if operation and said.status == 200 else None
    return Answer(200, shown(world, account, request)) if account else said


def patch_tags(world: World, rid: ResourceId, request: Request) -> Answer:
    """Change an account's tags, at once."""
    body, account = request.json(), found(world, rid)
    check(ACCOUNT, body)
    given = {name: value for name, value in body.get("properties", {}).items() if value is not None}
    changed = {
        **account,
        "tags": body.get("tags", account.get("tags", {})),
        "properties": {**account["properties"], **given},
    }
    return Answer(200, shown(world, world.keep(changed), request))


def delete_account(world: World, rid: ResourceId) -> Answer:
    """Delete an account with all its content, at once."""
    found(world, rid)
    world.forget(rid.text)
    return Answer(200, None, PLAIN)


def check_name(world: World, name: str) -> Answer:
    """Whether a name is globally available."""
    if not NAME.fullmatch(name):
        text = f"{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only."
        return Answer(200, {"nameAvailable": False, "reason": "AccountNameInvalid", "message": text})
    if not name_taken(world, name):
        return Answer(200, {"nameAvailable": True})
    text = f"The storage account named {name} is already taken."
    return Answer(200, {"nameAvailable": False, "reason": "AlreadyExists", "message": text})


def name_taken(world: World, name: str) -> bool:
    """Whether an account has this name, here or anywhere else."""
    if world.store.get("taken names", name):
        return True
    return any(account["name"] == name for account in world.resources(ACCOUNT))


def _account(world: World, rid: ResourceId, body: Body, state: str, existing: Document | None) -> Document:
    given = body.get("properties") or {}
    now = existing["properties"]["creationTime"] if existing else world.zulu()
    service = {"keyType": "Account", "enabled": True, "lastEnabledTime": now}
    location = body["location"].replace(" ", "").lower()
    properties = {
        "keyCreationTime": {"key1": now, "key2": now},
        "allowCrossTenantReplication": given.get("allowCrossTenantReplication", False),
        "privateEndpointConnections": [],
        "minimumTlsVersion": given.get("minimumTlsVersion", "TLS1_2"),
        "allowBlobPublicAccess": given.get("allowBlobPublicAccess", False),
        "networkAcls": {"bypass": "AzureServices", "virtualNetworkRules": [], "ipRules": [], "defaultAction": "Allow"},
        "supportsHttpsTrafficOnly": given.get("supportsHttpsTrafficOnly", True),
        "encryption": {"services": {"file": service, "blob": service}, "keySource": "Microsoft.Storage"},
        "accessTier": given.get("accessTier", "Hot"),
        "provisioningState": state,
        "creationTime": now,
        "primaryEndpoints": {
            name: f"https://{rid.name}.{WEB_ZONE if name == 'web' else ''}{name}.core.windows.net/" for name in ENDPOINTS
        },
        "primaryLocation": location,
        "statusOfPrimary": "available",
        **{name: given[name] for name in ECHOED if given.get(name) is not None},
    }
    if "GRS" in body["sku"]["name"]:
        properties |= _second_place(rid, location, readable=body["sku"]["name"].startswith("Standard_RA"))
    document = tracked(rid, body, properties)
    return {"sku": {"name": body["sku"]["name"], "tier": "Standard"}, "kind": body["kind"], "tags": {}, **document}


def _second_place(rid: ResourceId, location: str, *, readable: bool) -> Body:
    """The paired region of an account, for geo-redundant replication."""
    pairs = {**dict(PAIRS), **{second: first for first, second in PAIRS}}
    if location not in pairs:
        raise not_simulated(f"the region that {location} is paired with")
    secondary = {"secondaryLocation": pairs[location], "statusOfSecondary": "available"}
    names = [name for name in ENDPOINTS if name != "file"]
    ends = {n: f"https://{rid.name}-secondary.{WEB_ZONE if n == 'web' else ''}{n}.core.windows.net/" for n in names}
    return {**secondary, **({"secondaryEndpoints": ends} if readable else {})}


def _account_seen(_: World, document: Document, version: str) -> Document:
    properties = document["properties"]
    if version >= "2023-01-01":
        properties = {**properties, "networkAcls": {"ipv6Rules": [], **properties["networkAcls"]}}
    return {**document, "properties": properties}


VIEWS[ACCOUNT] = _account_seen


@operations.finisher("storage account created")
def _created(world: World, operation: Document) -> None:
    document = world.resource(operation["resource"])
    if document is None:
        return
    if operation["status"] == "Failed":
        world.forget(operation["resource"])
        return
    world.keep({**document, "properties": {**document["properties"], "provisioningState": "Succeeded"}})
