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
from local.azure.core.world import TENANT, World, visible
from local.azure.kubernetes import objects
from local.azure.providers.common import SOFT_DELETES, VIEWS, Body, absent, authorship, check_put, group_of, tracked
from local.azure.providers.containers import admission, cluster_bodies, long_running, node_groups, pool_bodies, pools
from local.azure.providers.containers.errors import BareRefused, invalid, no_cluster, unchangeable
from local.azure.providers.kinds import CLUSTER, POOL
from local.azure.providers.roles import new_principal

# Recorded: for a while after its end, the provider itself says that a cluster is gone, and later Resource Manager does.
GONE, GONE_FOR = "deleted clusters", 300.0


def put_cluster(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to create or change a cluster; the pools in the body are created with it, and later only changed."""
    body = _without_nulls(request.json())
    check_put(world, rid, body)
    existing = world.resource(rid.text)
    if existing is None:
        _check_new(world, rid, body)
    else:
        pools.check_running(existing, "updating")
        long_running.check_idle(world, existing["id"])
        _check_change(existing, body)
    admission.check_identities(world, rid, body)
    known = existing["properties"] if existing else None
    properties = cluster_bodies.properties(world, rid, body, known)
    document = _document(world, rid, body, existing, properties)
    wanted = _pools(world, document, body, new=existing is None)
    _check_room(world, document, wanted)
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


def _without_nulls(value: Any) -> Any:
    """A body as AKS reads it: what is null is not there."""
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return value


def _check_new(world: World, rid: ResourceId, body: Body) -> None:
    given = body.get("properties") or {}
    if not admission.CLUSTER_NAME.fullmatch(rid.name):
        raise invalid("resourceName", "The name of a cluster has 1 to 63 letters, digits, underscores and hyphens.")
    if not admission.DNS_PREFIX.fullmatch(str(given.get("dnsPrefix", ""))):
        raise invalid("dnsPrefix", "The DNS prefix must have 1 to 54 letters, digits and hyphens.")
    if not body.get("identity"):
        raise BareRefused(400, "InvalidParameter", "Required parameter identity or servicePrincipalProfile is missing.")
    if not given.get("agentPoolProfiles"):
        raise BareRefused(400, "MustDefineAtLeastOneSystemPool", "Must define at least one system pool.")
    if given.get("disableLocalAccounts") and not (given.get("aadProfile") or {}).get("managed"):
        text = "Disabling local accounts is only supported on a cluster that is integrated with Microsoft Entra ID."
        raise BareRefused(400, "BadRequest", text)
    if given.get("nodeResourceGroup"):
        node_groups.check_new(world, str(given["nodeResourceGroup"]))


def _check_change(existing: Document, body: Body) -> None:
    if body.get("location") and body["location"].replace(" ", "").lower() != existing["location"]:
        raise unchangeable("location")
    changed = cluster_bodies.changed_fixed(body, existing["properties"])
    if changed:
        raise unchangeable(changed[0])


def _document(world: World, rid: ResourceId, body: Body, existing: Document | None, properties: Body) -> Document:
    document: Document = {**tracked(rid, body, properties), "kind": "Base"}
    if not document.get("tags"):
        document.pop("tags", None)
    document["identity"] = _identity(world, rid, body.get("identity") or {}, existing)
    document["sku"] = {"name": "Base", "tier": "Free", **(existing or {}).get("sku", {}), **(body.get("sku") or {})}
    document["_author"] = authorship(world, None, world.zulu())["createdBy"]
    return document


def _identity(world: World, rid: ResourceId, given: Body, existing: Document | None) -> Body:
    known = existing["identity"] if existing else {}
    if not given or given.get("type") == known.get("type") == "SystemAssigned":
        return dict(known)
    if given["type"] == "UserAssigned":
        assigned = {one: (world.resource(one) or {})["properties"] for one in given["userAssignedIdentities"]}
        shown = {one: {name: facts[name] for name in ("principalId", "clientId")} for one, facts in assigned.items()}
        return {"type": "UserAssigned", "userAssignedIdentities": shown}
    return {"type": "SystemAssigned", "principalId": new_principal(world, rid.text), "tenantId": TENANT}


def _pools(world: World, cluster: Document, body: Body, *, new: bool) -> list[Document]:
    """The pools of the body; a change of the cluster neither adds nor removes one (https://aka.ms/aks/update-pools)."""
    given = (body.get("properties") or {}).get("agentPoolProfiles") or []
    known = {} if new else {pool["name"]: pool for pool in pools.of_cluster(world, cluster["id"])}
    if not new and given and {one["name"] for one in given} != set(known):
        raise BareRefused(400, "InvalidParameter", "Agent pools are added and removed by requests of their own.")
    found = []
    for one in given:
        before = known[one["name"]]["properties"] if one["name"] in known else None
        if before and (changed := pool_bodies.changed_fixed(one, before)):
            raise unchangeable(f"properties.agentPoolProfile.{changed[0]}")
        admission.check_pool(
            world, one["name"], {**({"vmSize": before["vmSize"]} if before else {}), **one}, cluster["location"]
        )
        properties = {**pool_bodies.properties(world, one, cluster, before)}
        if before:
            properties.setdefault("enableAutoScaling", False)
        identifier = f"{cluster['id']}/agentPools/{one['name']}"
        properties["provisioningState"] = "Creating" if new else "Updating"
        found.append({"id": identifier, "name": one["name"], "type": POOL, "properties": properties})
    running = [one for one in found if one["properties"]["mode"] == "System" and pools.machines(one["properties"])]
    if new and not running:
        raise BareRefused(400, "MustDefineAtLeastOneSystemPool", "Must define at least one system pool.")
    return found


def _check_room(world: World, cluster: Document, wanted: list[Document]) -> None:
    for pool in wanted:
        before = world.resource(pool["id"])
        more = pools.machines(pool["properties"]) - (pools.machines(before["properties"]) if before else 0)
        spot = pool["properties"].get("scaleSetPriority") == "Spot"
        admission.check_quota(world, pool["properties"]["vmSize"], cluster["location"], more, spot=spot)


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
    profiles = [{"name": pool["name"], **pool["properties"]} for pool in wanted]
    shown = {**document, "properties": {**document["properties"]}}
    shown["properties"]["agentPoolProfiles"] = profiles or document["properties"]["agentPoolProfiles"]
    return shown_cluster(shown), long_running.headers(operation, request, document["location"], both=False)


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
    objects.close_cluster(world, cluster)


# Also when its resource group is deleted.
SOFT_DELETES[CLUSTER] = _farewell
