"""Microsoft.ContainerService: the start and the stop of a whole cluster.

https://learn.microsoft.com/azure/aks/start-stop-cluster: only clusters of scale sets; a stopped one takes nothing but its
start and its deletion; pods without a controller are lost; load balancer and address stay, and are billed.
"""

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.kubernetes import nodes
from local.azure.kubernetes.objects import Server
from local.azure.providers.containers import admission, long_running, pools
from local.azure.providers.containers.clusters import existing_cluster, with_state
from local.azure.providers.containers.errors import wrong_power
from local.azure.providers.kinds import CLUSTER

RUNNING, STOPPED = "Running", "Stopped"


def stop(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to stop a cluster; a stopped one refuses."""
    cluster = existing_cluster(world, rid)
    if (refused := _power(cluster)) == STOPPED:
        raise wrong_power(cluster["properties"]["provisioningState"], refused, "stopping")
    return _begun(world, request, cluster, long_running.STOP, "stop", "Stopping")


def start(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to start a cluster; one that runs refuses. Neither quota nor capacity is kept for a stopped cluster."""
    cluster = existing_cluster(world, rid)
    if (refused := _power(cluster)) == RUNNING:
        raise wrong_power(cluster["properties"]["provisioningState"], refused, "starting")
    return _begun(world, request, cluster, long_running.START, "start", "Starting")


def _power(cluster: Document) -> str:
    return str(cluster["properties"]["powerState"]["code"])


def _begun(world: World, request: Request, cluster: Document, effect: str, action: str, state: str) -> Answer:
    long_running.check_idle(world, cluster["id"])
    failure = None
    for pool in pools.of_cluster(world, cluster["id"]) if effect == long_running.START else []:
        properties = pool["properties"]
        if pool.get("_with_cluster") and (count := int(properties["count"])):
            admission.check_quota(world, properties["vmSize"], cluster["location"], count)
            zones = properties.get("availabilityZones") or []
            failure = failure or admission.no_capacity(world, properties["vmSize"], cluster["location"], zones)
    operation = long_running.begin(world, effect, cluster, "POST", f"POST {CLUSTER}/{action}", failure=failure)
    with_state(world, cluster, state)
    return Answer(202, None, long_running.headers(operation, request, cluster["location"], both=True))


@operations.finisher(long_running.STOP)
def _stopped(world: World, operation: Document) -> None:
    cluster = world.resource(operation["resource"])
    if cluster is None:
        return
    done = operation["status"] == "Succeeded"
    cluster = with_state(world, cluster, operation["status"], powerState={"code": STOPPED if done else RUNNING})
    if done:
        _power_pools(world, cluster, STOPPED, operation["ends"])
        server = Server(world, cluster, operation["ends"])
        for node in server.listed("nodes"):
            nodes.drop(server, node["metadata"]["name"])
        _lose_pods(server)


@operations.finisher(long_running.START)
def _started(world: World, operation: Document) -> None:
    cluster = world.resource(operation["resource"])
    if cluster is None:
        return
    done = operation["status"] == "Succeeded"
    cluster = with_state(world, cluster, operation["status"], powerState={"code": RUNNING if done else STOPPED})
    if done:
        _power_pools(world, cluster, RUNNING, operation["ends"])


def _power_pools(world: World, cluster: Document, code: str, at: float) -> None:
    """Stop or start the machines of all pools; those that were stopped on their own stay so."""
    for pool in pools.of_cluster(world, cluster["id"]):
        asleep = bool(pool.get("_with_cluster"))
        was = pool["properties"]["powerState"]["code"]
        if code == STOPPED and was == RUNNING:
            asleep, was = True, STOPPED
        elif code == RUNNING and asleep:
            asleep, was = False, RUNNING
        properties = {**pool["properties"], "powerState": {"code": was}}
        kept = world.keep({**pool, "_with_cluster": asleep, "properties": properties})
        pools.settle_machines(world, cluster, kept, at)
    pools.sync(world, cluster["id"])


def _lose_pods(server: Server) -> None:
    """Remove the pods that no controller makes again."""
    for pod in server.listed("pods"):
        if not pod["metadata"].get("ownerReferences"):
            server.remove("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
