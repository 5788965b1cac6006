"""Evidence about VMs: host metrics from Azure Monitor, and what the agent inside reports."""

from collections.abc import Iterator

from dormouse.clock import minutes_text
from dormouse.idle.evidence import STALE, Evaluation, missing, numbers, tracks
from dormouse.idle.heartbeats.signals import bytes_text, count_text, describe_peak
from dormouse.idle.sources.source import EvidenceSource, Words
from dormouse.lifecycle import State

WORDS = Words(
    asleep="Deallocated: only its disks and addresses are billed.",
    put_to_sleep="deallocated",
    stopped="stopped",
    confirmed="Azure confirms that it is deallocated.",
    absent="Its VM does not exist: it was deleted outside Dormouse, or has not been created yet.",
    failed="Check the failed change in the Azure portal, then start or delete the VM.",
)


def _uses(case: Evaluation) -> list[str]:
    return [f"{words}{f' ({ago} min ago)' if ago else ''}" for words, ago in _signals_at_limit(case)]


def _signals_at_limit(case: Evaluation) -> Iterator[tuple[str, int]]:
    """Every signal that reached its limit, the most convincing first: in words, and how many minutes ago."""
    for signal, track in tracks(case):
        limit = signal.limit(case.policy)
        ago = None if limit is None else track.last_at(limit)
        if ago is not None:
            yield describe_peak(signal, track.peak or 0.0), ago


def _unknown_holds(case: Evaluation) -> list[str]:
    """A hold set on the machine is known only while its agent reports."""
    evidence = case.evidence
    silent_for = case.now - evidence.heard_at
    if case.machine.state is not State.RUNNING or evidence.inside is None or silent_for <= STALE:
        return []
    return [f"its agent last reported {minutes_text(silent_for)} ago, so a hold set on the machine would not be noticed"]


def _idle(case: Evaluation) -> str:
    peaks = numbers(case)
    gpu = f"GPU <= {peaks['gpu_percent']:.0f} %, " if "gpu_percent" in peaks else ""
    network = bytes_text(peaks["network_bytes_per_second"])
    peak = f"{gpu}CPU <= {peaks['cpu_percent']:.0f} %, network <= {network}/s"
    return f"Idle for {case.policy.window} minutes: {peak}, {_sessions(case, peaks)}.{_losses(peaks)}"


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


VIRTUAL_MACHINES = EvidenceSource(WORDS, _uses, missing, _unknown_holds, numbers, _idle)
