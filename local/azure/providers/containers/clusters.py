"""Microsoft.ContainerService: managed clusters. Power, credentials and commands are in modules of their own.

Bodies, states and headers are recorded in 2026 at API version 2025-08-01; what those recordings lack (Entra ID, own
identities, refusals) follows https://learn.microsoft.com/azure/aks/.
"""

from typing import Any

from local.azure.core import operations
from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer
from local.azure.core.store import Document
from local.azure.core.world import World, visible
from local.azure.kubernetes import objects
from local.azure.providers.common import SOFT_DELETES, VIEWS, Body, absent, check_put, group_of
from local.azure.providers.containers import admission, cluster_bodies, long_running, node_groups, pool_bodies, pools
from local.azure.providers.containers.cluster_requests import (
    check_change,
    check_new,
    check_room,
    document_of,
    pools_of,
    without_nulls,
)
from local.azure.providers.containers.errors import invalid, no_cluster
from local.azure.providers.kinds import CLUSTER

# Recorded: for a while after its end, the provider itself says that a cluster is gone, and later Resource Manager does.
GONE, GONE_FOR = "deleted clusters", 300.0


def put_cluster(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to create or change a cluster; the pools in the body are created with it, and later only changed."""
    body = without_nulls(request.json())
    check_put(world, rid, body)
    existing = world.resource(rid.text)
    if existing is None:
        check_new(world, rid, body)
    else:
        pools.check_running(existing, "updating")
        long_running.check_idle(world, existing["id"])
        check_change(world, existing, body)
    admission.check_identities(world, rid, body)
    known = existing["properties"] if existing else None
    properties = cluster_bodies.properties(world, rid, body, known)
    document = document_of(world, rid, body, existing, properties)
    wanted = pools_of(world, document, body, new=existing is None)
    check_room(world, document, wanted)
    answer = _begun(world, request, document, wanted, new=existing is None)
    return Answer(200 if existing else 201, answer[0], answer[1])


def get_cluster(world: World, rid: ResourceId, _: Request) -> Answer:
    """A cluster, with its pools."""
    return Answer(200, shown_cluster(existing_cluster(world, rid)))


def patch_cluster(world: World, rid: ResourceId, request: Request) -> Answer:
    """Change the tags of a cluster, the only thing that a PATCH changes."""
    cluster, body = existing_cluster(world, rid), request.json()
    check(CLUSTER, body)
    if set(body) - {"tags"}:
        raise invalid("parameters", "Only tags can be patched.")
    pools.check_running(cluster, "updating tags")
    long_running.check_idle(world, cluster["id"])
    changed = world.keep({**cluster, "tags": body.get("tags") or {}})
    return Answer(200, shown_cluster(changed))


def delete_cluster(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to delete a cluster with its pools and its node resource group; whatever runs on it is preempted."""
    cluster = existing_cluster(world, rid)
    running = long_running.under_way(world, cluster["id"])
    if running is not None and running["effect"] == long_running.DELETED:
        return Answer(202, None, long_running.headers(running, request, cluster["location"], both=True))
    long_running.preempt(world, cluster["id"])
    operation = long_running.begin(world, long_running.DELETED, cluster, "DELETE", f"DELETE {CLUSTER}")
    with_state(world, cluster, "Deleting")
    return Answer(202, None, long_running.headers(operation, request, cluster["location"], both=True))


def existing_cluster(world: World, rid: ResourceId) -> Document:
    """The cluster of an ID; raises the refusals for groups and clusters that do not exist."""
    group_of(world, rid.group_id)
    cluster = world.resource(rid.text)
    if cluster is None:
        gone = world.store.get(GONE, rid.text)
        raise no_cluster(rid) if gone and gone["_until"] > world.seconds() else absent(rid)
    return cluster


def with_state(world: World, cluster: Document, state: str, **more: Any) -> Document:
    """Write a cluster with another state, and other properties."""
    return world.keep({**cluster, "properties": {**cluster["properties"], "provisioningState": state, **more}})


def shown_cluster(document: Document) -> Document:
    """A cluster as AKS spells its ID and its type."""
    return visible(
        {
            **document,
            "id": document["id"].replace("/resourceGroups/", "/resourcegroups/", 1),
            "type": "Microsoft.ContainerService/ManagedClusters",
        }
    )


VIEWS[CLUSTER] = lambda world, document, version: shown_cluster(document)


def _begun(
    world: World, request: Request, document: Document, wanted: list[Document], *, new: bool
) -> tuple[Document, dict[str, str]]:
    failures = [
        admission.no_capacity(
            world, one["properties"]["vmSize"], document["location"], one["properties"].get("availabilityZones") or []
        )
        for one in wanted
        if new
    ]
    count = sum(pools.machines(one["properties"]) for one in wanted)
    operation = long_running.begin(
        world,
        long_running.CREATE if new else long_running.UPDATE,
        document,
        "PUT",
        f"PUT {CLUSTER}",
        long_running.words("Creating cluster" if new else "Updating cluster", count),
        failure=next((failure for failure in failures if failure), None),
    )
    world.keep(document)
    if new:
        node_groups.create(world, document)
    for pool in wanted:
        before = world.resource(pool["id"]) or {}
        world.keep({**before, **pool, "properties": pool_bodies.without_empty(pool["properties"])})
    pools.sync(world, document["id"])
    profiles = [{"name": pool["name"], **_echoed(pool["properties"])} for pool in wanted]
    shown = {**document, "properties": {**document["properties"]}}
    shown["properties"]["agentPoolProfiles"] = profiles or document["properties"]["agentPoolProfiles"]
    return shown_cluster(shown), long_running.headers(operation, request, document["location"], both=False)


def _echoed(given: Body) -> Body:
    """The properties of a pool as the response to a PUT of its cluster repeats them: with tags and labels, if empty ones."""
    return {name: value for name, value in given.items() if name != "nodeTaints" or value}


@operations.finisher(long_running.CREATE)
@operations.finisher(long_running.UPDATE)
def _put(world: World, operation: Document) -> None:
    cluster = world.resource(operation["resource"])
    if cluster is None:
        return
    if operation["status"] == "Failed":
        cluster = with_state(world, cluster, "Failed", status={"provisioningError": operation["error"]})
    else:
        cluster["properties"].pop("status", None)
        cluster = with_state(world, node_groups.fill(world, cluster), "Succeeded")
        objects.open_cluster(world, cluster)
    for pool in pools.of_cluster(world, cluster["id"]):
        kept = world.keep({**pool, "properties": {**pool["properties"], "provisioningState": operation["status"]}})
        if operation["status"] == "Succeeded":
            pools.settle_machines(world, cluster, kept, operation["ends"])
    pools.sync(world, cluster["id"])


@operations.finisher(long_running.DELETED)
def _deleted(world: World, operation: Document) -> None:
    cluster = world.resource(operation["resource"])
    if cluster is None:
        return
    if operation["status"] == "Failed":
        with_state(world, cluster, "Failed")
        return
    _farewell(world, cluster)
    world.store.put(GONE, cluster["id"], {"_until": world.seconds() + GONE_FOR})
    world.forget(cluster["id"])


def _farewell(world: World, cluster: Document) -> None:
    """What goes with a cluster: its node resource group, and everything in its API server."""
    node_groups.remove(world, cluster)
    objects.close_cluster(world, str(cluster["properties"]["resourceUID"]))


# Also when its resource group is deleted.
SOFT_DELETES[CLUSTER] = _farewell
