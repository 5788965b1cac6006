"""The tracked state of a machine between two sweeps; moments are seconds since 1970, 0.0 means never.

docs/idle-state-machine.md shows the states that follow from it.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from dormouse.clock import DAY, HOUR
from dormouse.idle.outside.reports import ActivityReport
from dormouse.idle.stages.sleep import SleepRecord
from dormouse.lifecycle import State
from dormouse.resources.billing.billed_as import BilledAs
from dormouse.text.limits import LONGEST_SENTENCE, clipped

FIRST_PAUSE = HOUR / 2  # after a failed action, doubled after each further one


class ActionReason(StrEnum):
    """Why a machine is stopped or started."""

    IDLE = "idle"
    SCHEDULE = "schedule"
    LEASE = "lease"
    BILLED = "stopped_billed"
    EVICTION = "eviction"
    JOBS = "jobs"
    STOP_AFTER = "stop_after"
    FORGET_AFTER = "forget_after"
    BUDGET = "budget"


class LeaseAction(StrEnum):
    """What happens to a machine when its lease expires."""

    STOP = "stop"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Hold:
    """A request to keep the machine running until a moment: by whom, why, and since when."""

    by: str
    reason: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Lease:
    """A stop or deletion at a moment unless the lease is extended; `since` is when it was set."""

    until: float
    then: LeaseAction
    by: str
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class PendingWarning:
    """A warning: its reason, when it was given and delivered, when the stop is due, and the secret of its snooze link.

    `undelivered` says why no webhook has accepted it.
    """

    id: str
    reason: ActionReason
    text: str
    given_at: float
    stop_at: float
    delivered_at: float = 0.0
    undelivered: str = ""
    token: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", clipped(self.text, LONGEST_SENTENCE))
        object.__setattr__(self, "undelivered", clipped(self.undelivered, LONGEST_SENTENCE))


@dataclass(frozen=True, slots=True)
class IdleShutdown:
    """A stop by Dormouse: since when, what the machine would have cost per hour, and why ("": an earlier release did it)."""

    since: float
    per_hour: float
    currency: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Eviction:
    """An eviction of a Spot VM: when Azure evicted it, and when a sweep first saw that.

    `count` is how many there were one after another, this one included. `settled`: it is to stay stopped.
    """

    at: float
    seen_at: float
    count: int = 1
    settled: bool = False


@dataclass(frozen=True, slots=True)
class TrackedMachine:
    """The tracked state of one machine; `ran_since` is when its last completed run was first seen.

    `woken_for` are the requests for jobs that it was started for, `told_of` those of whose wait its owner was told, and
    `job_problem` says why one waits. Sweeps see a cluster without work since `free_since`, and saw work last at `worked_at`.
    `billed` is what it has been billed as since `billed_since`, or for as long as its state is known. `reports` is what
    was said about its use from outside. `due_soon`: a warning or a stop may be due within two sweeps.
    """

    id: str
    first_seen: float
    state: State
    state_since: float
    schedule: str = ""
    schedule_since: float = 0.0
    verdict: str = ""
    verdict_since: float = 0.0
    alarmed_at: float = 0.0
    retry_at: float = 0.0
    failures: int = 0
    warning: PendingWarning | None = None
    hold: Hold | None = None
    lease: Lease | None = None
    shutdown: IdleShutdown | None = None
    slept_hours: float = 0.0
    saved: float = 0.0
    vm_id: str = ""
    hibernation_failures: int = 0
    ran_since: float = 0.0
    eviction: Eviction | None = None
    woken_for: tuple[int, ...] = ()
    job_ended_at: float = 0.0
    job_problem: str = ""
    told_of: tuple[int, ...] = ()
    free_since: float = 0.0
    watched_at: float = 0.0
    worked_at: float = 0.0
    sleep: SleepRecord = field(default_factory=SleepRecord)
    billed: BilledAs | None = None
    billed_since: float = 0.0
    reports: tuple[ActivityReport, ...] = ()
    due_soon: bool = False

    @property
    def evicted(self) -> Eviction | None:
        """The eviction that has stopped the machine, or None: it runs, or its last stop was none."""
        stopped_by_it = self.eviction is not None and self.eviction.seen_at >= self.state_since
        return self.eviction if stopped_by_it and self.state is State.STOPPED else None

    def since(self, verdict: str) -> float:
        """Since when the verdict has been this one without interruption; 0.0 if it is another one."""
        return self.verdict_since if self.verdict == verdict else 0.0

    def hours_asleep(self, now: float) -> float:
        """How long the machine has been stopped by Dormouse in total, including the current stop."""
        return self.slept_hours + ((now - self.shutdown.since) / HOUR if self.shutdown else 0.0)

    def money_saved(self, now: float) -> float:
        """What the machine would have cost in that time."""
        return self.saved + ((now - self.shutdown.since) / HOUR * self.shutdown.per_hour if self.shutdown else 0.0)


def with_settled_eviction(tracked: TrackedMachine) -> TrackedMachine:
    """The tracked state of a machine that stays stopped if it is evicted: someone wants it stopped."""
    evicted = tracked.evicted
    return replace(tracked, eviction=replace(evicted, settled=True)) if evicted else tracked


def with_verdict(tracked: TrackedMachine, verdict: str, now: float) -> TrackedMachine:
    """The tracked state after a verdict: since when it has been the same without interruption."""
    return tracked if tracked.verdict == verdict else replace(tracked, verdict=verdict, verdict_since=now)


def with_failure(tracked: TrackedMachine, now: float, *, hibernating: bool = False) -> TrackedMachine:
    """The tracked state after a failed action: a growing pause before the next attempt, and one alarm a day."""
    alarmed = tracked.alarmed_at if now - tracked.alarmed_at < DAY else now
    pause = min(FIRST_PAUSE * 2**tracked.failures, DAY)
    hibernations, failures = tracked.hibernation_failures + hibernating, tracked.failures + 1
    paused = replace(tracked, retry_at=now + pause, failures=failures, alarmed_at=alarmed)
    return replace(paused, hibernation_failures=hibernations)


def with_shutdown(tracked: TrackedMachine, shutdown: IdleShutdown) -> TrackedMachine:
    """The tracked state of a machine that Dormouse has stopped."""
    return replace(tracked, state=State.STOPPED, state_since=shutdown.since, warning=None, shutdown=shutdown)


def with_wakeup(tracked: TrackedMachine, now: float) -> TrackedMachine:
    """The tracked state of a machine that runs again: the time and savings of its stop are added to the totals."""
    return replace(tracked, shutdown=None, slept_hours=tracked.hours_asleep(now), saved=tracked.money_saved(now))
