"""The progress of an operation, published as its custom status and recorded at its end.

Every replay of an orchestrator publishes every change again, and the reports are the same: how each is shown is kept.
"""

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from dormouse import serialization
from dormouse.environments.operations import ResourceProgress
from dormouse.resources.graph import Node
from dormouse.text.limits import LONGEST_STATUS, status_length
from orchestrators.durable import Context

WAITING, RUNNING, DONE, UNCHANGED, REFUSED = "waiting", "running", "done", "unchanged", "refused"
BETWEEN = ", "  # two values of a list
KEPT = 4096
FIRST_SHOWN = {RUNNING: 0, REFUSED: 1, WAITING: 2}


class ProgressTracker:
    """The progress of each step of an operation; every change is published as the custom status."""

    def __init__(self, context: Context) -> None:
        """Start the clock of the operation."""
        self._context = context
        self._began: datetime = context.current_utc_datetime
        self._reports: dict[str, ResourceProgress] = {}

    def expect(self, *nodes: Node) -> None:
        """Add steps that have not started yet."""
        self._reports |= {node.name: ResourceProgress(node.name, WAITING, node.needs) for node in nodes}
        self._publish()

    def withdraw(self, *names: str) -> None:
        """Take out steps that have not started and are no longer expected."""
        for name in names:
            if name in self._reports and self._reports[name].state == WAITING:
                del self._reports[name]

    def begin(self, *names: str, needs: Iterable[str] = ()) -> None:
        """Mark steps as running."""
        for name in names:
            report = self._reports.get(name, ResourceProgress(name, WAITING, tuple(needs)))
            self._reports[name] = replace(report, state=RUNNING, began=self._seconds())
        self._publish()

    def end(self, name: str, state: str = DONE) -> None:
        """Mark a step as ended."""
        report = self._reports[name]
        now = self._seconds()
        self._reports[name] = replace(report, state=state, began=now if report.began is None else report.began, ended=now)
        self._publish()

    def close(self) -> None:
        """Mark the steps that are still running as refused, because the operation has ended."""
        for report in self.reports:
            if report.state == RUNNING:
                self.end(report.name, REFUSED)

    @property
    def reports(self) -> tuple[ResourceProgress, ...]:
        """All steps in the order in which they were added."""
        return tuple(self._reports.values())

    @property
    def began_at(self) -> str:
        """The start of the operation, in ISO 8601 and UTC."""
        return _text(self._began)

    @property
    def now(self) -> str:
        """The current time of the orchestration, in ISO 8601 and UTC."""
        return _text(self._context.current_utc_datetime)

    def _seconds(self) -> float:
        passed: timedelta = self._context.current_utc_datetime - self._began
        return round(passed.total_seconds(), 1)

    def _publish(self) -> None:
        self._context.set_custom_status(status_of(self.began_at, self.reports))


def status_of(began_at: str, reports: Sequence[ResourceProgress]) -> dict[str, Any]:
    """The custom status; if not all steps fit, running ones come first, and the status counts all by state."""
    shown = [_shown(report) for report in reports]
    whole = status_length({"began_at": began_at, "steps": []}) + sum(length for _, length in shown)
    if whole + len(BETWEEN) * max(len(shown) - 1, 0) <= LONGEST_STATUS:
        return {"began_at": began_at, "steps": [dict(step) for step, _ in shown]}
    counted = Counter(report.state for report in reports)
    steps: list[dict[str, Any]] = []
    status = {"began_at": began_at, "steps": steps, "counted": {state: counted[state] for state in sorted(counted)}}
    room = LONGEST_STATUS - status_length(status)
    for report in sorted(reports, key=lambda report: FIRST_SHOWN.get(report.state, len(FIRST_SHOWN))):
        short = {"name": report.name, "state": report.state, "began": report.began, "ended": report.ended}
        room -= status_length(short) + 2
        if room < 0:
            break
        steps.append(short)
    return status


@functools.lru_cache(KEPT)
def _shown(report: ResourceProgress) -> tuple[dict[str, Any], int]:
    """A report as JSON values, which must not be changed, and their length in a status."""
    step = serialization.encode(report)
    return step, status_length(step)


def _text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "+00:00"
