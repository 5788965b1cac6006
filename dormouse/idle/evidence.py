"""Evidence: what was measured on a machine minute by minute, and what of it is missing."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from dormouse.clock import MINUTE, minutes_text
from dormouse.idle.heartbeat import AgentRecord
from dormouse.idle.policy import OFF, IdlePolicy
from dormouse.idle.schedule import Schedule
from dormouse.idle.signals import GPU, HOST, INSIDE, Signal, Values
from dormouse.idle.tracking import Hold, TrackedMachine
from dormouse.resources.machines import KEEP_TAG, VirtualMachine

STALE = 10 * MINUTE
# The agent tells every minute; what is newer than this may still be on its way.
ON_ITS_WAY = 3  # minutes


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """One signal by minutes, oldest first: the window, and what is already known of the minutes after it."""

    window: Values = ()
    recent: Values = ()

    @property
    def peak(self) -> float | None:
        """The highest value that is known."""
        return max((value for value in (*self.window, *self.recent) if value is not None), default=None)

    @property
    def missing(self) -> int:
        """How many minutes of the window nobody knows anything about."""
        return sum(value is None for value in self.window)

    def last_at(self, limit: float) -> int | None:
        """How many minutes before the newest one the limit was last reached."""
        values = (*self.window, *self.recent)
        ago = (number for number, value in enumerate(reversed(values)) if value is not None and value >= limit)
        return next(ago, None)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured: by Azure Monitor from outside, and by the agent inside, if there ever was one.

    `host_end` is the moment up to which Azure Monitor has told anything of the machines beside this one; `problems` has the
    agent's reasons for what it does not know, by signal.
    """

    host: dict[str, TimeSeries] = field(default_factory=dict)
    host_end: float = 0.0
    host_problem: str = ""
    inside: dict[str, TimeSeries] | None = None
    heard_at: float = 0.0
    booted_at: float = 0.0
    gpu: str = ""
    gpu_problem: str = ""
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One machine with everything that a verdict on it rests on.

    `fault` says what cannot be read in its tags, `unreadable` which of its stored records cannot be read.
    """

    machine: VirtualMachine
    tracked: TrackedMachine
    policy: IdlePolicy
    now: float
    schedule: Schedule | None = None
    hold: Hold | None = None
    evidence: Evidence = field(default_factory=Evidence)
    fault: str = ""
    unreadable: str = ""

    @property
    def hands_off(self) -> str:
        """Why nobody but people stops or starts this machine, or ""."""
        if self.machine.managed_by_others:
            return "It belongs to a scale set or a service, which starts and stops its machines itself."
        if KEEP_TAG in self.machine.tags and self.machine.tags[KEEP_TAG].strip().lower() not in OFF:
            return f"Its tag {KEEP_TAG} says that nobody but people stops it."
        return ""

    @property
    def clock(self) -> datetime:
        """The present moment."""
        return datetime.fromtimestamp(self.now, UTC)


def with_agent(evidence: Evidence, record: AgentRecord, window: int, now: float) -> Evidence:
    """The evidence together with what the agent has told of a window of minutes that ends now."""
    end, last = int(now // MINUTE) - ON_ITS_WAY, int(now // MINUTE) + 1
    series = record.series(end - window, last)
    tracks = {name: TimeSeries(values[:window], values[window:]) for name, values in series.items()}
    return replace(
        evidence,
        inside=tracks,
        heard_at=record.heard_at,
        booted_at=record.booted_at,
        gpu=record.gpu,
        gpu_problem=record.gpu_problem,
        problems=record.problems,
    )


def tracks(case: Evaluation) -> Iterator[tuple[Signal, TimeSeries]]:
    """Every signal that was ever told of a machine, the most convincing first."""
    inside = case.evidence.inside or {}
    for signals, told in ((INSIDE, inside), (HOST, case.evidence.host)):
        for signal in signals:
            if signal.name in told:
                yield signal, told[signal.name]


def numbers(case: Evaluation) -> dict[str, float]:
    """The peak of every signal that is known, from inside if it is known there and higher."""
    peaks: dict[str, float] = {}
    for signal, track in tracks(case):
        if track.peak is not None:
            peaks[signal.name] = round(max(track.peak, peaks.get(signal.name, 0.0)), 1)
    return peaks


def missing(case: Evaluation) -> list[str]:
    """Everything that would have to be known before a machine may be called idle, and is not."""
    return [*_missing_outside(case), *_missing_inside(case), *_missing_gpu(case)]


def _missing_outside(case: Evaluation) -> Iterator[str]:
    evidence = case.evidence
    if evidence.host_problem:
        yield evidence.host_problem
    elif case.now - evidence.host_end > STALE:
        yield "Azure Monitor has told nothing for more than 10 minutes"
    else:
        gaps = [_gap(evidence.host.get(signal.name), case) for signal in HOST]
        if any(gaps):
            yield f"Azure Monitor has no data for {max(gaps)} of {case.policy.window} minutes"


def _missing_inside(case: Evaluation) -> Iterator[str]:
    evidence = case.evidence
    if evidence.inside is None:
        if case.policy.agent == "required":
            yield "its policy asks for an agent, and none has ever reported"
        return
    if case.now - evidence.heard_at > STALE:
        yield f"its agent was last heard {minutes_text(case.now - evidence.heard_at)} ago"
        return
    needed = [signal for signal in INSIDE if signal.limit(case.policy) is not None and signal.name not in GPU]
    gaps = {signal: gap for signal in needed if (gap := _gap(evidence.inside.get(signal.name), case))}
    if not gaps:
        return
    # A signal whose absence is explained comes before others that are missing for as long.
    worst = max(gaps, key=lambda signal: (gaps[signal], signal.name in evidence.problems))
    why = evidence.problems.get(worst.name, "")
    if not why and len(gaps) == len(needed):
        yield f"its agent reported nothing for {gaps[worst]} of {case.policy.window} minutes"
    else:
        yield f"the agent could not see {worst.subject} for {gaps[worst]} of {case.policy.window} minutes{_because(why)}"


def _missing_gpu(case: Evaluation) -> Iterator[str]:
    evidence = case.evidence
    # Images for every kind of machine bring nvidia-smi along: that it fails says nothing where there is no GPU by size.
    if case.policy.gpu == "optional" or not (case.machine.has_gpu or evidence.gpu == "ok"):
        return
    if evidence.inside is None:
        yield "no agent tells what its GPU does"
        return
    gaps = {name: gap for name in sorted(GPU) if (gap := _gap(evidence.inside.get(name), case))}
    if gaps:
        worst = max(gaps, key=lambda name: (gaps[name], name in evidence.problems))
        broken = "" if evidence.gpu == "ok" else evidence.gpu_problem or "nvidia-smi finds none"
        why = evidence.problems.get(worst, "") or broken
        yield f"nothing is known of its GPU for {gaps[worst]} of {case.policy.window} minutes{_because(why)}"


def _because(why: str) -> str:
    return f" ({why.rstrip('.')})" if why else ""


def _gap(track: TimeSeries | None, case: Evaluation) -> int:
    """How many minutes of the window are missing; a track that is not as long as the window misses its beginning."""
    if track is None:
        return case.policy.window
    return track.missing + max(case.policy.window - len(track.window), 0)
