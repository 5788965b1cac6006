"""Compute clusters of a workspace, which have no nodes while nothing runs on them.

https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dormouse.resources.kinds import NONE, Change, Difference, Observed, PriceQuery, ResourceKind, failed_or_as_put
from dormouse.resources.ml.workspaces import API_VERSION, POLLS, WORKSPACES
from dormouse.resources.plan import WITHDRAWN, Resource
from dormouse.resources.target import DeploymentTarget
from dormouse.text.durations import minutes_in

COMPUTES = f"{WORKSPACES}/computes"
PRIORITIES = {"dedicated": "Dedicated", "low": "LowPriority"}
FIXED = "Azure decides it when it creates the cluster; name another cluster"
SUBNET_JOIN = "Microsoft.Network/virtualNetworks/subnets/join/action"


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """A cluster: its VM size, how many nodes it may have at once, and after how many minutes without a run they go.

    `priority` is a key of `PRIORITIES`, `subnet` the resource ID of the subnet of its nodes ("": none of one's own).
    """

    name: str
    size: str
    max_nodes: int
    idle_minutes: int
    priority: str = "dedicated"
    subnet: str = ""


def ml_cluster(
    target: DeploymentTarget,
    workspace: Resource,
    cluster: ClusterSettings,
    identity: Resource,
    needs: tuple[str, ...],
    place: int,
) -> Resource:
    """A cluster of a workspace with the identity of others; `place` is its place in the list of the spec.

    It is deleted before its workspace: else the load balancer of its nodes would stay in the group of their network.
    """
    inner: dict[str, Any] = {
        "vmSize": cluster.size,
        "vmPriority": PRIORITIES[cluster.priority],
        "osType": "Linux",
        "scaleSettings": {
            "minNodeCount": 0,
            "maxNodeCount": cluster.max_nodes,
            "nodeIdleTimeBeforeScaleDown": f"PT{cluster.idle_minutes}M",
        },
        "enableNodePublicIp": not cluster.subnet,
        "remoteLoginPortPublicAccess": "Disabled",
        **({"subnet": {"id": cluster.subnet}} if cluster.subnet else {}),
    }
    body = {
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity.id: {}}},
        "properties": {"computeType": "AmlCompute", "disableLocalAuth": True, "properties": inner},
    }
    settings = {
        "size": cluster.size,
        "max_nodes": str(cluster.max_nodes),
        "priority": cluster.priority,
        "field": f"clusters.{place}",
        **WITHDRAWN,
    }
    return Resource(
        f"cluster-{cluster.name}",
        ML_CLUSTER.name,
        f"{workspace.id}/computes/{cluster.name}",
        target.located(body),
        settings,
        needs=(workspace.name, identity.name, *needs),
    )


def nodes_of(observed: Observed) -> int:
    """How many nodes a cluster has now."""
    return int(_inner(observed).get("currentNodeCount") or 0)


def allocation_of(observed: Observed) -> str:
    """Whether a cluster has the nodes that it wants: `Steady` or `Resizing`."""
    return str(_inner(observed).get("allocationState") or "")


def errors_of(observed: Observed) -> list[str]:
    """What Azure says is wrong with a cluster."""
    outer, inner = observed.get("properties") or {}, _inner(observed)
    found = [*(outer.get("provisioningErrors") or []), *(inner.get("errors") or [])]
    told = [one.get("error", one) for one in found if isinstance(one, dict)]
    return [f"{one.get('message') or one.get('code') or 'no reason'} ({one.get('code')})" for one in told]


def _inner(observed: Observed) -> dict[str, Any]:
    return (observed.get("properties") or {}).get("properties") or {}


def _drift(resource: Resource, observed: Observed) -> Change:
    change = Change.of(_differences(resource, observed))
    return failed_or_as_put(resource, observed) if change == NONE else change


def _differences(resource: Resource, observed: Observed) -> Iterator[Difference]:
    planned, shown, field = resource.body["properties"]["properties"], _inner(observed), resource.settings["field"]
    subnets = [str((one.get("subnet") or {}).get("id", "")) for one in (shown, planned)]
    for name, before, after in (
        ("size", str(shown.get("vmSize")), planned["vmSize"]),
        ("priority", str(shown.get("vmPriority")), planned["vmPriority"]),
        ("subnet", *subnets),
    ):
        if before.lower() != after.lower():
            yield Difference(f"{field}.{name}", before, after, FIXED)
    scale, wanted = shown.get("scaleSettings") or {}, planned["scaleSettings"]
    for name, key in (("max_nodes", "maxNodeCount"), ("min_nodes", "minNodeCount")):
        if scale.get(key) != wanted[key]:
            yield Difference(f"{field}.{name}", str(scale.get(key)), str(wanted[key]))
    key = "nodeIdleTimeBeforeScaleDown"
    if _minutes(scale.get(key)) != _minutes(wanted[key]):
        yield Difference(f"{field}.idle", str(scale.get(key)), wanted[key])


def _minutes(text: Any) -> int | None:
    """The whole minutes of a duration such as PT10M or PT120S; None if it has none or cannot be read."""
    try:
        return minutes_in(str(text))
    except ValueError:
        return None


def _billing(resource: Resource, observed: Observed | None) -> PriceQuery | None:
    """The nodes that it has now, or, before it exists, those that it may have at once.

    Low-priority nodes cost less than this: it is the price of dedicated ones.
    """
    size = str(_inner(observed or {}).get("vmSize") or resource.settings.get("size", ""))
    count = nodes_of(observed) if observed else int(resource.settings.get("max_nodes", 0))
    return PriceQuery(size, count) if size else None


def _label(resource: Resource) -> str:
    return f"cluster {resource.id}"


def _problem(observed: Observed) -> str:
    return " ".join(errors_of(observed))


ML_CLUSTER: ResourceKind = ResourceKind(
    "ml_cluster",
    COMPUTES,
    API_VERSION,
    diff=_drift,
    problem=_problem,
    billing=_billing,
    label=_label,
    checks=("ml_quota_suffices", "cost_is_allowed"),
    probed=lambda resource: True,
    actions=(
        *POLLS,
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
        SUBNET_JOIN,
        "Microsoft.Compute/skus/read",
    ),
)
