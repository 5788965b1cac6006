"""Compute clusters of Azure ML (AmlCompute) as the sweep sees them, and their resource IDs."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dormouse.idle.clusters.node_counts import NodeCounts
from dormouse.idle.clusters.node_group import NodeGroup
from dormouse.lifecycle import State
from dormouse.resources.plan import Resource

ML_CLUSTER = "ml_cluster"
AML_COMPUTE = "AmlCompute"
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
CLUSTER_ID = re.compile(
    r"/subscriptions/(?P<subscription>[0-9a-z-]{1,36})/resourcegroups/(?P<group>[\w.()-]{1,90})"
    r"/providers/microsoft\.machinelearningservices/workspaces/(?P<workspace>[a-z0-9][\w-]{2,32})"
    r"/computes/(?P<name>[a-z][a-z0-9-]{1,22}[a-z0-9])",
    re.IGNORECASE | re.ASCII,
)
LOW_PRIORITY = "lowpriority"


@dataclass(frozen=True, slots=True)
class ComputeCluster(NodeGroup):
    """A compute cluster of Azure ML; `created` in seconds since 1970, 0.0 if unknown.

    `counts` are its nodes; `least` and `most` the limits of their number, and `idle_time` the ISO 8601 duration after which
    Azure gives back an idle node above the least. `environment` is that of its record.
    """

    id: str
    workspace: str
    name: str
    subscription: str
    region: str
    size: str
    state: State
    created: float = 0.0
    tags: dict[str, str] = field(default_factory=dict)
    environment: str = ""
    provisioning: str = ""
    low_priority: bool = False
    counts: NodeCounts = field(default_factory=NodeCounts)
    least: int = 0
    most: int = 0
    idle_time: str = ""
    errors: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of resource."""
        return ML_CLUSTER

    @property
    def key(self) -> str:
        """Its key in the records: subscription, group, workspace and name in lower case."""
        return cluster_key(self.id)


def cluster_ids(resources: Iterable[Resource]) -> tuple[str, ...]:
    """The resource IDs of the clusters among these resources."""
    return tuple(resource.id for resource in resources if CLUSTER_ID.fullmatch(resource.id))


def cluster_key(identifier: str) -> str:
    """The key of a cluster: `subscription:group:workspace:name` in lower case; raises ValueError for any other ID."""
    match = CLUSTER_ID.fullmatch(identifier.strip())
    if match is None:
        raise ValueError(f"{identifier[:200]!r} is not the resource ID of a compute cluster")
    return ":".join(match.groups()).lower()


def workspace_id(cluster: str) -> str:
    """The resource ID of the workspace that a cluster, named by its resource ID, is in."""
    return cluster[: cluster.lower().rindex("/computes/")]


def cluster_name(identifier: str) -> str:
    """How a cluster, named by its resource ID, is called to people: `workspace/cluster`."""
    parts = identifier.split("/")
    return f"{parts[-3]}/{parts[-1]}"


def absent_cluster(identifier: str, region: str) -> ComputeCluster:
    """A stand-in for a cluster that does not exist."""
    subscription = identifier.split("/")[2]
    workspace, name = workspace_id(identifier), cluster_name(identifier)
    return ComputeCluster(identifier, workspace, name, subscription, region, "", State.ABSENT)


def cluster_in(item: Mapping[str, Any]) -> ComputeCluster | None:
    """The cluster that a compute in a response is; None for other computes. Raises KeyError, TypeError or ValueError.

    https://learn.microsoft.com/rest/api/azureml/compute/list: the list has the nodes and settings of every compute.
    """
    outer = item["properties"]
    if outer["computeType"] != AML_COMPUTE:
        return None
    inner, identifier = outer["properties"], str(item["id"])
    scale, counts = inner["scaleSettings"], NodeCounts.of(inner)
    provisioning = str(outer.get("provisioningState") or "")
    return ComputeCluster(
        id=identifier,
        workspace=workspace_id(identifier),
        name=cluster_name(identifier),
        subscription=identifier.split("/")[2],
        region=str(outer.get("computeLocation") or item["location"]).replace(" ", "").lower(),
        size=str(inner["vmSize"]),
        state=counts.state(provisioning),
        created=datetime.fromisoformat(str(outer["createdOn"])).timestamp(),
        tags={str(name).lower(): str(value) for name, value in (item.get("tags") or {}).items()},
        provisioning=provisioning,
        low_priority=str(inner.get("vmPriority", "")).lower() == LOW_PRIORITY,
        counts=counts,
        least=int(scale.get("minNodeCount") or 0),
        most=int(scale["maxNodeCount"]),
        idle_time=str(scale.get("nodeIdleTimeBeforeScaleDown") or ""),
        errors=tuple(_codes(inner.get("errors") or [])),
    )


def _codes(errors: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for error in errors:
        yield str((error.get("error") or error).get("code", ""))
