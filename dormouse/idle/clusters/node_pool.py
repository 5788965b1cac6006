"""GPU pools of managed clusters (AKS) as the sweep sees them, and their resource IDs."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dormouse.idle.clusters.node_group import NodeGroup
from dormouse.lifecycle import State
from dormouse.resources.kubernetes.cluster_views import power_state
from dormouse.resources.kubernetes.node_pools import NODE_POOL
from dormouse.resources.plan import Resource

# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
POOL_ID = re.compile(
    r"/subscriptions/(?P<subscription>[0-9a-z-]{1,36})/resourcegroups/(?P<group>[\w.()-]{1,90})"
    r"/providers/microsoft\.containerservice/managedclusters/(?P<cluster>[a-z0-9](?:[\w-]{0,61}[a-z0-9])?)"
    r"/(?P<kind>agentpools)/(?P<name>[a-z][a-z0-9]{0,11})",
    re.IGNORECASE | re.ASCII,
)
CHANGING = {"creating": State.CREATING, "deleting": State.DELETING, "starting": State.STARTING, "stopping": State.STOPPING}


@dataclass(frozen=True, slots=True)
class NodePool(NodeGroup):
    """A GPU pool: so many nodes of at most `most`; `scales`: the autoscaler decides about them.

    `cluster` is the resource ID of its cluster, whose tags it has, and `environment` that of its record. `forced`: it was
    scaled to zero without the autoscaler, so that it gets no node by itself. In a stopped cluster, neither holds.
    """

    id: str
    cluster: str
    name: str
    subscription: str
    region: str
    size: str
    state: State
    tags: dict[str, str] = field(default_factory=dict)
    environment: str = ""
    provisioning: str = ""
    count: int = 0
    most: int = 0
    scales: bool = False
    forced: bool = False

    @property
    def kind(self) -> str:
        """The kind of resource."""
        return NODE_POOL.name

    @property
    def key(self) -> str:
        """Its key in the records."""
        return pool_key(self.id)

    @property
    def created(self) -> float:
        """Azure does not show when a pool was created."""
        return 0.0

    @property
    def confirmed_state(self) -> State:
        """The state that confirms a change by a sweep: awake is a pool about whose nodes the autoscaler decides."""
        return State.RUNNING if self.state is State.STOPPED and self.scales else self.state


def pool_ids(resources: Iterable[Resource]) -> tuple[str, ...]:
    """The resource IDs of the GPU pools among these resources."""
    return tuple(resource.id for resource in resources if POOL_ID.fullmatch(resource.id))


def pool_key(identifier: str) -> str:
    """The key of a pool: `subscription:group:cluster:agentpools:name` in lower case; raises ValueError for any other ID."""
    match = POOL_ID.fullmatch(identifier.strip())
    if match is None:
        raise ValueError(f"{identifier[:200]!r} is not the resource ID of a node pool")
    return ":".join(match.groups()).lower()


def cluster_above(pool: str) -> str:
    """The resource ID of the cluster that a pool, named by its resource ID, is in."""
    return pool[: pool.lower().rindex("/agentpools/")]


def absent_pool(identifier: str, region: str, state: State = State.ABSENT) -> NodePool:
    """A stand-in for a pool that does not exist, or whose cluster could not be read."""
    cluster = cluster_above(identifier)
    return NodePool(identifier, cluster, _name(identifier), identifier.split("/")[2], region, "", state)


def _name(identifier: str) -> str:
    parts = identifier.split("/")
    return f"{parts[-3]}/{parts[-1]}"


def pool_in(shown: Mapping[str, Any], identifier: str) -> NodePool:
    """A pool in the view of its cluster; raises KeyError, TypeError or ValueError if that cannot be read.

    https://learn.microsoft.com/rest/api/aks/managed-clusters/get: each profile has the count and the settings of its pool.
    """
    absent = absent_pool(identifier, str(shown["location"]).replace(" ", "").lower())
    wanted = identifier.rpartition("/")[2].lower()
    profiles = shown["properties"].get("agentPoolProfiles") or []
    profile = next((one for one in profiles if str(one["name"]).lower() == wanted), None)
    if profile is None:
        return absent
    scales, count = bool(profile.get("enableAutoScaling")), int(profile["count"])
    provisioning = str(profile.get("provisioningState") or "")
    cluster, stopped = power_state(shown), _is_stopped(profile)
    state = _state(cluster, count, provisioning.lower(), scales=scales, stopped=stopped)
    runs = cluster is State.RUNNING and not stopped
    return NodePool(
        id=identifier,
        cluster=absent.cluster,
        name=absent.name,
        subscription=absent.subscription,
        region=absent.region,
        size=str(profile["vmSize"]),
        state=state,
        tags={str(name).lower(): str(value) for name, value in (shown.get("tags") or {}).items()},
        provisioning=provisioning,
        count=count,
        most=int(profile.get("maxCount") or 0),
        scales=scales and runs,
        forced=state is State.STOPPED and runs and not scales,
    )


def _is_stopped(profile: Mapping[str, Any]) -> bool:
    """Whether someone has stopped the pool itself. https://learn.microsoft.com/azure/aks/start-stop-nodepools"""
    return str((profile.get("powerState") or {}).get("code", "")).lower() == "stopped"


def _state(cluster: State, count: int, provisioning: str, *, scales: bool, stopped: bool) -> State:
    """The state of a pool in a cluster in this state.

    A count of zero without the autoscaler is what was ordered: the machines go within minutes. If that failed, nothing is
    known.
    """
    if cluster is not State.RUNNING:
        return cluster
    if provisioning in CHANGING:
        return CHANGING[provisioning]
    if stopped:
        return State.STOPPED
    if count:
        return State.RUNNING
    return State.UNKNOWN if provisioning == "failed" and not scales else State.STOPPED
