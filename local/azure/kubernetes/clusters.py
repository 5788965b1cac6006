"""What happens in clusters by themselves: controllers, scheduler, kubelets and the autoscaler, in simulated time.

Nothing runs in the background: before a request is answered, everything that was due is carried out in its order.
"""

import logging

from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.kubernetes import autoscaling, controllers, kubelets, scheduling
from local.azure.kubernetes.objects import CLUSTERS, Server, close_cluster, servers

log = logging.getLogger(__name__)
MOST_ROUNDS, MOST_MOMENTS = 20, 500


def settle(world: World) -> None:
    """Carry out what is due in all clusters that run."""
    for key, record in servers(world):
        cluster = world.resource(record["id"])
        if cluster is None or cluster["properties"]["resourceUID"] != key:
            close_cluster(world, key)  # it was removed from outside
            continue
        if cluster["properties"]["powerState"]["code"] != "Running":
            continue
        if record["due"] is None or record["due"] > world.seconds():
            continue
        for _ in range(MOST_MOMENTS):
            due = (world.store.get(CLUSTERS, key) or {"due": None})["due"]
            if due is None or due > world.seconds():
                break
            try:
                _settle(world, cluster, float(due))
            except Exception:  # one cluster that fails must not stop the simulation
                log.exception("A simulated cluster cannot go on: %s", cluster["id"])
                world.store.put(CLUSTERS, key, {**(world.store.get(CLUSTERS, key) or {}), "due": None})


def _settle(world: World, cluster: Document, now: float) -> None:
    """Carry out what happens at one moment until nothing changes any more, and find the next moment."""
    server = Server(world, cluster, now)
    following: list[float] = []
    for _ in range(MOST_ROUNDS):
        before = server.record["revision"]
        following = [
            *controllers.run(server),
            *scheduling.run(server),
            *autoscaling.run(server),
            *kubelets.run(server),
        ]
        if server.record["revision"] == before:
            break
    else:
        log.warning("A simulated cluster does not come to rest at %s", server.time())
    server.remember(due=min((moment for moment in following if moment > now), default=None))
