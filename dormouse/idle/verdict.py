"""Verdicts: what follows from the evidence about a machine, with the reason.

A machine is idle only if every signal stayed below its limit for the whole window and all required data is available.
One signal at its limit makes it busy; one minute without required data makes it unknown.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from dormouse.clock import MINUTE, minutes_text, moment_text
from dormouse.idle.evidence import Evaluation, missing, numbers, tracks
from dormouse.idle.heartbeats.signals import bytes_text, count_text, describe_peak
from dormouse.idle.schedules.schedule import is_on, next_transition
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


def _not_running(case: Evaluation) -> Verdict | None:
    state = case.machine.state
    if state is State.STOPPED:
        fault = f" {_misconfiguration(case)}" if case.fault else ""
        if evicted := case.tracked.evicted:
            why = "Azure needed the capacity, or its price rose above the maximum"
            sentence = (
                f"Evicted by Azure at {moment_text(evicted.at)}: {why}. Only its disks and addresses are billed.{fault}"
            )
            return Verdict(VerdictKind.EVICTED, sentence, {"evictions": evicted.count})
        return Verdict(VerdictKind.STOPPED, f"Deallocated: only its disks and addresses are billed.{fault}")
    if state is State.ABSENT:
        return Verdict(
            VerdictKind.UNKNOWN, "Its VM does not exist: it was deleted outside Dormouse, or has not been created yet."
        )
    if state in TRANSITIONS:
        return Verdict(VerdictKind.UNKNOWN, f"Its state is changing: Azure reports that it is {TRANSITIONS[state]}.")
    if state not in (State.RUNNING, State.STOPPED_BILLED):
        return Verdict(VerdictKind.UNKNOWN, _without_power_state(case))
    return None


def _without_power_state(case: Evaluation) -> str:
    if case.machine.provisioning.lower() == "failed":
        return (
            "Its last change failed, and Azure does not report whether it is running; it may be billed. "
            "Check the failed change in the Azure portal, then start or delete the VM."
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
    if case.needed_by:
        return Verdict(VerdictKind.BUSY, f"In use: needed by {', '.join(case.needed_by[:MOST_REASONS])}.", numbers(case))
    reached = list(islice(_signals_at_limit(case), MOST_REASONS))
    if not reached:
        return None
    uses = "; ".join(f"{words}{f' ({ago} min ago)' if ago else ''}" for words, ago in reached)
    return Verdict(VerdictKind.BUSY, f"In use: {uses}.", numbers(case))


def _signals_at_limit(case: Evaluation) -> Iterator[tuple[str, int]]:
    """Every signal that reached its limit, the most convincing first: in words, and how many minutes ago."""
    for signal, track in tracks(case):
        limit = signal.limit(case.policy)
        ago = None if limit is None else track.last_at(limit)
        if ago is not None:
            yield describe_peak(signal, track.peak or 0.0), ago


def _lacks_data(case: Evaluation) -> Verdict | None:
    reasons = missing(case)
    if not reasons:
        return None
    return Verdict(VerdictKind.UNKNOWN, f"Kept running, because {'; '.join(reasons)}.", numbers(case))


def _idle(case: Evaluation) -> Verdict:
    peaks = numbers(case)
    gpu = f"GPU <= {peaks['gpu_percent']:.0f} %, " if "gpu_percent" in peaks else ""
    network = bytes_text(peaks["network_bytes_per_second"])
    peak = f"{gpu}CPU <= {peaks['cpu_percent']:.0f} %, network <= {network}/s"
    reason = f"Idle for {case.policy.window} minutes: {peak}, {_sessions(case, peaks)}.{_losses(peaks)}"
    return Verdict(VerdictKind.IDLE, reason, peaks)


def _sessions(case: Evaluation, peaks: dict[str, float]) -> str:
    if case.evidence.inside is None:
        return "no agent (sessions are not observed)"
    counts = [peaks[name] for name in ("logins", "connections") if name in peaks]
    if not counts:
        return "sessions are not observed"
    return f"{count_text(max(counts), 'open session')} without input" if any(counts) else "no sessions"


def _losses(peaks: dict[str, float]) -> str:
    """What a stop would end, as a sentence; "" if nothing."""
    kinds = {"kernels": "notebook kernel", "containers": "container"}
    lost = [count_text(peaks[name], noun) for name, noun in kinds.items() if peaks.get(name)]
    return f" Stopping it ends {' and '.join(lost)}." if lost else ""


RULES: tuple[Callable[[Evaluation], Verdict | None], ...] = (
    _unreadable_record,
    _unmanaged,
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
