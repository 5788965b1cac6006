"""Whether what a sweep has begun has come true: states according to Azure itself."""

import asyncio
from contextlib import suppress

from activities.idle.clusters import cluster_now
from activities.idle.pools import pool_now
from dormouse.cloud.clients import Cloud
from dormouse.cloud.vm_inventory import VmInventory
from dormouse.errors import CloudUnavailable, RefusedByAzure
from dormouse.idle.clusters.ml_cluster import CLUSTER_ID
from dormouse.idle.clusters.node_pool import POOL_ID
from dormouse.lifecycle import State


async def confirm_states(request: list, cloud: Cloud) -> dict[str, State]:  # type: ignore[type-arg]
    """The current states of machines, clusters and pools according to Azure itself; one that is gone is missing."""
    clusters = [one for one in request if CLUSTER_ID.fullmatch(one) or POOL_ID.fullmatch(one)]
    machines = [one for one in request if one not in clusters]
    found = await asyncio.gather(*(_shown(one, cloud) for one in clusters))
    states = {one.lower(): state for one, state in zip(clusters, found, strict=True) if state is not None}
    return {**states, **(await VmInventory(cloud).states_now(machines) if machines else {})}


async def _shown(identifier: str, cloud: Cloud) -> State | None:
    """The state of a cluster or pool as Azure shows it; None if it does not, which must not delay others."""
    with suppress(CloudUnavailable, RefusedByAzure):
        if POOL_ID.fullmatch(identifier):
            pool = await pool_now(identifier, cloud)
            return pool.confirmed_state if pool else None
        cluster = await cluster_now(identifier, cloud)
        return cluster.state if cluster else None
    return None
