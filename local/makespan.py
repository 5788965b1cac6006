"""How long an operation took, compared with its critical path."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Makespan:
    """Simulated seconds: the duration, the critical path, and the sum of all steps."""

    took: float
    path: float
    work: float

    @property
    def ratio(self) -> float:
        """The duration divided by the critical path."""
        return self.took / self.path


def makespan(
    operation: Mapping[str, Any], planned: Iterable[Mapping[str, Any]], azures: Iterable[Mapping[str, Any]]
) -> Makespan:
    """The makespan of a finished operation, from the steps of its plan and Azure's own long-running operations.

    A step could not have been faster than Azure's own operation on its resource; a step without one depends on the machine
    alone.
    """
    needed: dict[str, float] = {}
    for item in azures:
        needed.setdefault(item["resource"].lower(), item["seconds"])  # the first one created it
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
