"""Verdicts: what the evidence on a machine says, and the sentence that explains it.

A machine is idle only if every signal that is known stayed low for the whole window, and everything that must be known is.
One signal that speaks against sleep is enough; a single minute that nobody knows anything about is enough, too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from dormouse.clock import MINUTE, minutes_text, moment_text
from dormouse.idle.evidence import Evaluation, missing, numbers, tracks
from dormouse.idle.schedule import is_on, next_transition
from dormouse.idle.signals import shown
from dormouse.lifecycle import State
from dormouse.resources.machines import IDLE_TAG

REASONS_TOLD = 3
CHANGING = {
    State.CREATING: "being created",
    State.STARTING: "starting",
    State.STOPPING: "stopping",
    State.DELETING: "being deleted",
}


class VerdictKind(StrEnum):
    """What a verdict can be."""

    BUSY = "busy"
    IDLE = "idle"
    UNKNOWN = "unknown"
    HELD = "held"
    YOUNG = "young"
    SCHEDULED_ON = "scheduled_on"
    NOT_OURS = "not_ours"
    STOPPED = "stopped"
    STOPPED_BILLED = "stopped_billed"
    UNSTOPPABLE = "unstoppable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from the evidence, why, and the numbers that it rests on."""

    kind: VerdictKind
    reason: str
    numbers: dict[str, float] = field(default_factory=dict)


def evaluate(case: Evaluation) -> Verdict:
    """The verdict on a machine: the first of these questions that has an answer."""
    for question in QUESTIONS:
        verdict = question(case)
        if verdict is not None:
            return verdict
    return _idle(case)


def _unreadable_record(case: Evaluation) -> Verdict | None:
    if not case.unreadable or case.machine.state is State.STOPPED:
        return None
    return Verdict(VerdictKind.UNKNOWN, f"Nothing is done about it. {case.unreadable}.")


def _not_ours(case: Evaluation) -> Verdict | None:
    return Verdict(VerdictKind.NOT_OURS, case.hands_off) if case.hands_off else None


def _at_rest(case: Evaluation) -> Verdict | None:
    state = case.machine.state
    if state is State.STOPPED:
        unreadable = f" {_unreadable_words(case)}" if case.fault else ""
        return Verdict(VerdictKind.STOPPED, f"It is deallocated and costs nothing but its disks and addresses.{unreadable}")
    if state is State.ABSENT:
        return Verdict(
            VerdictKind.UNKNOWN, "Its machine is not there: it was deleted outside Dormouse, or is not built yet."
        )
    if state in CHANGING:
        return Verdict(VerdictKind.UNKNOWN, f"Azure shows it between two states at the moment: it is {CHANGING[state]}.")
    if state is State.UNKNOWN:
        return Verdict(VerdictKind.UNKNOWN, _without_power_state(case))
    return None


def _without_power_state(case: Evaluation) -> str:
    if case.machine.provisioning.lower() == "failed":
        return (
            "Its last change failed, and Azure does not say whether it runs; it may be billed. "
            "The Azure portal shows what failed: start it, or delete it."
        )
    return "Azure does not say whether it runs. The resource health of the machine in the Azure portal may say why."


def _unreadable(case: Evaluation) -> Verdict | None:
    return Verdict(VerdictKind.UNKNOWN, _unreadable_words(case)) if case.fault else None


def _unreadable_words(case: Evaluation) -> str:
    return f"What is written about it cannot be read: {case.fault}."


def _not_watched(case: Evaluation) -> Verdict | None:
    if case.policy.enabled:
        return None
    return Verdict(VerdictKind.NOT_OURS, f"It is not watched for idleness (tag {IDLE_TAG}).")


def _unstoppable(case: Evaluation) -> Verdict | None:
    if not case.machine.ephemeral_disk:
        return None
    return Verdict(
        VerdictKind.UNSTOPPABLE, "Its disk is ephemeral: Azure cannot deallocate it without losing everything on it."
    )


def _held(case: Evaluation) -> Verdict | None:
    hold = case.hold
    if hold is None or hold.until <= case.now:
        return None
    reason = f", because: {hold.reason}" if hold.reason else ""
    sentence = f"{hold.by} wants it awake until {moment_text(hold.until)}{reason}."
    return Verdict(VerdictKind.HELD, sentence, {"held_for_minutes": round((hold.until - case.now) / MINUTE)})


def _billed(case: Evaluation) -> Verdict | None:
    if case.machine.state is not State.STOPPED_BILLED:
        return None
    return Verdict(VerdictKind.STOPPED_BILLED, "It was shut down from inside: it does nothing, and is billed as if it ran.")


def _scheduled_on(case: Evaluation) -> Verdict | None:
    if case.schedule is None or not is_on(case.schedule, case.clock):
        return None
    following = next_transition(case.schedule, case.clock)
    until = f" until {following.at:%Y-%m-%d %H:%M} UTC" if following else ""
    return Verdict(VerdictKind.SCHEDULED_ON, f"Its schedule wants it on{until}.")


def _young(case: Evaluation) -> Verdict | None:
    memory, evidence = case.tracked, case.evidence
    changed = memory.state_since if memory.state_since > memory.first_seen else 0.0
    born = max(changed, case.machine.created, evidence.booted_at)
    # However short the grace: who has not been up for a whole window cannot have been idle for one.
    left = born + max(case.policy.grace, case.policy.window) * MINUTE - case.now
    if left <= 0:
        return None
    ago, until = minutes_text(case.now - born), moment_text(case.now + left)
    sentence = f"It was started {ago} ago; until {until} it is left alone."
    return Verdict(VerdictKind.YOUNG, sentence, {"left_alone_for_minutes": round(left / MINUTE, 1)})


def busy(case: Evaluation) -> Verdict | None:
    """What speaks against sleep, or None."""
    vetoes = sorted(_vetoes(case), key=lambda veto: veto[0])[:REASONS_TOLD]
    if not vetoes:
        return None
    told = "; ".join(f"{words}{f' ({ago} min ago)' if ago else ''}" for _, words, ago in vetoes)
    return Verdict(VerdictKind.BUSY, f"It is used: {told}.", numbers(case))


def _vetoes(case: Evaluation) -> Iterator[tuple[int, str, int]]:
    """Everything that speaks against sleep: how convincing (0 is most), in which words, and how many minutes ago."""
    for rank, (signal, track) in enumerate(tracks(case)):
        limit = signal.limit(case.policy)
        ago = None if limit is None else track.last_at(limit)
        if ago is not None:
            yield rank, shown(signal.words, signal.name, track.peak or 0.0), ago


def _unknown(case: Evaluation) -> Verdict | None:
    reasons = missing(case)
    if not reasons:
        return None
    return Verdict(VerdictKind.UNKNOWN, f"It stays on, because {'; '.join(reasons[:REASONS_TOLD])}.", numbers(case))


def _idle(case: Evaluation) -> Verdict:
    peaks = numbers(case)
    gpu = f"GPU at most {peaks['gpu_percent']:.0f} %, " if "gpu_percent" in peaks else ""
    cpu, network = peaks.get("cpu_percent", 0.0), peaks.get("network_bytes_per_second", 0.0)
    people = _people(case, peaks)
    words = (
        f"For {case.policy.window} minutes nothing went on: {gpu}CPU at most {cpu:.0f} %, "
        f"{shown('network {peak} a second', 'network_bytes_per_second', network)}, {people}."
    )
    return Verdict(VerdictKind.IDLE, words + _would_be_lost(peaks), peaks)


def _people(case: Evaluation, peaks: dict[str, float]) -> str:
    if case.evidence.inside is None:
        return "people cannot be seen from outside"
    there = max(peaks.get("logins", 0.0), peaks.get("connections", 0.0))
    return f"{there:.0f} session(s) were open, and no one typed in them" if there else "no one was logged in"


def _would_be_lost(numbers: dict[str, float]) -> str:
    kernels, containers = numbers.get("kernels", 0.0), numbers.get("containers", 0.0)
    lost = [f"{kernels:.0f} notebook kernel(s) with what they remember"] if kernels else []
    lost += [f"{containers:.0f} container(s)"] if containers else []
    return f" Stopping it ends {' and '.join(lost)}." if lost else ""


QUESTIONS: tuple[Callable[[Evaluation], Verdict | None], ...] = (
    _unreadable_record,
    _not_ours,
    _at_rest,
    _unreadable,
    _not_watched,
    _held,
    _billed,
    _unstoppable,
    _scheduled_on,
    _young,
    busy,
    _unknown,
)
