"""Evidence: what was measured on a machine every minute, and which required data is missing."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from dormouse.clock import MINUTE, minutes_text
from dormouse.idle.budgets.overspent import Overspent
from dormouse.idle.heartbeats.signals import GPU, HOST, INSIDE, Signal, Values
from dormouse.idle.jobs.waiting import WaitingJob
from dormouse.idle.outside.answers import ServiceAnswer
from dormouse.idle.policy import OFF, Action, IdlePolicy
from dormouse.idle.schedules.schedule import Schedule
from dormouse.idle.stages.sleep import EnvironmentSleep, Stages
from dormouse.idle.targets import SleepTarget
from dormouse.idle.tracking import Hold, TrackedMachine
from dormouse.lifecycle import State
from dormouse.resources.compute.machines import KEEP_TAG

STALE = 10 * MINUTE
# After so many failures, hibernation counts as impossible on this machine.
HIBERNATION_TRIES = 3


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """One signal by minutes, oldest first: the window, and the newer minutes as far as they are known."""

    window: Values = ()
    recent: Values = ()
    # The highest known value; a verdict asks for it again and again.
    peak: float | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "peak", _peak(self.window + self.recent))

    @property
    def missing(self) -> int:
        """How many minutes of the window have no value."""
        return self.window.count(None)

    def last_at(self, limit: float) -> int | None:
        """How many minutes before the newest minute the limit was last reached; None: never."""
        if self.peak is None or self.peak < limit:
            return None
        values = (*self.window, *self.recent)
        ago = (number for number, value in enumerate(reversed(values)) if value is not None and value >= limit)
        return next(ago, None)


def _peak(values: Values) -> float | None:
    if not any(values):  # most signals are 0 all the time
        return 0.0 if 0.0 in values else None
    return max([value for value in values if value is not None])


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured: by Azure Monitor from outside, and by the agent inside (None: no agent has ever reported).

    `host_end` is the moment up to which Azure Monitor has data for the machine's region; `problems` has the agent's reasons
    for missing signals, by signal. The agent's window ends `behind` minutes early, because it has not reported newer ones.
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
    behind: int = 0


@dataclass(frozen=True, slots=True)
class NodeEvidence:
    """What was measured on a group of nodes: the most nodes that worked, minute by minute, up to the moment `end`.

    `work` is what runs or waits on it now, in phrases; `unread` what could not be read about it, and why; `blocked` why work
    that waits cannot begin ("": none does), and `others` what else runs in its cluster. As long as nothing was read,
    everything is missing.
    """

    active: TimeSeries = field(default_factory=TimeSeries)
    end: float = 0.0
    problem: str = ""
    work: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    blocked: str = ""
    others: tuple[str, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One machine with everything that its verdict depends on: `evidence` about a VM, or about `nodes`.

    `fault` says what is invalid in its tags or spec, `unreadable` which of its stored records cannot be read, `needed_by`
    which machines of its environment need it and are not stopped. `restarts_evicted`: its spec has it started again after
    an eviction, and `resizes_at_start`: it may get another size if Azure has no capacity to start it. `job` is a job that
    waits for its agent, `wakes_for_jobs` whether such a job may start it, and `keep_minutes` how long it stays after its
    last one. `stages` are the later stages of sleep in its spec, and `sleep` what is known of the rest of its environment if
    it leads one that sleeps. `owner` and `blueprint` are those of its environment, and `activity` is what an activity
    service says of it. `overspent` is the budget that is used up, if its spec asks for a stop then.
    """

    machine: SleepTarget
    tracked: TrackedMachine
    policy: IdlePolicy
    now: float
    schedule: Schedule | None = None
    hold: Hold | None = None
    evidence: Evidence = field(default_factory=Evidence)
    nodes: NodeEvidence = field(default_factory=NodeEvidence)
    fault: str = ""
    unreadable: str = ""
    needed_by: tuple[str, ...] = ()
    restarts_evicted: bool = False
    resizes_at_start: bool = False
    job: WaitingJob | None = None
    wakes_for_jobs: bool = False
    keep_minutes: int = 0
    stages: Stages = field(default_factory=Stages)
    sleep: EnvironmentSleep | None = None
    owner: str = ""
    blueprint: str = ""
    activity: ServiceAnswer = field(default_factory=ServiceAnswer)
    overspent: Overspent | None = None

    @property
    def hands_off(self) -> str:
        """Why Dormouse never stops or starts this machine, or ""."""
        if self.machine.managed_by_others:
            return "Not managed by Dormouse: it belongs to a scale set or a service that starts and stops its own machines."
        if KEEP_TAG in self.machine.tags and self.machine.tags[KEEP_TAG].strip().lower() not in OFF:
            return f"Not managed by Dormouse: it is excluded by its tag {KEEP_TAG}."
        return ""

    @property
    def hibernates(self) -> bool:
        """Whether a stop hibernates the machine, which must be running, instead of deallocating it.

        After several failed hibernations, a machine whose policy has that fallback is deallocated.
        """
        policy, machine = self.policy, self.machine
        if policy.action is not Action.HIBERNATE or not machine.can_hibernate or machine.state is not State.RUNNING:
            return False
        return policy.hibernate_fallback == "keep" or self.tracked.hibernation_failures < HIBERNATION_TRIES

    @property
    def clock(self) -> datetime:
        """The present moment."""
        return datetime.fromtimestamp(self.now, UTC)


def with_tracked(case: Evaluation, tracked: TrackedMachine) -> Evaluation:
    """The evaluation with another tracked state; the same evaluation if that has not changed."""
    return case if tracked is case.tracked else replace(case, tracked=tracked)


def tracks(case: Evaluation) -> Iterator[tuple[Signal, TimeSeries]]:
    """Every signal that was reported for a machine, the most convincing first."""
    inside = case.evidence.inside or {}
    for signals, series in ((INSIDE, inside), (HOST, case.evidence.host)):
        for signal in signals:
            if signal.name in series:
                yield signal, series[signal.name]


def numbers(case: Evaluation) -> dict[str, float]:
    """The peak of every known signal: the higher one of the agent's and Azure Monitor's."""
    peaks: dict[str, float] = {}
    for signal, track in tracks(case):
        peak = track.peak
        if peak is not None:
            peaks[signal.name] = round(max(peak, peaks.get(signal.name, 0.0)), 1)
    return peaks


def missing(case: Evaluation) -> list[str]:
    """All data that the verdict `idle` requires and that is missing, one phrase each."""
    return [*_missing_from_host(case), *_missing_from_agent(case), *_missing_from_gpu(case)]


def _missing_from_host(case: Evaluation) -> Iterator[str]:
    evidence = case.evidence
    if evidence.host_problem:
        yield evidence.host_problem
    elif case.now - evidence.host_end > STALE:
        yield "Azure Monitor has returned no data for more than 10 minutes"
    else:
        gaps = [gap_of(evidence.host.get(signal.name), case) for signal in HOST]
        if any(gaps):
            yield f"Azure Monitor has no data for {max(gaps)} of {case.policy.window} minutes"


def _missing_from_agent(case: Evaluation) -> Iterator[str]:
    evidence = case.evidence
    if evidence.inside is None:
        if case.policy.agent == "required":
            yield "its policy requires an agent, but no agent has reported"
        return
    if case.now - evidence.heard_at > STALE:
        yield f"its agent last reported {minutes_text(case.now - evidence.heard_at)} ago"
        return
    needed = [signal for signal in INSIDE if signal.limit(case.policy) is not None and signal.name not in GPU]
    gaps = {signal: gap for signal in needed if (gap := gap_of(evidence.inside.get(signal.name), case))}
    if not gaps:
        return
    # Of those missing for longest, one with an explanation comes first.
    worst = max(gaps, key=lambda signal: (gaps[signal], signal.name in evidence.problems))
    why = evidence.problems.get(worst.name, "")
    if not why and len(gaps) == len(needed):
        yield f"its agent reported no data for {gaps[worst]} of {case.policy.window} minutes"
    else:
        lacking = f"{gaps[worst]} of {case.policy.window} minutes"
        yield f"its agent could not observe {worst.subject} for {lacking}{_explanation(why)}"


def _missing_from_gpu(case: Evaluation) -> Iterator[str]:
    evidence = case.evidence
    # Generic images include nvidia-smi: that it fails means nothing on a size without a GPU.
    if case.policy.gpu == "optional" or not (case.machine.has_gpu or evidence.gpu == "ok"):
        return
    if evidence.inside is None:
        yield "no agent reports its GPU usage"
        return
    gaps = {name: gap for name in sorted(GPU) if (gap := gap_of(evidence.inside.get(name), case))}
    if gaps:
        worst = max(gaps, key=lambda name: (gaps[name], name in evidence.problems))
        broken = "" if evidence.gpu == "ok" else evidence.gpu_problem or "nvidia-smi finds no GPU"
        why = evidence.problems.get(worst, "") or broken
        yield f"its GPU usage is unknown for {gaps[worst]} of {case.policy.window} minutes{_explanation(why)}"


def _explanation(why: str) -> str:
    return f" ({why.rstrip('.')})" if why else ""


def gap_of(track: TimeSeries | None, case: Evaluation) -> int:
    """How many minutes of the window are missing; a series that is shorter than the window lacks its beginning."""
    if track is None:
        return case.policy.window
    return track.missing + max(case.policy.window - len(track.window), 0)
