"""Waking: which machines a waiting job may start."""

from dataclasses import replace

from dormouse.idle.evidence import Evaluation
from dormouse.idle.schedules.schedule import is_on
from dormouse.idle.tracking import TrackedMachine

REQUESTS_REMEMBERED = 50

NOT_WANTED = "Start it, or set wake_for_jobs in the spec of its environment."
NOT_ASLEEP = "It was not a sweep that stopped it, so a waiting job does not start it."
OFF_HOURS = "A waiting job does not start it outside its scheduled hours."
BEFORE = "It was started for this job before, so the job does not start it again."


def why_not_woken(case: Evaluation) -> str:
    """Why a waiting job must not start a machine that is stopped, or "".

    The spec of its environment must ask for it. A machine that a user has stopped stays stopped, and so does one outside its
    scheduled hours, unless it works on past them anyway. No job starts a machine twice.
    """
    if not case.wakes_for_jobs:
        return NOT_WANTED
    if case.tracked.shutdown is None:
        return NOT_ASLEEP
    if (
        case.machine.interruptible
        and case.schedule is not None
        and case.schedule.hours
        and not is_on(case.schedule, case.clock)
    ):
        return OFF_HOURS
    return BEFORE if case.job is not None and case.job.request in case.tracked.woken_for else ""


def with_woken_for(tracked: TrackedMachine, request: int) -> TrackedMachine:
    """The tracked state of a machine that was started for a waiting job; the last `REQUESTS_REMEMBERED` are remembered."""
    return replace(tracked, woken_for=_remembered(tracked.woken_for, request))


def with_told_of(tracked: TrackedMachine, request: int) -> TrackedMachine:
    """The tracked state of a machine whose owner is told that a job waits; the last `REQUESTS_REMEMBERED` are remembered."""
    return replace(tracked, told_of=_remembered(tracked.told_of, request))


def _remembered(known: tuple[int, ...], request: int) -> tuple[int, ...]:
    return (*(one for one in known if one != request), request)[-REQUESTS_REMEMBERED:]
