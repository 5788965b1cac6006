"""The dependency graph of a plan: what can start now, topological order, and the critical path."""

from collections.abc import Iterable, Mapping, Sequence, Set
from graphlib import TopologicalSorter
from typing import Protocol, TypeVar


class Node(Protocol):
    """Anything with a name and dependencies."""

    @property
    def name(self) -> str:
        """The name by which others refer to it in `needs`."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The names of its dependencies."""


N = TypeVar("N", bound=Node)


def ready(nodes: Iterable[N], done: Set[str], started: Set[str]) -> list[N]:
    """The nodes whose dependencies are done, sorted by name, because orchestrators must be deterministic."""
    startable = (node for node in nodes if node.name not in started and done >= set(node.needs))
    return sorted(startable, key=lambda node: node.name)


def in_order(nodes: Sequence[N]) -> list[N]:
    """The nodes in topological order; raises ValueError for a cycle or an unknown dependency."""
    by_name = {node.name: node for node in nodes}
    unknown = {need for node in nodes for need in node.needs} - by_name.keys()
    if unknown:
        raise ValueError(f"unknown dependencies: {', '.join(sorted(unknown))}")
    order = TopologicalSorter({node.name: node.needs for node in nodes}).static_order()
    return [by_name[name] for name in order]


def dependents(nodes: Sequence[N], name: str) -> list[N]:
    """The nodes that depend on the node with this name, directly or not, in topological order."""
    found: list[N] = []
    reached = {name}
    for node in in_order(nodes):
        if reached & set(node.needs):
            reached.add(node.name)
            found.append(node)
    return found


def critical_path(nodes: Sequence[N], seconds: Mapping[str, float]) -> float:
    """The duration of the longest dependency chain, in seconds."""
    finished: dict[str, float] = {}
    for node in in_order(nodes):
        begin = max((finished[need] for need in node.needs), default=0.0)
        finished[node.name] = begin + seconds.get(node.name, 0.0)
    return max(finished.values(), default=0.0)


def levels(nodes: Sequence[N], among: Set[str]) -> list[list[N]]:
    """The nodes named in `among` in groups, so that each depends, directly or not, on earlier groups only."""
    depth: dict[str, int] = {}
    for node in in_order(nodes):
        below = max((depth[need] for need in node.needs), default=0)
        depth[node.name] = below + (node.name in among)
    chosen = [node for node in nodes if node.name in among]
    return [
        sorted((node for node in chosen if depth[node.name] == level), key=lambda node: node.name)
        for level in range(1, max((depth[node.name] for node in chosen), default=0) + 1)
    ]
