"""How long an operation took, beside how long it had to take."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Makespan:
    """Simulated seconds: what it took, the chain of steps that could not be faster, and all steps one after the other."""

    took: float
    path: float
    work: float

    @property
    def ratio(self) -> float:
        """How many times as long as it had to take."""
        return self.took / self.path


def makespan(
    operation: Mapping[str, Any], planned: Iterable[Mapping[str, Any]], azures: Iterable[Mapping[str, Any]]
) -> Makespan:
    """The makespan of an operation that has ended, by the steps of its plan and by the long operations that Azure tells of.

    A step could not have been faster than Azure's own operation on its resource; a step without one is what the machine
    itself needs.
    """
    needed: dict[str, float] = {}
    for item in azures:
        needed.setdefault(item["resource"].lower(), item["seconds"])  # the first made it
    identifiers = {step["name"]: (step["id"] or "").lower() for step in planned}
    finished: dict[str, float] = {}
    for step in operation["steps"]:
        begin = max((finished[need] for need in step["needs"]), default=0.0)
        resource = identifiers.get(step["name"])
        finished[step["name"]] = begin + (
            (step["duration_seconds"] or 0.0) if resource is None else needed.get(resource, 0.0)
        )
    work = sum(step["duration_seconds"] or 0.0 for step in operation["steps"])
    return Makespan(operation["makespan_seconds"], max(finished.values()), work)
