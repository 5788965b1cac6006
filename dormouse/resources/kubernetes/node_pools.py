"""Node pools of managed clusters: GPU nodes that exist only while pods ask for them.

https://learn.microsoft.com/rest/api/aks/agent-pools/create-or-update
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dormouse.resources.kinds import (
    Change,
    Difference,
    Observed,
    PriceQuery,
    ResourceKind,
    failed_or_as_put,
)
from dormouse.resources.kubernetes.clusters import API_VERSION, CLUSTERS
from dormouse.resources.naming import name_of
from dormouse.resources.plan import WITHDRAWN, Resource

POOLS = f"{CLUSTERS}/agentPools"
TAINT_KEY, TAINT_VALUE = "sku", "gpu"
TAINT = f"{TAINT_KEY}={TAINT_VALUE}:NoSchedule"
LABEL = {"dormouse.dev/pool": "gpu"}
NEW_POOL = "it is fixed when a node pool is created, so that a new pool is needed: change `gpu.pool`, too"


@dataclass(frozen=True, slots=True)
class GpuPool:
    """A pool of GPU nodes of one size, with at most so many; `surge` is how many an upgrade adds for a while.

    `probe_image` proves that a pod on it sees its GPU.
    """

    name: str
    size: str
    most: int
    surge: int = 1
    probe_image: str = ""


def gpu_pool(cluster: Resource, pool: GpuPool, subnet: str) -> Resource:
    """A pool without nodes; taint and labels are set here, because the autoscaler knows no others of an empty pool.

    A node that is not needed is deleted: where it were only deallocated, the autoscaler would wait for its capacity without
    end. https://github.com/Azure/AKS/issues/5589
    """
    upgrades = {"maxSurge": str(pool.surge)} if pool.surge else {"maxSurge": "0", "maxUnavailable": "1"}
    properties = {
        "mode": "User",
        "vmSize": pool.size,
        "osType": "Linux",
        "osSKU": "Ubuntu",
        "count": 0,
        "enableAutoScaling": True,
        "minCount": 0,
        "maxCount": pool.most,
        "scaleDownMode": "Delete",
        "nodeTaints": [TAINT],
        "nodeLabels": LABEL,
        "gpuProfile": {"driver": "Install"},
        "vnetSubnetID": subnet,
        "upgradeSettings": upgrades,
    }
    settings = {
        "size": pool.size,
        "most": str(pool.most),
        "surge": str(pool.surge),
        "probe_image": pool.probe_image,
        **WITHDRAWN,
        "namespace": cluster.settings["namespace"],
        **{key: value for key, value in cluster.settings.items() if key == "private"},
    }
    body = {"properties": properties}
    identifier = f"{cluster.id}/agentPools/{pool.name}"
    return Resource("gpu-pool", NODE_POOL.name, identifier, body, settings, needs=(cluster.name,), contained_in=cluster.name)


def cluster_of(pool: Resource) -> str:
    """The resource ID of the cluster of a pool."""
    return pool.id.rpartition("/agentPools/")[0]


def scaled(observed: Observed, most: int) -> dict[str, object]:
    """The body that lets the autoscaler decide about the nodes of an existing pool, from none to the most."""
    kept = {name: value for name, value in observed["properties"].items() if name in WRITABLE}
    return {"properties": {**kept, "enableAutoScaling": True, "minCount": 0, "maxCount": most}}


def emptied(observed: Observed) -> dict[str, object]:
    """The body that scales an existing pool to zero by force: without the autoscaler, pods that wait bring no node.

    https://learn.microsoft.com/azure/aks/scale-cluster
    """
    kept = {name: value for name, value in observed["properties"].items() if name in WRITABLE}
    return {"properties": {**kept, "enableAutoScaling": False, "count": 0}}


def scales(observed: Observed) -> bool:
    """Whether the autoscaler decides about the nodes of a pool."""
    return bool((observed.get("properties") or {}).get("enableAutoScaling"))


# What a pool takes back from its own view; the rest is read-only.
WRITABLE = frozenset(
    {
        *("mode", "vmSize", "osType", "osSKU", "count", "scaleDownMode", "nodeTaints", "nodeLabels", "gpuProfile"),
        *("vnetSubnetID", "upgradeSettings", "osDiskSizeGB", "osDiskType", "maxPods", "orchestratorVersion"),
    }
)


def _drift(resource: Resource, observed: Observed) -> Change:
    found = Change.of(_differences(resource, observed))
    return found if found.differences else failed_or_as_put(resource, observed)


def _differences(resource: Resource, observed: Observed) -> Iterator[Difference]:
    """What differs; a pool that was scaled to zero by force stays so until the next start."""
    planned, shown = resource.body["properties"], observed["properties"]
    size = str(shown.get("vmSize", ""))
    if size and size.lower() != planned["vmSize"].lower():
        yield Difference("gpu.size", size, planned["vmSize"], NEW_POOL)
    taints = sorted(shown.get("nodeTaints") or [])
    if taints != planned["nodeTaints"]:
        yield Difference("gpu.taints", ", ".join(taints), ", ".join(planned["nodeTaints"]), NEW_POOL)
    if scales(observed) and shown.get("maxCount") != planned["maxCount"]:
        yield Difference("gpu.max_count", str(shown.get("maxCount")), str(planned["maxCount"]))


def _billing(resource: Resource, observed: Observed | None) -> PriceQuery | None:
    """The nodes that exist; before it exists, as many as it may have: that is what it can cost."""
    properties = (observed or {}).get("properties") or {}
    size = str(properties.get("vmSize") or resource.settings.get("size", ""))
    count = int(properties["count"]) if "count" in properties else int(resource.settings.get("most", 1))
    return PriceQuery(size, count) if size else None


def _sizes(resource: Resource) -> Mapping[str, int]:
    """As many nodes as it may have, and those that an upgrade adds: both count against the quota."""
    if resource.before:
        return {}
    return {resource.settings["size"]: int(resource.settings["most"]) + int(resource.settings["surge"])}


def _label(resource: Resource) -> str:
    return f"node pool {name_of(resource.id)} of {name_of(cluster_of(resource))}"


NODE_POOL = ResourceKind(
    "node_pool",
    POOLS,
    API_VERSION,
    diff=_drift,
    billing=_billing,
    by_use="OS disks of its nodes",
    sizes=_sizes,
    label=_label,
    checks=("sizes_can_be_had", "cost_is_allowed"),
    needs_power=True,
    probed=lambda resource: not resource.superseded,
    suspends=True,
    suspended=lambda observed: not scales(observed),
    actions=("Microsoft.Network/virtualNetworks/subnets/join/action",),
)
