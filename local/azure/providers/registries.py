"""Microsoft.ContainerRegistry: registries as Azure Resource Manager shows them."""

import re

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.providers.common import VIEWS, Body, authorship, check_put, found, shown, tracked
from local.azure.providers.containers import images
from local.azure.providers.kinds import REGISTRY

NAME = re.compile(r"[a-zA-Z0-9]{5,50}")
PREMIUM = "Premium"
PAUSE = 10
DISABLED = {"status": "disabled"}
ENABLED = {"status": "enabled"}
RETENTION = {"days": 7, **DISABLED}
SOFT_DELETION = {"retentionDays": 7, **DISABLED}
# Versions since which a property is shown.
MORE_POLICIES, METADATA, ASSIGNMENT_MODES = "2022-02-01-preview", "2023-11-01-preview", "2025-04-01"
DELETED_LATER = "2023-07-01"


def put_registry(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to create a registry, or change one at once; no other registry in Azure may have its name."""
    body = request.json()
    check_put(world, rid, body)
    existing = world.resource(rid.text)
    _check(world, rid, body, new=existing is None)
    document = {
        **tracked(rid, body, {}),
        "tags": body.get("tags") or {},
        "systemData": authorship(world, existing, world.text()),
    }
    document["sku"] = {"name": body["sku"]["name"], "tier": body["sku"]["name"]}
    if body.get("identity"):
        document["identity"] = _identity(world, body["identity"])
    document["properties"] = _properties(world, rid, body, existing)
    if existing:
        return Answer(200, shown(world, world.keep(document), request))
    images.forget(world, rid.name)  # those of a registry that had the name before
    document["properties"]["provisioningState"] = "Creating"
    operation = operations.begin(
        world,
        "registry created",
        rid.text,
        f"PUT {REGISTRY}",
        request=("PUT", rid.text),
        provider="Microsoft.ContainerRegistry",
        word="Creating",
    )
    world.keep(document)
    status = f"{request.base}{rid.text}/operationStatuses/registries-{operation['id']}?api-version={request.version}"
    return Answer(201, shown(world, document, request), {"Azure-AsyncOperation": status})


def poll(world: World, identifier: str, request: Request) -> Answer:
    """The status of a creation: its own word while it runs."""
    operation = world.store.get(operations.SHELF, identifier.removeprefix("registries-"))
    if operation is None:
        raise Refused(404, "NotFound", f"The operation {identifier} was not found.")
    status = operation["word"] if operation["status"] == "InProgress" else operation["status"]
    error = {"error": operation["error"]} if operation["status"] == "Failed" else {}
    return Answer(200, {"status": status, **error}, {"Azure-AsyncOperation": request.url})


def delete_registry(world: World, rid: ResourceId, request: Request) -> Answer:
    """Delete a registry with all its images: at once in older API versions."""
    registry = found(world, rid)
    if request.version != DELETED_LATER and request.version < ASSIGNMENT_MODES:
        world.forget(rid.text)
        return Answer(200)
    operation = operations.begin(
        world,
        "deleted",
        rid.text,
        f"DELETE {REGISTRY}",
        request=("DELETE", rid.text),
        provider="Microsoft.ContainerRegistry",
    )
    gone = world.keep({**registry, "properties": {**registry["properties"], "provisioningState": "Deleting"}})
    place = f"{request.base}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerRegistry/locations"
    location = f"{place}/{registry['location']}/operationResults/registries-{operation['id']}?api-version={request.version}"
    return Answer(202, shown(world, gone, request), {"Location": location, "Retry-After": str(PAUSE)})


def check_name(world: World, body: Body) -> Answer:
    """Whether the name of a registry is free in all of Azure."""
    name = str(body.get("name", ""))
    if not NAME.fullmatch(name):
        text = f"The registry name {name} is not valid: 5 to 50 letters and digits."
        return Answer(200, {"nameAvailable": False, "reason": "Invalid", "message": text})
    if name_taken(world, name):
        text = f"The registry {name} is already in use."
        return Answer(200, {"nameAvailable": False, "reason": "AlreadyExists", "message": text})
    return Answer(200, {"nameAvailable": True})


def name_taken(world: World, name: str) -> bool:
    """Whether a registry has this name, here or anywhere else."""
    here = any(registry["name"].lower() == name.lower() for registry in world.resources(REGISTRY))
    return here or world.store.get("taken names", name) is not None


@operations.finisher("registry created")
def _created(world: World, operation: Document) -> None:
    registry = world.resource(operation["resource"])
    if registry:
        world.keep({**registry, "properties": {**registry["properties"], "provisioningState": operation["status"]}})


def _check(world: World, rid: ResourceId, body: Body, *, new: bool) -> None:
    if not NAME.fullmatch(rid.name):
        text = "Registry names may contain alpha numeric characters only and must be between 5 and 50 characters."
        raise Refused(400, "RegistryNameInvalid", text)
    if not (body.get("sku") or {}).get("name"):
        raise Refused(400, "SkuNotSpecified", "The SKU of the registry must be specified.")
    if new and name_taken(world, rid.name):
        raise Refused(409, "AlreadyInUse", f"The registry DNS name {rid.name}.azurecr.io is already in use.")
    given = body.get("properties") or {}
    closed = given.get("publicNetworkAccess") == "Disabled" or given.get("networkRuleSet")
    if closed and body["sku"]["name"] != PREMIUM:
        # https://learn.microsoft.com/azure/container-registry/container-registry-skus
        text = f"The network rules of registry {rid.name} need the SKU {PREMIUM}."
        raise Refused(400, "NetworkRuleSetNotSupported", text)


def _identity(world: World, given: Body) -> Body:
    assigned = {}
    for identifier in given.get("userAssignedIdentities") or {}:
        known = world.resource(identifier)
        if known is None:
            raise Refused(400, "FailedIdentityOperation", f"The identity {identifier} was not found.")
        assigned[identifier] = {name: known["properties"][name] for name in ("principalId", "clientId")}
    return {"type": given["type"][:1].lower() + given["type"][1:], "userAssignedIdentities": assigned}


def _properties(world: World, rid: ResourceId, body: Body, existing: Document | None) -> Body:
    given = body.get("properties") or {}
    premium, known = body["sku"]["name"] == PREMIUM, existing["properties"] if existing else {}
    rules = {"defaultAction": (given.get("networkRuleSet") or {}).get("defaultAction", "Allow"), "ipRules": []}
    return {
        "loginServer": f"{rid.name.lower()}.azurecr.io",
        "creationDate": known.get("creationDate") or world.zulu(),
        "provisioningState": "Succeeded",
        "adminUserEnabled": given.get("adminUserEnabled", False),
        **({"networkRuleSet": rules} if premium else {}),
        "policies": _policies(world, given.get("policies") or {}),
        "encryption": DISABLED,
        "dataEndpointEnabled": given.get("dataEndpointEnabled", False),
        "dataEndpointHostNames": [],
        "privateEndpointConnections": known.get("privateEndpointConnections", []),
        "publicNetworkAccess": given.get("publicNetworkAccess", "Enabled"),
        "networkRuleBypassOptions": given.get("networkRuleBypassOptions", "AzureServices"),
        "zoneRedundancy": given.get("zoneRedundancy", "Disabled"),
        "anonymousPullEnabled": given.get("anonymousPullEnabled", False),
        "metadataSearch": given.get("metadataSearch", "Disabled"),
        "roleAssignmentMode": given.get("roleAssignmentMode", "LegacyRegistryPermissions"),
    }


def _policies(world: World, given: Body) -> Body:
    now = world.text()
    return {
        "quarantinePolicy": DISABLED,
        "trustPolicy": {"type": "Notary", **DISABLED},
        "retentionPolicy": {**RETENTION, "lastUpdatedTime": now},
        "exportPolicy": given.get("exportPolicy", ENABLED),
        "azureADAuthenticationAsArmPolicy": given.get("azureADAuthenticationAsArmPolicy", ENABLED),
        "softDeletePolicy": {**SOFT_DELETION, "lastUpdatedTime": now},
    }


def _view(world: World, document: Document, version: str) -> Document:
    """A registry as an API version shows it; those since 2025 follow the documentation only."""
    hidden = {"metadataSearch"} if version != METADATA else set()
    hidden |= {"roleAssignmentMode"} if version < ASSIGNMENT_MODES else set()
    hidden |= {"anonymousPullEnabled"} if version < MORE_POLICIES else set()
    policies = {"softDeletePolicy"} if version >= ASSIGNMENT_MODES and "preview" not in version else set()
    policies |= {"softDeletePolicy", "azureADAuthenticationAsArmPolicy"} if version < MORE_POLICIES else set()
    properties = {name: value for name, value in document["properties"].items() if name not in hidden}
    properties["policies"] = {name: value for name, value in properties["policies"].items() if name not in policies}
    return {**document, "properties": properties}


VIEWS[REGISTRY] = _view
