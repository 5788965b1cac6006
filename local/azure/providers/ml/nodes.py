"""The nodes of a cluster: they follow the runs that were submitted, the scale settings, the quota, and the simulated time.

How a cluster grows and shrinks: https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster (nodes
come for runs that wait, up to the maximum, and idle ones above the minimum leave after the idle time). How long that takes is
not recorded; `GROWTH` and `LEAVING` are assumed.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import FAREWELLS, VIEWS
from local.azure.providers.kinds import ML_COMPUTE
from local.azure.providers.ml.quotas import room

SHELF = "ml nodes"
RUNS = "ml runs"
GROWTH, LEAVING = 240.0, 60.0  # seconds
# So long the counts of nodes stay known, in seconds.
KEPT = 8 * 3600.0
PERIOD = re.compile(r"P(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+)S)?)?")
# The code that a cluster and its runs show while there is no quota for a node (reported in public issues, not documented).
NO_QUOTA = "ClusterCoreQuotaReached"


class NodeState(StrEnum):
    """The states of a node, in Azure's words."""

    PREPARING = "preparing"
    IDLE = "idle"
    RUNNING = "running"
    LEAVING = "leaving"


@dataclass(slots=True)
class Node:
    """A node: `until` is when its state ends by itself, `since` when it began, both in seconds since 1970."""

    id: str
    state: str
    since: float
    until: float = 0.0
    run: str = ""


@dataclass(slots=True)
class Nodes:
    """The nodes of a cluster at a moment, and how many of each state there have been, by moments.

    `steady_since`: since when their number is the wanted one; `refused`: why there are not more.
    """

    at: float
    nodes: list[Node] = field(default_factory=list)
    log: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    refused: str = ""
    changed_at: float = 0.0
    born: int = 0

    def of(self, *states: str) -> list[Node]:
        """The nodes in these states."""
        return [node for node in self.nodes if node.state in states]

    @property
    def staying(self) -> list[Node]:
        """The nodes that do not leave."""
        return [node for node in self.nodes if node.state != NodeState.LEAVING]

    @property
    def counts(self) -> dict[str, int]:
        """How many nodes each state has."""
        return {state: len(self.of(state)) for state in NodeState}


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale settings of a cluster; `idle_time` in seconds."""

    least: int
    most: int
    idle_time: float

    @classmethod
    def of(cls, cluster: Document) -> "Scale":
        """The settings in a compute."""
        given = cluster["properties"]["properties"]["scaleSettings"]
        return cls(given["minNodeCount"], given["maxNodeCount"], seconds_of(given["nodeIdleTimeBeforeScaleDown"]))


def seconds_of(period: str) -> float:
    """The seconds of an ISO 8601 duration of days and time; raises ValueError for any other text."""
    match = PERIOD.fullmatch(period)
    if match is None or not any(match.groups()):
        raise ValueError(f"{period} is no duration")
    parts = {name: int(value or 0) for name, value in match.groupdict().items()}
    return parts["d"] * 86400.0 + parts["h"] * 3600 + parts["m"] * 60 + parts["s"]


def begin(world: World, identifier: str) -> None:
    """A new cluster has no nodes."""
    now = world.seconds()
    _keep(world, identifier, Nodes(now, log=[(now, Nodes(now).counts)], changed_at=now))


def nodes_of(world: World, cluster: Document) -> Nodes:
    """The nodes of a cluster now: everything that was due since it was last looked at has happened."""
    stored, now = world.store.get(SHELF, cluster["id"]), world.seconds()
    nodes = _read(stored) if stored else Nodes(now, changed_at=now)
    scale = Scale.of(cluster)
    while True:
        _happen(world, cluster, nodes, scale)
        following = min((moment for moment in _moments(world, cluster, nodes, scale) if moment > nodes.at), default=now)
        if following >= now:
            break
        nodes.at = following
    if now > nodes.at:
        nodes.at = now
        _happen(world, cluster, nodes, scale)
    _keep(world, cluster["id"], nodes)
    return nodes


def runs_on(world: World, identifier: str) -> list[Document]:
    """The unfinished runs on a cluster, in the order in which they were submitted."""
    runs = [run for _, run in world.store.items(RUNS) if run["compute"] == identifier.lower()]
    return sorted((run for run in runs if run["status"] in ("Queued", "Running")), key=lambda run: float(run["submitted"]))


def _happen(world: World, cluster: Document, nodes: Nodes, scale: Scale) -> None:
    """What is due at this moment: nodes come, go and get free, runs end and begin, and the cluster grows or shrinks."""
    for node in nodes.nodes:
        if node.state == NodeState.PREPARING and node.until <= nodes.at:
            node.state, node.since = NodeState.IDLE, nodes.at
    nodes.nodes = [node for node in nodes.nodes if node.state != NodeState.LEAVING or node.until > nodes.at]
    waiting = _runs_go_on(world, cluster["id"], nodes)
    _grow(world, cluster, nodes, scale, waiting)
    _shrink(nodes, scale, waiting)
    if not nodes.log or nodes.log[-1][1] != nodes.counts:
        nodes.log = [entry for entry in nodes.log if entry[0] > nodes.at - KEPT] + [(nodes.at, nodes.counts)]
        nodes.changed_at = nodes.at


def _runs_go_on(world: World, identifier: str, nodes: Nodes) -> int:
    """End and begin runs, first come, first served; returns how many nodes those that wait need."""
    waiting = 0
    for run in runs_on(world, identifier):
        if run["status"] == "Running" and run["ends"] <= nodes.at:
            world.store.put(RUNS, run["id"], {**run, "status": "Completed"})
            for node in nodes.nodes:
                if node.run == run["name"]:
                    node.state, node.since, node.run = NodeState.IDLE, nodes.at, ""
    for run in runs_on(world, identifier):
        free = nodes.of(NodeState.IDLE)
        if run["status"] == "Running" or run["submitted"] > nodes.at:
            continue
        if waiting or len(free) < run["nodes"]:
            waiting += run["nodes"]
            continue
        for node in free[: run["nodes"]]:
            node.state, node.since, node.run = NodeState.RUNNING, nodes.at, run["name"]
        world.store.put(RUNS, run["id"], {**run, "status": "Running", "ends": nodes.at + run["seconds"]})
    return waiting


def _grow(world: World, cluster: Document, nodes: Nodes, scale: Scale, waiting: int) -> None:
    wanted = min(max(scale.least, len(nodes.of(NodeState.RUNNING)) + waiting), scale.most)
    nodes.refused = ""
    while len(nodes.staying) < wanted:
        if not room(world, cluster, len(nodes.nodes)):
            nodes.refused = NO_QUOTA
            return
        nodes.born += 1
        name = f"tvm-{world.guid('node', cluster['id'], str(nodes.born))[:8]}_{nodes.born}-p"
        nodes.nodes.append(Node(name, NodeState.PREPARING, nodes.at, nodes.at + GROWTH))


def _shrink(nodes: Nodes, scale: Scale, waiting: int) -> None:
    for node in nodes.of(NodeState.IDLE):
        if len(nodes.staying) <= scale.least or waiting:
            return
        if nodes.at - node.since >= scale.idle_time:
            node.state, node.since, node.until = NodeState.LEAVING, nodes.at, nodes.at + LEAVING


def _moments(world: World, cluster: Document, nodes: Nodes, scale: Scale) -> Iterator[float]:
    """When the next things happen by themselves."""
    for node in nodes.nodes:
        yield node.until
        if node.state == NodeState.IDLE:
            yield node.since + scale.idle_time
    for run in runs_on(world, cluster["id"]):
        yield run["ends"] if run["status"] == "Running" else run["submitted"]


def _shown(world: World, cluster: Document, version: str) -> Document:
    """A cluster with its nodes as they are now."""
    if cluster["properties"]["provisioningState"] == "Creating":
        return cluster
    nodes = nodes_of(world, cluster)
    counts, inner = nodes.counts, cluster["properties"]["properties"]
    resizing = bool(counts[NodeState.PREPARING] or counts[NodeState.LEAVING])
    errors = [{"error": {"code": NO_QUOTA, "message": "The quota of the subscription allows no further node."}}]
    inner = {
        **inner,
        "currentNodeCount": len(nodes.nodes),
        "targetNodeCount": len(nodes.staying),
        "nodeStateCounts": {
            **{f"{state}NodeCount": counts[state] for state in NodeState},
            "unusableNodeCount": 0,
            "preemptedNodeCount": 0,
        },
        "allocationState": "Resizing" if resizing else "Steady",
        "allocationStateTransitionTime": world.text(nodes.changed_at),
        "errors": errors if nodes.refused else None,
    }
    return {**cluster, "properties": {**cluster["properties"], "properties": inner}}


def _read(stored: Document) -> Nodes:
    known: dict[str, Any] = {**stored, "nodes": [Node(**node) for node in stored["nodes"]]}
    return Nodes(**{**known, "log": [(float(at), dict(counts)) for at, counts in stored["log"]]})


def _keep(world: World, identifier: str, nodes: Nodes) -> None:
    world.store.put(SHELF, identifier, asdict(nodes))


def _forget(world: World, cluster: Document) -> None:
    world.store.delete(SHELF, cluster["id"])


VIEWS[ML_COMPUTE] = _shown
FAREWELLS.setdefault(ML_COMPUTE, []).append(_forget)
