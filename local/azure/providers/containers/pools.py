"""Microsoft.ContainerService: agent pools, one operation at a time on a cluster.

https://learn.microsoft.com/azure/aks/manage-node-pools, https://learn.microsoft.com/azure/aks/start-stop-nodepools
"""

from local.azure.core import operations
from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer
from local.azure.core.store import Document
from local.azure.core.world import World, visible
from local.azure.kubernetes import nodes
from local.azure.providers.common import VIEWS, Body, absent, group_of, live_group_of
from local.azure.providers.containers import admission, long_running, node_groups, pool_bodies, versions
from local.azure.providers.containers.errors import BareRefused, no_pool, unchangeable, wrong_power
from local.azure.providers.kinds import POOL

LAST_SYSTEM_POOL = "There has to be at least one system agent pool."
STOPPED = "Stopped"


def put_pool(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to create a pool, or to change one: its count, its bounds, its labels, its power or its version."""
    body = request.json()
    live_group_of(world, rid.group_id)
    check(POOL, body)
    cluster = cluster_above(world, rid)
    check_running(cluster, "the operation")
    long_running.check_idle(world, cluster["id"])
    given: Body = body.get("properties") or {}
    existing = world.resource(rid.text)
    known = existing["properties"] if existing else None
    changed = pool_bodies.changed_fixed(given, known) if known else []
    if changed:
        raise unchangeable(f"properties.{changed[0]}")
    admission.check_pool(world, rid.name, {**_kept(known), **given}, cluster["location"])
    properties = pool_bodies.properties(world, given, cluster, known)
    control_plane = str(cluster["properties"]["currentKubernetesVersion"])
    versions.check_not_newer(str(properties["currentOrchestratorVersion"]), control_plane)
    _check_modes(world, cluster, rid.name, properties)
    properties.setdefault("enableAutoScaling", False)
    return _begun(world, rid, request, cluster, properties, existing)


def _kept(known: Body | None) -> Body:
    """What a change leaves alone of a pool, as far as it is checked."""
    return {name: known[name] for name in ("vmSize", "mode") if name in known} if known else {}


def _begun(
    world: World, rid: ResourceId, request: Request, cluster: Document, properties: Body, existing: Document | None
) -> Answer:
    known = existing["properties"] if existing else None
    state, kept = _state(properties, known), (existing or {}).get("_count")
    if state == "Stopping":  # recorded: a stopped pool has no machines, and gets as many again when it is started
        kept, properties["count"] = known["count"] if known else 0, 0
    elif state == "Starting" and not properties["enableAutoScaling"]:
        properties["count"] = kept or 0
    before, after = machines(known) if known else 0, machines(properties)
    rolled = _surge(properties) if state == "Upgrading" and before else 0
    spot = properties.get("scaleSetPriority") == "Spot"
    admission.check_quota(world, properties["vmSize"], cluster["location"], after - before + rolled, spot=spot)
    failure = None
    if after > before:
        zones = properties.get("availabilityZones") or []
        failure = admission.no_capacity(world, properties["vmSize"], cluster["location"], zones)
    document: Document = {
        "id": rid.text,
        "name": rid.name,
        "type": POOL,
        "properties": {**properties, "provisioningState": state},
    }
    operation = long_running.begin(
        world,
        long_running.POOL_PUT,
        document,
        "PUT",
        f"PUT {POOL}" if after != before or state == "Upgrading" else "aks pool without machines",
        long_running.words(state, max(after, 1)),
        failure=failure,
        state=state,
    )
    stored = {**document, "_count": kept, "properties": pool_bodies.without_empty(document["properties"])}
    keep_pool(world, stored)
    headers = long_running.headers(operation, request, cluster["location"], both=False)
    return Answer(200 if known else 201, shown_pool(stored), headers)


def get_pool(world: World, rid: ResourceId, _: Request) -> Answer:
    """A pool."""
    group_of(world, rid.group_id)
    cluster_above(world, rid)
    document = world.resource(rid.text)
    if document is None:
        raise no_pool(rid)
    return Answer(200, shown_pool(document))


def delete_pool(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to delete a pool with its machines; the last system pool stays."""
    cluster = cluster_above(world, rid)
    pool = world.resource(rid.text)
    if pool is None:
        return Answer(204)
    check_running(cluster, "deleting")
    long_running.check_idle(world, cluster["id"])
    if pool["properties"]["mode"] == "System":
        _check_modes(world, cluster, rid.name, {"mode": "User"})
    operation = long_running.begin(world, long_running.POOL_DELETED, pool, "DELETE", f"DELETE {POOL}")
    keep_pool(world, {**pool, "properties": {**pool["properties"], "provisioningState": "Deleting"}})
    return Answer(202, None, long_running.headers(operation, request, cluster["location"], both=True))


def cluster_above(world: World, rid: ResourceId) -> Document:
    """The cluster of a pool; raises the refusal of Resource Manager if there is none."""
    above = rid.parent
    cluster = world.resource(above.text) if above else None
    if cluster is None:
        raise absent(above or rid)
    return cluster


def check_running(cluster: Document, doing: str) -> None:
    """Raise the refusal of everything but start and delete on a stopped cluster."""
    properties = cluster["properties"]
    if properties["powerState"]["code"] == STOPPED:
        raise wrong_power(properties["provisioningState"], STOPPED, doing)


def of_cluster(world: World, cluster: str) -> list[Document]:
    """The pools of a cluster."""
    return list(world.resources(POOL, cluster + "/"))


def keep_pool(world: World, pool: Document) -> None:
    """Write a pool, and its profile in its cluster, which is what Resource Graph shows of it."""
    world.keep(pool)
    sync(world, pool["id"].rpartition("/agentPools/")[0])


def sync(world: World, cluster_id: str) -> None:
    """Bring the profiles in a cluster up to date with its pools."""
    cluster = world.resource(cluster_id)
    if cluster is not None:
        profiles = [{"name": pool["name"], **pool["properties"]} for pool in of_cluster(world, cluster_id)]
        world.keep({**cluster, "properties": {**cluster["properties"], "agentPoolProfiles": profiles}})


def shown_pool(document: Document) -> Document:
    """A pool as AKS spells its ID."""
    return visible({**document, "id": document["id"].replace("/resourceGroups/", "/resourcegroups/", 1)})


VIEWS[POOL] = lambda world, document, version: shown_pool(document)


def _check_modes(world: World, cluster: Document, name: str, properties: Body) -> None:
    """Raise the refusal for what would leave a cluster without a system pool that runs."""
    others = [pool for pool in of_cluster(world, cluster["id"]) if pool["name"] != name]
    system = [pool for pool in others if pool["properties"]["mode"] == "System" and machines(pool["properties"])]
    good = properties["mode"] == "System" and machines(properties) > 0
    if not system and not good:
        raise BareRefused(400, "MustDefineAtLeastOneSystemPool", LAST_SYSTEM_POOL)


def machines(properties: Body) -> int:
    """How many machines a pool has or is to have."""
    if (properties.get("powerState") or {}).get("code") == STOPPED:
        return 0
    return int(properties.get("count", 0))


def _state(properties: Body, known: Body | None) -> str:
    if known is None:
        return "Creating"
    if properties["currentOrchestratorVersion"] != known["currentOrchestratorVersion"]:
        return "Upgrading"
    power = properties["powerState"]["code"]
    if power != known["powerState"]["code"]:
        return "Stopping" if power == STOPPED else "Starting"
    return "Scaling" if properties["count"] != known["count"] else "Updating"


def _surge(properties: Body) -> int:
    """The machines that an upgrade needs beside the others: a number or a share of all, rounded up."""
    asked = str((properties.get("upgradeSettings") or {}).get("maxSurge", "10%"))
    if asked.endswith("%"):
        return -(-int(properties["count"]) * int(asked[:-1]) // 100)
    return int(asked)


@operations.finisher(long_running.POOL_PUT)
def _put(world: World, operation: Document) -> None:
    pool = world.resource(operation["resource"])
    cluster = world.resource(operation["resource"].rpartition("/agentPools/")[0])
    if pool is None or cluster is None:
        return
    keep_pool(world, {**pool, "properties": {**pool["properties"], "provisioningState": operation["status"]}})
    if operation["status"] == "Succeeded":
        settle_machines(world, cluster, pool, operation["ends"])


@operations.finisher(long_running.POOL_DELETED)
def _deleted(world: World, operation: Document) -> None:
    pool = world.resource(operation["resource"])
    cluster = world.resource(operation["resource"].rpartition("/agentPools/")[0])
    if pool is None or cluster is None:
        return
    if operation["status"] == "Failed":
        keep_pool(world, {**pool, "properties": {**pool["properties"], "provisioningState": "Failed"}})
        return
    nodes.keep_count(world, cluster, pool, 0, operation["ends"])
    node_groups.remove_scale_set(world, cluster, pool["name"])
    world.forget(pool["id"])
    sync(world, cluster["id"])


def settle_machines(world: World, cluster: Document, pool: Document, at: float) -> None:
    """Give a pool the machines that its count asks for, and the cluster their nodes."""
    count = machines(pool["properties"]) if cluster["properties"]["powerState"]["code"] != STOPPED else 0
    node_groups.scale(world, cluster, pool, count)
    nodes.keep_count(world, cluster, pool, count, at)
