"""Running a stack: each environment as soon as those that it needs are done; what depends on a failure is not started."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dormouse_cli.client import ControlPlane
from dormouse_cli.errors import CommandError, Interrupted, Unsuccessful
from dormouse_cli.network.responses import Response
from dormouse_cli.output import print_note
from dormouse_cli.polling import MAX_INTERVAL, accepted_operation, get_patiently, operation_path, progress_in
from dormouse_cli.progress import ProgressDisplay, progress_display
from dormouse_cli.render.operations import is_running

SUCCEEDED, UNCHANGED, ERROR, NOT_STARTED = "succeeded", "unchanged", "error", "not_started"
GOOD = (SUCCEEDED, UNCHANGED)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one environment: the outcome of its operation, `unchanged`, `error` or `not_started`; and why."""

    name: str
    outcome: str
    reason: str = ""
    operation: Mapping[str, Any] | None = None
    error: CommandError | None = None


@dataclass(slots=True)
class _Flight:
    """An operation in flight, with its last progress; times are seconds of the monotonic clock."""

    operation: str
    began: float
    progress: Mapping[str, Any]


class StackRun:
    """Sends a command to each environment of a stack and follows the operations, several at a time."""

    def __init__(
        self, plane: ControlPlane, title: str, needs: Mapping[str, Sequence[str]], command: Callable[[str, bool], Response]
    ) -> None:
        """`needs` are the environments with those before them; `command` is sent with whether one of those changed."""
        self._plane, self._title, self._needs, self._command = plane, title, needs, command
        self._flights: dict[str, _Flight] = {}
        self._results: dict[str, Result] = {}
        self._began, self._spent = time.monotonic(), dict[str, float]()

    def run(self, every: float | None) -> list[Result]:
        """Run everything to its end, polling every `every` seconds (None: as often as the server asks for)."""
        try:
            with progress_display() as display:
                interval = self._start(MAX_INTERVAL)
                self._show(display)
                while self._flights:
                    time.sleep(every or interval)
                    interval = self._start(self._poll(display))
                    self._show(display)
        except KeyboardInterrupt:
            watched = [f"Watch it: dormouse watch {flight.operation}" for flight in self._flights.values()]
            words = "Stopped watching; the operations that have started continue, and no other one is started."
            raise Interrupted(words, *watched, "To continue when they have ended, run the same command again.") from None
        return [self._results[name] for name in self._needs]

    def _start(self, interval: float) -> float:
        """Start what can start, until nothing more can; returns the seconds until the next poll."""
        while ready := [name for name in self._needs if self._is_ready(name)]:
            for name in ready:
                interval = min(interval, self._begin(name))
        return interval

    def _is_ready(self, name: str) -> bool:
        waiting = name not in self._flights and name not in self._results
        return waiting and all(need in self._results for need in self._needs[name])

    def _begin(self, name: str) -> float:
        """Send the command of one environment, or say why not; returns the seconds until its first poll."""
        before = [self._results[need] for need in self._needs[name]]
        failed = [result.name for result in before if result.outcome not in GOOD]
        if failed:
            self._results[name] = Result(name, NOT_STARTED, f"Not started, because of {', '.join(failed)}.")
            return MAX_INTERVAL
        try:
            response = self._command(name, any(result.outcome == SUCCEEDED for result in before))
        except Interrupted:
            raise KeyboardInterrupt from None
        except CommandError as error:
            reason = " ".join([str(error), *(line.strip() for line in error.details)])
            self._results[name] = Result(name, ERROR, reason, error=error)
            return MAX_INTERVAL
        if not response.accepted:
            self._results[name] = Result(name, UNCHANGED)
            return MAX_INTERVAL
        self._flights[name] = _Flight(accepted_operation(response), time.monotonic(), {})
        print_note(f"{name}: {self._flights[name].operation}")
        return response.retry_after or MAX_INTERVAL

    def _poll(self, display: ProgressDisplay) -> float:
        """Ask for the progress of everything in flight; returns the seconds until the next poll."""
        interval = MAX_INTERVAL
        for name, flight in list(self._flights.items()):
            response = get_patiently(self._plane, operation_path(flight.operation), flight.operation, display)
            flight.progress = progress_in(response)
            interval = min(interval, response.retry_after or MAX_INTERVAL)
            if not is_running(dict(flight.progress)):
                self._show(display)  # with the last steps of what has ended
                del self._flights[name]
                self._spent[name] = time.monotonic() - flight.began
                outcome, reason = str(flight.progress.get("outcome") or "unknown"), str(flight.progress.get("reason") or "")
                self._results[name] = Result(name, outcome, reason, flight.progress)
        return interval

    def _show(self, display: ProgressDisplay) -> None:
        """Show every environment, and the steps of those in flight, as if all were one operation."""
        rows = [self._row(name) for name in self._needs]
        steps = [
            {**step, "name": f"{name} {step.get('name')}", **_shifted(step, flight.began - self._began)}
            for name, flight in self._flights.items()
            for step in flight.progress.get("steps") or ()
        ]
        verb, _, stack = self._title.partition(" ")
        display.update({"verb": verb, "environment": stack, "steps": [*rows, *steps]})

    def _row(self, name: str) -> dict[str, Any]:
        if name in self._flights:
            return {"name": name, "state": "running", "began_seconds": self._flights[name].began - self._began}
        result = self._results.get(name)
        ended = {"ended_seconds": self._spent[name], "duration_seconds": self._spent[name]} if name in self._spent else {}
        return {"name": name, "state": result.outcome if result else "waiting", **ended}


def _shifted(step: Mapping[str, Any], seconds: float) -> dict[str, float]:
    """The times of a step since the beginning of the run, which began this many seconds before its operation."""
    known = {name: step.get(name) for name in ("began_seconds", "ended_seconds")}
    return {name: value + seconds for name, value in known.items() if value is not None}


def raise_unless_good(results: Sequence[Result]) -> None:
    """Raise Unsuccessful if an operation did not succeed, or else the error of the first command that was rejected."""
    bad = [result for result in results if result.outcome not in GOOD]
    errors = [result.error for result in bad if result.error]
    if any(result.operation for result in bad):
        raise Unsuccessful("")
    if errors:
        raise type(errors[0])("")
