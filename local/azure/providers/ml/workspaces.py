"""Microsoft.MachineLearningServices: workspaces, and their soft delete. What is in them has modules of its own.

https://learn.microsoft.com/azure/machine-learning/concept-soft-delete: a deleted workspace keeps its name for 14 days.
"""

from typing import Any

from local.azure.core import operations
from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, TENANT, World
from local.azure.providers.common import SOFT_DELETES, Body, authorship, check_put, found, shown, tracked
from local.azure.providers.kinds import ML_WORKSPACE
from local.azure.providers.ml import checks, outside
from local.azure.providers.roles import new_principal

DELETED = "deleted ml workspaces"
KEPT_FOR = 14 * 86400.0
# https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles: the role that a workspace gives to its identity
AZURE_AI_ADMINISTRATOR = "b78c5d69-af96-48a3-bf8d-a8b4d589de94"
HELD = "Soft-deleted workspace exists. Please purge or recover it. https://aka.ms/wsoftdelete"


def put_workspace(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to create or change a workspace; the response is empty."""
    body = request.json()
    check_put(world, rid, body)
    existing, held = world.resource(rid.text), world.store.get(DELETED, rid.text)
    if existing is None and held is not None and held["_until"] > world.seconds():
        raise Refused(400, "BadRequest", HELD)
    checks.check_put(world, rid, body, existing)
    state = "Updating" if existing else "Creating"
    document = existing or {**tracked(rid, body, {}), "etag": None, "kind": body.get("kind", "Default")}
    document["sku"] = {"name": "Basic", "tier": "Basic"}
    document.setdefault("tags", {})
    document["identity"] = existing["identity"] if existing else _identity(world, rid, body["identity"])
    document["properties"] = {**_properties(world, rid, body, existing), "provisioningState": state}
    document["systemData"] = authorship(world, existing, world.zulu())
    now = bool((body.get("properties") or {}).get("provisionNetworkNow"))
    return _begun(world, world.keep(document), request, "PUT", "ml workspace put", provisions=now)


def patch_workspace(world: World, rid: ResourceId, request: Request) -> Answer:
    """Change tags and properties of a workspace, at once; some are decided when it is created."""
    body, workspace = request.json(), found(world, rid)
    check(ML_WORKSPACE, body)
    given = {name: value for name, value in (body.get("properties") or {}).items() if value is not None}
    checks.check_create_only(given, workspace)
    checks.check_builder(world, rid, given)
    changed = {**workspace, "properties": {**workspace["properties"], **given}}
    changed |= {"tags": body["tags"]} if "tags" in body else {}
    return Answer(200, shown(world, world.keep(changed), request))


def delete_workspace(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to delete a workspace with what is in it; with `forceToPurge`, its name is free afterwards.

    A soft-deleted one can only be purged.
    """
    purge = request.query.get("forceToPurge", "false").lower() == "true"
    workspace = world.resource(rid.text)
    if workspace is None:
        return _purged(world, rid, request) if purge else Answer(204)
    gone = world.keep({**workspace, "properties": {**workspace["properties"], "provisioningState": "Deleting"}})
    return _begun(world, gone, request, "DELETE", "ml workspace deleted", purge=purge)


def _purged(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to purge a soft-deleted workspace; that it takes as long as a deletion is assumed."""
    held = world.store.get(DELETED, rid.text)
    if held is None or held["_until"] <= world.seconds():
        return Answer(204)
    gone = {"id": rid.text, "type": ML_WORKSPACE, "location": held["location"]}
    return _begun(world, gone, request, "DELETE", "ml workspace purged", purge=True)


@operations.finisher("ml workspace purged")
def _forgotten(world: World, operation: Document) -> None:
    if operation["status"] != "Failed":
        world.store.delete(DELETED, operation["resource"])


def poll(world: World, identifier: str, request: Request) -> Answer:
    """The status of an operation on a workspace or a compute: complete to the hundredth when it has ended."""
    operation = world.store.get(operations.SHELF, identifier)
    if operation is None:
        raise Refused(404, "NotFound", f"The operation {identifier} was not found.")
    status = operation["status"]
    if request.query.get("type") == "location":
        return Answer(202, None, {"Location": request.url}) if status == "InProgress" else Answer(200)
    if status == "Failed":
        return Answer(200, {"status": status, "error": operation["error"]})
    return Answer(200, {"status": status, **({} if status == "InProgress" else {"percentComplete": 100.0})})


def begun(world: World, document: Document, request: Request, verb: str, effect: str, style: str, **more: Any) -> str:
    """Begin an operation on a workspace or a resource in it; returns the URL to poll."""
    operation = operations.begin(
        world,
        effect,
        document["id"],
        "ml managed network" if more.get("provisions") else f"{verb} {document['type']}",
        request=(verb, document["id"]),
        provider="Microsoft.MachineLearningServices",
        **more,
    )
    place = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/locations/{document['location']}"
    return f"{request.base}{place}/{style}/{operation['id']}?api-version={request.version}"


def _begun(
    world: World,
    document: Document,
    request: Request,
    verb: str,
    effect: str,
    *,
    purge: bool = False,
    provisions: bool = False,
) -> Answer:
    more = {"purge": purge, "provisions": provisions}
    url = begun(world, document, request, verb, effect, "workspaceOperationsStatus", **more)
    return Answer(202, None, {"Azure-AsyncOperation": f"{url}&type=async", "Location": f"{url}&type=location"})


@operations.finisher("ml workspace put")
def _put(world: World, operation: Document) -> None:
    workspace = world.resource(operation["resource"])
    if workspace is None:
        return
    properties = {**workspace["properties"], "provisioningState": operation["status"]}
    network = properties["managedNetwork"]
    if operation["provisions"] and operation["status"] == "Succeeded":
        properties["managedNetwork"] = {**network, "status": {"status": "Active", "sparkReady": False}}
    world.keep({**workspace, "properties": properties})
    outside.make(world, workspace)


@operations.finisher("ml workspace deleted")
def _deleted(world: World, operation: Document) -> None:
    workspace = world.resource(operation["resource"])
    if workspace is None or operation["status"] == "Failed":
        return
    if not operation["purge"]:
        hold(world, workspace)
    world.forget(workspace["id"])


def hold(world: World, workspace: Document) -> None:
    """Reserve the name of a workspace that is deleted, also with its group."""
    world.store.put(DELETED, workspace["id"], {"_until": world.seconds() + KEPT_FOR, "location": workspace["location"]})


def workspace_of(world: World, rid: ResourceId, verb: str = "write") -> Document:
    """The workspace that a resource is in; raises Refused if there is none."""
    above = rid.parent
    workspace = world.resource(above.text) if above else None
    if workspace is None:
        child = "/".join(rid.types)
        text = (
            f"Failed to perform '{verb}' on resource(s) of type '{child}', because the parent resource "
            f"'{above.text if above else ''}' could not be found."
        )
        raise Refused(404, "ParentResourceNotFound", text, headers={"x-ms-failure-cause": "gateway"})
    return workspace


SOFT_DELETES[ML_WORKSPACE] = hold


def _identity(world: World, rid: ResourceId, given: Body) -> Body:
    """The identity of a new workspace, which gets a role on the resource group if it is the workspace's own."""
    if given["type"] != "SystemAssigned":
        assigned = {one: (world.resource(one) or {}).get("properties", {}) for one in given["userAssignedIdentities"]}
        return {"type": given["type"], "userAssignedIdentities": assigned}
    principal = new_principal(world, rid.text)
    outside.assign(world, AZURE_AI_ADMINISTRATOR, principal, rid.group_id)
    return {"type": "SystemAssigned", "principalId": principal, "tenantId": TENANT}


def _network(given: Body) -> Body:
    mode = given.get("isolationMode", "Disabled")
    more = {name: given[name] for name in ("outboundRules", "status") if given.get(name)}
    return {
        "changeableIsolationModes": ["AllowInternetOutbound", "AllowOnlyApprovedOutbound"],
        "isolationMode": mode,
        **more,
    }


def _properties(world: World, rid: ResourceId, body: Body, existing: Document | None) -> Body:
    given, known = body.get("properties") or {}, existing["properties"] if existing else {}
    region, guid = body["location"].replace(" ", "").lower(), known.get("workspaceId") or world.fresh_guid("ml", rid.text)
    host = f"ml-{rid.name[:15]}-{region}-{guid}.{region}.notebooks.azure.net"
    notebooks = {"resourceId": guid.replace("-", ""), "fqdn": host}
    return {
        "friendlyName": given.get("friendlyName", ""),
        "description": given.get("description", ""),
        "storageAccount": given["storageAccount"],
        "keyVault": given["keyVault"],
        "applicationInsights": given.get("applicationInsights"),
        **({"containerRegistry": given["containerRegistry"]} if given.get("containerRegistry") else {}),
        "hbiWorkspace": False,
        "tenantId": TENANT,
        "imageBuildCompute": given.get("imageBuildCompute"),
        "provisioningState": "Creating",
        "managedNetwork": _network(given.get("managedNetwork") or known.get("managedNetwork") or {}),
        "allowRoleAssignmentOnRG": True,
        "v1LegacyMode": False,
        "softDeleteEnabled": False,
        "creationTime": known.get("creationTime") or world.zulu(),
        "notebookInfo": {**notebooks, "isPrivateLinkEnabled": False, "notebookPreparationError": None},
        "storageHnsEnabled": False,
        "workspaceId": guid,
        "linkedModelInventoryArmId": None,
        "privateLinkCount": 0,
        "publicNetworkAccess": given.get("publicNetworkAccess", "Enabled"),
        "ipAllowlist": [],
        "discoveryUrl": f"https://{region}.api.azureml.ms/discovery",
        "mlFlowTrackingUri": f"azureml://{region}.api.azureml.ms/mlflow/v1.0{rid.text}",
        "serverlessComputeSettings": None,
        "EnableSoftwareBillOfMaterials": False,
        "sdkTelemetryAppInsightsKey": world.guid("telemetry"),
        "sasGetterUri": "",
        "enableDataIsolation": given.get("enableDataIsolation", False),
        **({"systemDatastoresAuthMode": given["systemDatastoresAuthMode"]} if "systemDatastoresAuthMode" in given else {}),
    }
