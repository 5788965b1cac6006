"""Runs of a workspace, which Resource Manager calls jobs: users submit them, and clusters carry them out.

Shapes: the client of API version 2025-12-01 in azure-ai-ml, and the examples in Azure/azure-rest-api-specs. That the newest
comes first, and how many a page has, is not documented.
"""

from collections.abc import Callable
from typing import Any

from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import found
from local.azure.providers.kinds import ML_COMPUTE, ML_JOB, ML_WORKSPACE
from local.azure.providers.ml.nodes import RUNS, nodes_of

PAGE = 100


def list_jobs(world: World, rid: ResourceId, request: Request) -> Answer:
    """One page of the runs of a workspace, the newest first."""
    request.check_query("$skip")
    workspace = _workspace_of(world, rid)
    _look_at_clusters(world, workspace)
    runs = sorted(_of(world, workspace), key=lambda run: (-float(run["submitted"]), run["name"]))
    begin = int(request.query.get("$skip", "0"))
    body: dict[str, Any] = {"value": [_shown(world, run) for run in runs[begin : begin + PAGE]]}
    if begin + PAGE < len(runs):
        path = request.url.partition("?")[0]
        body["nextLink"] = f"{path}?api-version={request.version}&$skip={begin + PAGE}"
    return Answer(200, body)


def get_job(world: World, rid: ResourceId, request: Request) -> Answer:
    """One run."""
    workspace = _workspace_of(world, rid)
    _look_at_clusters(world, workspace)
    run = next((one for one in _of(world, workspace) if one["name"] == rid.name), None)
    if run is None:
        raise Refused(404, "UserError", f"No job with the name {rid.name} was found.")
    return Answer(200, _shown(world, run))


def list_nodes(world: World, rid: ResourceId) -> Answer:
    """The nodes of a cluster, with the runs on them."""
    nodes = nodes_of(world, found(world, rid)).nodes
    shown = [
        {
            "nodeId": node.id,
            "privateIpAddress": f"10.0.0.{place + 4}",
            "publicIpAddress": None,
            "port": 50000.0,
            "nodeState": node.state,
            "runId": node.run or None,
        }
        for place, node in enumerate(nodes)
    ]
    return Answer(200, {"nodes": shown})


def submit(world: World, request: Request) -> Answer:
    """Control: a user submits a run of some seconds on some nodes of a cluster, or one that names no cluster."""
    body = request.json()
    compute = str(body.get("compute", "")).lower()
    cluster = world.resource(compute) if compute else None
    workspace = world.resource(compute.rpartition("/computes/")[0] if compute else str(body["workspace"]))
    if workspace is None or (compute and cluster is None):
        raise Refused(404, "ResourceNotFound", f"There is no {compute or body['workspace']}.")
    if cluster:
        nodes_of(world, cluster)
    name = str(body.get("name") or f"calm_run_{world.fresh_guid('run', workspace['id'])[:8]}")
    run = {
        "id": f"{workspace['id']}/jobs/{name}",
        "name": name,
        "workspace": workspace["properties"]["workspaceId"],
        "compute": compute,
        "kind": str(body.get("kind", "Command")),
        "nodes": int(body.get("nodes", 1)),
        "seconds": float(body.get("seconds", 3600)),
        "submitted": world.seconds() - float(body.get("ago", 0)),
        "status": str(body.get("status", "Queued")),
        "ends": 0.0,
    }
    world.store.put(RUNS, run["id"], run)
    if cluster:
        nodes_of(world, cluster)
    return Answer(201, _shown(world, world.store.get(RUNS, run["id"]) or run))


def end(world: World, request: Request) -> Answer:
    """Control: a run ends now, as it is or with another status."""
    body = request.json()
    run = world.store.get(RUNS, str(body["id"]))
    if run is None:
        raise Refused(404, "ResourceNotFound", f"There is no run {body['id']}.")
    cluster, status = world.resource(run["compute"]) if run["compute"] else None, str(body.get("status", "Canceled"))
    if cluster:
        nodes_of(world, cluster)
        run = world.store.get(RUNS, run["id"]) or run
    running = run["status"] == "Running"
    world.store.put(RUNS, run["id"], {**run, "ends": world.seconds()} if running else {**run, "status": status})
    if cluster:
        nodes_of(world, cluster)
    world.store.put(RUNS, run["id"], {**run, "status": status})
    return Answer(204)


def _look_at_clusters(world: World, workspace: Document) -> None:
    for cluster in world.resources(ML_COMPUTE, workspace["id"] + "/"):
        nodes_of(world, cluster)


def _of(world: World, workspace: Document) -> list[Document]:
    guid = workspace["properties"]["workspaceId"]
    return [run for _, run in world.store.items(RUNS) if run["workspace"] == guid]


def _workspace_of(world: World, rid: ResourceId) -> Document:
    above = ResourceId(rid.subscription, rid.group, rid.provider, ("workspaces",), rid.names[:1])
    assert above.type == ML_WORKSPACE
    return found(world, above)


def _shown(world: World, run: Document) -> Document:
    cluster = world.resource(run["compute"]) if run["compute"] else None
    at = world.zulu(float(run["submitted"]))
    properties: dict[str, Any] = {
        "description": None,
        "tags": {},
        "properties": {},
        "displayName": run["name"],
        "status": run["status"],
        "experimentName": "Default",
        "services": {},
        "computeId": cluster["id"] if cluster else (run["compute"] or None),
        "isArchived": False,
        "jobType": run["kind"],
        "resources": {"instanceCount": run["nodes"], "instanceType": None, "properties": {}},
    }
    system = {"createdAt": at, "createdBy": "alice", "createdByType": "User"}
    return {"id": run["id"], "name": run["name"], "type": ML_JOB, "properties": properties, "systemData": system}


HANDLERS: dict[tuple[str, str], Callable[[World, Request], Answer]] = {
    ("POST", "ml/runs"): submit,
    ("POST", "ml/runs/end"): end,
}
