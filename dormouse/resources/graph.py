"""Order follows from needs: what can start now, what a reversal looks like, how long it must take at least."""

from collections.abc import Iterable, Mapping, Sequence, Set
from graphlib import TopologicalSorter
from typing import Protocol, TypeVar


class Node(Protocol):
    """Anything with a name that needs other things first."""

    @property
    def name(self) -> str:
        """What others call it in their needs."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The names of what must be done first."""


N = TypeVar("N", bound=Node)


def ready(nodes: Iterable[N], done: Set[str], started: Set[str]) -> list[N]:
    """The nodes that can start now, sorted by name, because orchestrators must replay identically."""
    startable = (node for node in nodes if node.name not in started and done >= set(node.needs))
    return sorted(startable, key=lambda node: node.name)


def in_order(nodes: Sequence[N]) -> list[N]:
    """The nodes with everything they need before them; raises ValueError on a cycle or an unknown need."""
    by_name = {node.name: node for node in nodes}
    unknown = {need for node in nodes for need in node.needs} - by_name.keys()
    if unknown:
        raise ValueError(f"needed but not there: {', '.join(sorted(unknown))}")
    order = TopologicalSorter({node.name: node.needs for node in nodes}).static_order()
    return [by_name[name] for name in order]


def critical_path(nodes: Sequence[N], seconds: Mapping[str, float]) -> float:
    """The seconds that the slowest chain of needs takes, however much else runs beside it."""
    finished: dict[str, float] = {}
    for node in in_order(nodes):
        begin = max((finished[need] for need in node.needs), default=0.0)
        finished[node.name] = begin + seconds.get(node.name, 0.0)
    return max(finished.values(), default=0.0)
