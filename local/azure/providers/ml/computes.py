"""Clusters of a workspace (AmlCompute). Nothing here is recorded.

Bodies follow the client of API version 2025-12-01 in azure-ai-ml, and
https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster.
"""

import re

from local.azure.core import operations
from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import TENANT, World
from local.azure.providers.common import Body, found, shown, tracked
from local.azure.providers.kinds import ML_COMPUTE
from local.azure.providers.ml import nodes, quotas
from local.azure.providers.ml.workspaces import begun, workspace_of
from local.azure.providers.roles import new_principal

CLUSTER_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]")
STATUS = "computeOperationsStatus"
FIXED = ("vmSize", "vmPriority", "osType", "subnet", "enableNodePublicIp", "remoteLoginPortPublicAccess")
NO_NODES = dict.fromkeys(
    (f"{state}NodeCount" for state in ("idle", "running", "preparing", "unusable", "leaving", "preempted")), 0
)


def put_compute(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to create a cluster, or to change the scale of one; everything else of it is fixed."""
    body = request.json()
    workspace = workspace_of(world, rid)
    check(ML_COMPUTE, body)
    given = body["properties"]
    if given.get("computeType") != "AmlCompute":
        raise not_simulated(f"a compute of the type {given.get('computeType')}")
    existing = world.resource(rid.text)
    _check_cluster(rid, given["properties"], existing)
    if existing:
        nodes.nodes_of(world, existing)
    else:
        inner = given["properties"]
        quotas.check_creation(world, workspace["location"], inner["vmSize"], inner.get("vmPriority", "Dedicated"))
    now = world.text()
    known: Body = existing["properties"] if existing else {"createdOn": now}
    document = existing or {**tracked(rid, {"location": workspace["location"], **body}, {}), "tags": body.get("tags") or {}}
    if body.get("identity") and not existing:
        document["identity"] = _identity(world, rid, body["identity"])
    document["properties"] = {
        "createdOn": known["createdOn"],
        "modifiedOn": now,
        "disableLocalAuth": given.get("disableLocalAuth", False),
        "description": given.get("description"),
        "resourceId": None,
        "computeType": "AmlCompute",
        "computeLocation": document["location"],
        "provisioningState": "Updating" if existing else "Creating",
        "provisioningErrors": None,
        "provisioningWarnings": None,
        "isAttachedCompute": False,
        "properties": _cluster(given["properties"], (known.get("properties") or {}), now),
    }
    url = begun(world, world.keep(document), request, "PUT", "ml compute put", STATUS)
    if not existing:
        nodes.begin(world, rid.text)
    headers = {"Azure-AsyncOperation": f"{url}&service=new"}
    return Answer(200 if existing else 201, shown(world, document, request), headers)


def patch_compute(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to change the scale of a cluster, the only thing that can be changed."""
    body, compute = request.json(), found(world, rid)
    check(ML_COMPUTE, body)
    inner = ((body.get("properties") or {}).get("properties")) or {}
    if set(inner) - {"scaleSettings"}:
        raise Refused(400, "BadRequest", "Only scaleSettings of a compute cluster can be updated.")
    nodes.nodes_of(world, compute)
    settings = compute["properties"]["properties"]
    changed = {**settings, "scaleSettings": {**settings["scaleSettings"], **inner.get("scaleSettings", {})}}
    properties = {**compute["properties"], "properties": changed, "provisioningState": "Updating"}
    document = world.keep({**compute, "properties": properties})
    url = begun(world, document, request, "PUT", "ml compute put", STATUS)
    return Answer(200, shown(world, document, request), {"Azure-AsyncOperation": f"{url}&service=new"})


def delete_compute(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to delete a cluster with its nodes; the caller must say that the nodes go, too."""
    workspace_of(world, rid, "delete")
    if world.resource(rid.text) is None:
        return Answer(204)
    compute = found(world, rid)
    if request.query.get("underlyingResourceAction") != "Delete":
        raise Refused(400, "BadRequest", "The query parameter underlyingResourceAction must be Delete or Detach.")
    gone = world.keep({**compute, "properties": {**compute["properties"], "provisioningState": "Deleting"}})
    url = begun(world, gone, request, "DELETE", "deleted", STATUS)
    return Answer(202, None, {"Azure-AsyncOperation": f"{url}&service=new"})


@operations.finisher("ml compute put")
def _put(world: World, operation: Document) -> None:
    compute = world.resource(operation["resource"])
    if compute is not None:
        world.keep({**compute, "properties": {**compute["properties"], "provisioningState": operation["status"]}})


def _check_cluster(rid: ResourceId, given: Body, existing: Document | None) -> None:
    if not CLUSTER_NAME.fullmatch(rid.name):
        text = "A compute name has 3 to 24 letters, digits and hyphens, and starts with a letter."
        raise Refused(400, "BadRequest", text)
    scale = given.get("scaleSettings") or {}
    if not given.get("vmSize") or "maxNodeCount" not in scale:
        raise Refused(400, "BadRequest", "vmSize and scaleSettings.maxNodeCount are required.")
    known = existing["properties"]["properties"] if existing else {}
    changed = [name for name in FIXED if existing and name in given and given[name] != known.get(name)]
    if changed:
        raise Refused(400, "BadRequest", f"The property {changed[0]} of a compute cluster cannot be updated.")


def _cluster(given: Body, known: Body, now: str) -> Body:
    scale = given["scaleSettings"]
    return {
        "vmSize": given["vmSize"],
        "vmPriority": given.get("vmPriority", "Dedicated"),
        "scaleSettings": {
            "maxNodeCount": scale["maxNodeCount"],
            "minNodeCount": scale.get("minNodeCount", 0),
            "nodeIdleTimeBeforeScaleDown": scale.get("nodeIdleTimeBeforeScaleDown", "PT2M"),
        },
        "subnet": given.get("subnet"),
        "currentNodeCount": known.get("currentNodeCount", 0),
        "targetNodeCount": known.get("targetNodeCount", 0),
        "nodeStateCounts": known.get("nodeStateCounts", NO_NODES),
        "allocationState": known.get("allocationState", "Steady"),
        "allocationStateTransitionTime": known.get("allocationStateTransitionTime", now),
        "errors": None,
        "remoteLoginPortPublicAccess": given.get("remoteLoginPortPublicAccess", "Enabled"),
        "osType": given.get("osType", "Linux"),
        "virtualMachineImage": None,
        "isolatedNetwork": False,
        "enableNodePublicIp": given.get("enableNodePublicIp", True),
    }


def _identity(world: World, rid: ResourceId, given: Body) -> Body:
    if given["type"] == "SystemAssigned":
        return {"type": "SystemAssigned", "principalId": new_principal(world, rid.text), "tenantId": TENANT}
    assigned = {}
    for identifier in given["userAssignedIdentities"]:
        known = world.resource(identifier)
        if known is None:
            raise Refused(400, "BadRequest", f"The identity {identifier} was not found.")
        assigned[identifier] = {name: known["properties"][name] for name in ("principalId", "clientId")}
    return {"type": "UserAssigned", "userAssignedIdentities": assigned}
