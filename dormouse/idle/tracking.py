"""What the sweep remembers of a machine between two looks; moments are seconds since 1970, 0.0 is never."""

from dataclasses import dataclass, replace
from enum import StrEnum

from dormouse.clock import DAY, HOUR
from dormouse.idle.heartbeat import AgentRecord
from dormouse.lifecycle import State
from dormouse.resources.machines import VirtualMachine
from dormouse.text.limits import LONGEST_SENTENCE, clipped

LEFT_ALONE = HOUR / 2
IN_BETWEEN = frozenset({State.STARTING, State.STOPPING, State.CREATING, State.UNKNOWN, State.DELETING})


class ActionReason(StrEnum):
    """Why a machine is to be stopped or started."""

    IDLE = "idle"
    SCHEDULE = "schedule"
    LEASE = "lease"
    BILLED = "stopped_billed"


class LeaseAction(StrEnum):
    """What becomes of a machine when its lease has run out."""

    STOP = "stop"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Hold:
    """Somebody wants the machine awake until a moment."""

    by: str
    reason: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Lease:
    """What happens at a moment unless somebody extends it; `since` is when that was said."""

    until: float
    then: LeaseAction
    by: str
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class PendingWarning:
    """A warning: why, since when, until when, when it reached anybody, and the secret of its snooze link."""

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
    """A time asleep because of us, and what the machine would have cost by the hour."""

    since: float
    per_hour: float
    currency: str


@dataclass(frozen=True, slots=True)
class TrackedMachine:
    """Everything that is remembered of one machine."""

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

    def since(self, verdict: str) -> float:
        """Since when the verdict has been this one, or 0.0 if it is another."""
        return self.verdict_since if self.verdict == verdict else 0.0

    def hours_asleep(self, now: float) -> float:
        """How long the machine has slept because of us, this time included."""
        return self.slept_hours + ((now - self.shutdown.since) / HOUR if self.shutdown else 0.0)

    def money_saved(self, now: float) -> float:
        """What that would have cost."""
        return self.saved + ((now - self.shutdown.since) / HOUR * self.shutdown.per_hour if self.shutdown else 0.0)


def with_observation(known: TrackedMachine | None, machine: VirtualMachine, schedule: str, now: float) -> TrackedMachine:
    """The memory after a look at a machine: when its power or its schedule changed, and what its sleep has saved."""
    if known is None:
        return TrackedMachine(machine.id, now, machine.state, now, schedule, now, vm_id=machine.vm_id)
    if is_another(known, machine):
        known = replaced_machine(known, machine, now)
    elif machine.vm_id and not known.vm_id:
        known = _seen_first(known, machine, now)
    memory = known if known.schedule == schedule else replace(known, schedule=schedule, schedule_since=now)
    memory = _without_what_is_over(memory, now)
    if machine.state is memory.state or machine.state in IN_BETWEEN:
        return memory
    memory = replace(memory, state=machine.state, state_since=now, failures=0, retry_at=0.0, hibernation_failures=0)
    return with_wakeup(memory, now) if machine.state is State.RUNNING else memory


def is_another(known: TrackedMachine, machine: VirtualMachine) -> bool:
    """Whether the machine was made after the one that is remembered was deleted."""
    if known.vm_id and machine.vm_id:
        return known.vm_id != machine.vm_id
    return not machine.vm_id and machine.created > known.first_seen


def replaced_machine(known: TrackedMachine, machine: VirtualMachine, now: float) -> TrackedMachine:
    """The memory of a machine that was made again under an old id: only holds and leases set since then are kept."""
    hold = known.hold if known.hold and known.hold.since >= machine.created else None
    lease = known.lease if known.lease and known.lease.since >= machine.created else None
    return TrackedMachine(machine.id, now, machine.state, now, hold=hold, lease=lease, vm_id=machine.vm_id)


def _seen_first(known: TrackedMachine, machine: VirtualMachine, now: float) -> TrackedMachine:
    """The memory of a machine that is seen for the first time: a hold and a lease may be older than the machine itself.

    They were set for an environment that was still being built.
    """
    if machine.created <= known.first_seen:
        return replace(known, vm_id=machine.vm_id)
    return TrackedMachine(machine.id, now, machine.state, now, hold=known.hold, lease=known.lease, vm_id=machine.vm_id)


def _without_what_is_over(memory: TrackedMachine, now: float) -> TrackedMachine:
    """A hold ends by itself; a lease that a sleeping machine has outlived stops it no more when somebody wakes it."""
    if memory.hold and memory.hold.until <= now:
        memory = replace(memory, hold=None)
    lease = memory.lease
    outlived = lease is not None and lease.then is LeaseAction.STOP and lease.until <= now and memory.state is State.STOPPED
    return replace(memory, lease=None) if outlived else memory


def with_verdict(memory: TrackedMachine, verdict: str, now: float) -> TrackedMachine:
    """The memory after a verdict: since when it has been the same without a break."""
    return memory if memory.verdict == verdict else replace(memory, verdict=verdict, verdict_since=now)


def with_failure(memory: TrackedMachine, now: float, *, hibernating: bool = False) -> TrackedMachine:
    """The memory of a machine with which nothing could be done: left alone for a while, and people are told once a day."""
    alarmed = memory.alarmed_at if now - memory.alarmed_at < DAY else now
    pause = min(LEFT_ALONE * 2**memory.failures, DAY)
    failures = memory.hibernation_failures + hibernating
    return replace(
        memory,
        retry_at=now + pause,
        failures=memory.failures + 1,
        alarmed_at=alarmed,
        hibernation_failures=failures,
    )


def with_shutdown(memory: TrackedMachine, nap: IdleShutdown) -> TrackedMachine:
    """The memory of a machine that was put to sleep."""
    return replace(memory, state=State.STOPPED, state_since=nap.since, warning=None, shutdown=nap)


def with_wakeup(memory: TrackedMachine, now: float) -> TrackedMachine:
    """The memory of a machine that runs again: its sleep is added up."""
    if memory.shutdown is None:
        return memory
    return replace(memory, shutdown=None, slept_hours=memory.hours_asleep(now), saved=memory.money_saved(now))


def with_delivered_warning(memory: TrackedMachine, record: AgentRecord) -> TrackedMachine:
    """The memory with what the agent says of it: that the warning was shown."""
    warned = memory.warning
    if warned is None or warned.delivered_at or warned.id not in record.shown:
        return memory
    return replace(memory, warning=replace(warned, delivered_at=record.shown[warned.id], undelivered=""))
