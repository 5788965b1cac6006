"""Evictions of Spot VMs: which stop is one, who is told, and when the machine is started again. Pure.

Azure says so itself: the newest annotation of an evicted machine in Resource Health is `VirtualMachinePreempted`. A machine
without it is not evicted, and one that Dormouse stopped never is.
https://learn.microsoft.com/azure/service-health/resource-health-vm-annotation
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dormouse.clock import DAY, HOUR, MINUTE, moment_text
from dormouse.environments.operations import OperationRecord
from dormouse.environments.results import OutcomeStatus
from dormouse.idle.evidence import Evaluation
from dormouse.idle.schedules.schedule import Schedule, due, next_transition
from dormouse.idle.tracking import Eviction, TrackedMachine
from dormouse.lifecycle import State, Verb
from dormouse.resources.compute.machines import VirtualMachine
from dormouse.resources.compute.spot import Annotation

# After so much time without eviction, the next one counts as the first again.
STEADY = 6 * HOUR
# Before a machine that was evicted again is started again; doubled after each further eviction.
FIRST_PAUSE = HOUR / 2
# A sweep may see a machine as running for so long after it was evicted, because Resource Graph is an index.
INDEX_LAG = 2 * MINUTE
# All other operations leave the power of a machine as it was in the end.
STARTS = frozenset({Verb.START, Verb.RESTART})
NOT_DONE = frozenset({OutcomeStatus.CANCELLED, OutcomeStatus.REFUSED})


def may_be_evicted(case: Evaluation) -> bool:
    """Whether Azure is to be asked why a machine is stopped: a Spot VM that no sweep has stopped, and not known yet."""
    machine, tracked = case.machine, case.tracked
    if not isinstance(machine, VirtualMachine) or not machine.spot or case.hands_off or case.unreadable:
        return False
    return machine.state is State.STOPPED and tracked.shutdown is None and tracked.evicted is None


def is_of_last_run(evicted_at: float, case: Evaluation) -> bool:
    """Whether an eviction at that moment ended the last run of a machine, and not an earlier one."""
    return evicted_at >= max(case.tracked.ran_since - INDEX_LAG, case.machine.created)


def stopped_by_us(newest_first: Sequence[OperationRecord]) -> bool:
    """Whether the last operation that ended with another power of a machine stopped it."""
    for operation in newest_first:
        if operation.outcome is None or operation.outcome.status in NOT_DONE:
            continue
        if operation.verb is Verb.STOP:
            return True
        if operation.verb in STARTS:
            return False
    return False


def is_over(eviction: Eviction, said: Annotation | None) -> bool:
    """Whether Azure says that the machine has been stopped in another way since; a start alone may have failed."""
    return said is not None and said.is_other_stop and said.at > eviction.at


def with_other_stop(tracked: TrackedMachine, now: float) -> TrackedMachine:
    """The tracked state of a machine that ran and was stopped since its eviction, without a sweep that has seen it run."""
    return replace(tracked, state_since=now)


def is_running(operation: OperationRecord) -> bool:
    """Whether an operation has not ended, so that it is not known yet what it does to a machine."""
    return operation.outcome is None


def with_eviction(tracked: TrackedMachine, evicted_at: float, now: float) -> TrackedMachine:
    """The tracked state of a machine that was evicted at a moment, as a sweep sees it now (seconds since 1970)."""
    before = tracked.eviction
    again = before is not None and evicted_at - before.at < STEADY
    return replace(tracked, eviction=Eviction(evicted_at, now, before.count + 1 if before and again else 1))


@dataclass(frozen=True, slots=True)
class Restart:
    """When an evicted machine is started again (seconds since 1970; 0.0: not by itself), and a sentence about it."""

    at: float
    text: str


def restart_of(case: Evaluation) -> Restart | None:
    """The start that follows from an eviction, or None for a machine that is not evicted; holds are not looked at here."""
    evicted = case.tracked.evicted
    if evicted is None:
        return None
    if evicted.settled:
        return Restart(0.0, "Not started again by itself: someone has stopped it since.")
    if not case.restarts_evicted:
        return Restart(0.0, "Not started again by itself: its spec does not have on_eviction=restart.")
    if case.schedule is not None and _is_off(case.schedule, evicted.at, case.clock):
        return Restart(0.0, "Not started again outside of its scheduled hours.")
    at = max(restarts_at(evicted), case.now)
    text = f"It will be started again at {moment_text(at)}." if at > case.now else "It is started again now."
    return Restart(at, text)


def _is_off(schedule: Schedule, evicted_at: float, now: datetime) -> bool:
    """Whether a schedule keeps a machine off: its hours begin later, or it would have stopped the machine since."""
    missed, following = due(schedule, datetime.fromtimestamp(evicted_at, UTC), now), next_transition(schedule, now)
    return bool((missed and not missed.on) or (following and following.on))


def restarts_at(eviction: Eviction) -> float:
    """When an evicted machine may be started again: at once after the first eviction, later after each further one."""
    if eviction.count < 2:
        return eviction.seen_at
    return eviction.seen_at + min(FIRST_PAUSE * 2.0 ** (eviction.count - 2), DAY)


def is_news(case: Evaluation) -> bool:
    """Whether this sweep is the one that tells of an eviction, also when it is run again."""
    evicted = case.tracked.evicted
    return evicted is not None and evicted.seen_at == case.now
