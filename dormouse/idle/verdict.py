"""Verdicts: what follows from the evidence about a machine, with the reason.

A machine is idle only if every signal stayed below its limit for the whole window and all required data is available.
One signal at its limit makes it busy; one minute without required data makes it unknown.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from dormouse.clock import MINUTE, minutes_text, moment_text
from dormouse.idle.evidence import Evaluation
from dormouse.idle.schedules.schedule import is_on, next_transition
from dormouse.idle.sources.registry import source_of
from dormouse.lifecycle import State
from dormouse.resources.compute.machines import IDLE_TAG

MOST_REASONS = 3  # in one sentence
TRANSITIONS = {
    State.CREATING: "being created",
    State.STARTING: "starting",
    State.STOPPING: "stopping",
    State.DELETING: "being deleted",
}


class VerdictKind(StrEnum):
    """The kinds of verdicts."""

    BUSY = "busy"
    IDLE = "idle"
    UNKNOWN = "unknown"
    HELD = "held"
    YOUNG = "young"
    SCHEDULED_ON = "scheduled_on"
    UNMANAGED = "unmanaged"
    STOPPED = "stopped"
    STOPPED_BILLED = "stopped_billed"
    EVICTED = "evicted"
    UNSTOPPABLE = "unstoppable"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from the evidence: the kind, the reason in words, and the peak values behind it."""

    kind: VerdictKind
    reason: str
    numbers: dict[str, float] = field(default_factory=dict)


def evaluate(case: Evaluation) -> Verdict:
    """The verdict on a machine: that of the first rule that applies; idle if none does."""
    for rule in RULES:
        verdict = rule(case)
        if verdict is not None:
            return verdict
    return _idle(case)


def _unreadable_record(case: Evaluation) -> Verdict | None:
    if not case.unreadable or case.machine.state is State.STOPPED:
        return None
    return Verdict(VerdictKind.UNKNOWN, f"Not stopped or started. {case.unreadable}.")


def _unmanaged(case: Evaluation) -> Verdict | None:
    return Verdict(VerdictKind.UNMANAGED, case.hands_off) if case.hands_off else None


def _blocked(case: Evaluation) -> Verdict | None:
    source = source_of(case.machine)
    why = source.blocked(case)
    return Verdict(VerdictKind.BLOCKED, why, source.numbers(case)) if why else None


def _not_running(case: Evaluation) -> Verdict | None:
    state, source, words = case.machine.state, source_of(case.machine), source_of(case.machine).words
    if state is State.STOPPED:
        fault = f" {_misconfiguration(case)}" if case.fault else ""
        if evicted := case.tracked.evicted:
            why = "Azure needed the capacity, or its price rose above the maximum"
            sentence = (
                f"Evicted by Azure at {moment_text(evicted.at)}: {why}. Only its disks and addresses are billed.{fault}"
            )
            return Verdict(VerdictKind.EVICTED, sentence, {"evictions": evicted.count})
        return Verdict(VerdictKind.STOPPED, f"{source.asleep(case) or words.asleep}{fault}")
    if state is State.ABSENT:
        return Verdict(VerdictKind.UNKNOWN, words.absent)
    if state in TRANSITIONS:
        return Verdict(VerdictKind.UNKNOWN, f"Its state is changing: Azure reports that it is {TRANSITIONS[state]}.")
    if state not in (State.RUNNING, State.STOPPED_BILLED):
        return Verdict(VerdictKind.UNKNOWN, _without_power_state(case))
    return None


def _without_power_state(case: Evaluation) -> str:
    if case.machine.provisioning.lower() == "failed":
        return (
            "Its last change failed, and Azure does not report whether it is running; it may be billed. "
            f"{source_of(case.machine).words.failed}"
        )
    return "Azure does not report whether it is running. Check its resource health in the Azure portal."


def _misconfigured(case: Evaluation) -> Verdict | None:
    return Verdict(VerdictKind.UNKNOWN, _misconfiguration(case)) if case.fault else None


def _misconfiguration(case: Evaluation) -> str:
    return f"Not stopped or started while its configuration is invalid: {case.fault}."


def _disabled(case: Evaluation) -> Verdict | None:
    if case.policy.enabled:
        return None
    return Verdict(VerdictKind.UNMANAGED, f"Idle shutdown is not enabled for it (tag {IDLE_TAG}).")


def _unstoppable(case: Evaluation) -> Verdict | None:
    if not case.machine.ephemeral_disk:
        return None
    return Verdict(
        VerdictKind.UNSTOPPABLE, "Its OS disk is ephemeral: Azure cannot deallocate it without losing the data on the disk."
    )


def _on_hold(case: Evaluation) -> Verdict | None:
    hold = case.hold
    if hold is None or hold.until <= case.now:
        return None
    reason = f": {hold.reason}" if hold.reason else ""
    sentence = f"On hold until {moment_text(hold.until)} by {hold.by}{reason}."
    return Verdict(VerdictKind.HELD, sentence, {"held_for_minutes": round((hold.until - case.now) / MINUTE)})


def _stopped_but_billed(case: Evaluation) -> Verdict | None:
    if case.machine.state is not State.STOPPED_BILLED:
        return None
    return Verdict(
        VerdictKind.STOPPED_BILLED, "Shut down from inside but not deallocated: it is billed as if it were running."
    )


def _scheduled_on(case: Evaluation) -> Verdict | None:
    if case.schedule is None or not is_on(case.schedule, case.clock):
        return None
    following = next_transition(case.schedule, case.clock)
    until = f" until {following.at:%Y-%m-%d %H:%M} UTC" if following else ""
    return Verdict(VerdictKind.SCHEDULED_ON, f"Its schedule keeps it on{until}.")


def _recently_started(case: Evaluation) -> Verdict | None:
    tracked, evidence = case.tracked, case.evidence
    changed = tracked.state_since if tracked.state_since > tracked.first_seen else 0.0
    started = max(changed, case.machine.created, evidence.booted_at)
    # However short the grace: a machine that has not run for a whole window cannot have been idle for one.
    left = started + max(case.policy.grace, case.policy.window) * MINUTE - case.now
    if left <= 0:
        return None
    ago, until = minutes_text(case.now - started), moment_text(case.now + left)
    sentence = f"Started {ago} ago; not stopped for idleness before {until}."
    return Verdict(VerdictKind.YOUNG, sentence, {"left_alone_for_minutes": round(left / MINUTE, 1)})


def busy(case: Evaluation) -> Verdict | None:
    """The verdict `busy` with the signals that reached their limits, or with the machines that need this one; or None."""
    source = source_of(case.machine)
    if case.needed_by:
        needed_by = ", ".join(case.needed_by[:MOST_REASONS])
        return Verdict(VerdictKind.BUSY, f"In use: needed by {needed_by}.", source.numbers(case))
    reached = source.uses(case)[:MOST_REASONS]
    return Verdict(VerdictKind.BUSY, f"In use: {'; '.join(reached)}.", source.numbers(case)) if reached else None


def _lacks_data(case: Evaluation) -> Verdict | None:
    source = source_of(case.machine)
    reasons = source.missing(case)
    if not reasons:
        return None
    return Verdict(VerdictKind.UNKNOWN, f"Kept running, because {'; '.join(reasons)}.", source.numbers(case))


def _idle(case: Evaluation) -> Verdict:
    source = source_of(case.machine)
    return Verdict(VerdictKind.IDLE, source.idle(case), source.numbers(case))


RULES: tuple[Callable[[Evaluation], Verdict | None], ...] = (
    _unreadable_record,
    _unmanaged,
    _blocked,
    _not_running,
    _misconfigured,
    _disabled,
    _on_hold,
    _stopped_but_billed,
    _unstoppable,
    _scheduled_on,
    _recently_started,
    busy,
    _lacks_data,
)
