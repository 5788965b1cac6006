"""What the tracked state becomes when a sweep reads a machine; moments are seconds since 1970."""

from dataclasses import replace

from dormouse.idle.targets import SleepTarget
from dormouse.idle.tracking import LeaseAction, TrackedMachine, with_settled_eviction, with_wakeup
from dormouse.lifecycle import State

TRANSITIONAL = frozenset({State.STARTING, State.STOPPING, State.CREATING, State.UNKNOWN, State.DELETING})


def with_observation(known: TrackedMachine | None, machine: SleepTarget, schedule: str, now: float) -> TrackedMachine:
    """The tracked state after the machine was read: changes of its power state and schedule, and the savings of a stop."""
    if known is None:
        return TrackedMachine(machine.id, now, machine.state, now, schedule, now, vm_id=machine.vm_id)
    if is_replacement(known, machine):
        known = with_replacement(known, machine, now)
    elif not known.vm_id:
        known = _with_first_vm_id(known, machine, now)
    tracked = known if known.schedule == schedule else replace(known, schedule=schedule, schedule_since=now)
    tracked = _without_expired(tracked, now)
    if machine.state is tracked.state or machine.state in TRANSITIONAL:
        return tracked
    ran_since = tracked.state_since if tracked.state is State.RUNNING else tracked.ran_since
    tracked = replace(tracked, state=machine.state, state_since=now, failures=0, retry_at=0.0, hibernation_failures=0)
    tracked = replace(tracked, ran_since=ran_since)
    return with_wakeup(tracked, now) if machine.state is State.RUNNING else tracked


def is_replacement(known: TrackedMachine, machine: SleepTarget) -> bool:
    """Whether the machine is a new one that was created under the ID of the tracked one."""
    if known.vm_id and machine.vm_id:
        return known.vm_id != machine.vm_id
    return not machine.vm_id and machine.created > known.first_seen


def with_replacement(known: TrackedMachine, machine: SleepTarget, now: float) -> TrackedMachine:
    """The tracked state of a machine that was created again under an old ID: only newer requests are kept."""
    hold = known.hold if known.hold and known.hold.since >= machine.created else None
    lease = known.lease if known.lease and known.lease.since >= machine.created else None
    reports = tuple(report for report in known.reports if report.at >= machine.created)
    return TrackedMachine(machine.id, now, machine.state, now, hold=hold, lease=lease, vm_id=machine.vm_id, reports=reports)


def _with_first_vm_id(known: TrackedMachine, machine: SleepTarget, now: float) -> TrackedMachine:
    """The tracked state of a machine that is seen for the first time.

    Its hold, lease and reports may be older than the machine: they were set while the environment was being created.
    """
    if machine.created <= known.first_seen:
        return replace(known, vm_id=machine.vm_id)
    new = TrackedMachine(machine.id, now, machine.state, now, vm_id=machine.vm_id)
    return replace(new, hold=known.hold, lease=known.lease, reports=known.reports)


def _without_expired(tracked: TrackedMachine, now: float) -> TrackedMachine:
    """The state without an expired hold, and without a stop lease that expired while the machine was stopped.

    Otherwise such a lease would stop the machine as soon as a user starts it again.
    """
    if tracked.hold and tracked.hold.until <= now:
        tracked = replace(tracked, hold=None, sleep=tracked.sleep.asked(tracked.hold.until))
    lease = tracked.lease
    is_over = lease is not None and lease.then is LeaseAction.STOP and lease.until <= now and tracked.state is State.STOPPED
    if lease is None or not is_over:
        return tracked
    return with_settled_eviction(replace(tracked, lease=None, sleep=tracked.sleep.asked(lease.until)))
