"""One machine over some hours of simulated time: its agent, the answers to it, sweeps, warning and stop."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from activities.idle.evaluate import evaluated
from dormouse.clock import MINUTE
from dormouse.idle.decision import NextAction, decide
from dormouse.idle.evaluation import EvaluationRules, with_evidence
from dormouse.idle.evidence import Evaluation
from dormouse.idle.heartbeats.agent_record import AgentRecord, merge_heartbeat
from dormouse.idle.heartbeats.heartbeat import Heartbeat, Minute, SignalSummary
from dormouse.idle.heartbeats.intervals import SWEEP_SECONDS, next_heartbeat
from dormouse.idle.heartbeats.signals import INSIDE
from dormouse.idle.heartbeats.slots import Slots
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.tracking import ActionReason, PendingWarning, TrackedMachine
from dormouse.idle.verdict import VerdictKind, evaluate
from tests.unit.builders import IDENTIFIER, LONG_AGO, NOW, case, quiet, remembered

BEGIN = NOW // SWEEP_SECONDS * SWEEP_SECONDS
LOST_AFTER, BACK_OFF = 20.0, (15.0, 22.5)  # of a heartbeat without an answer, and of an agent that tries again
SHOWN_AT_ONCE = 10.0


@dataclass
class Timeline:
    """`used` says whether a moment is one of use; `lost` which heartbeats get no answer; `at_once`: today's agent.

    `others`: of how many other agents a process answers heartbeats before each of this one.
    """

    seed: int
    used: Callable[[float], bool]
    policy: IdlePolicy = field(default_factory=IdlePolicy)
    usual: int = 300
    lost: frozenset[int] = frozenset()
    at_once: bool = True
    webhook: bool = False
    others: int = 0
    beats: list[float] = field(default_factory=list)
    found_at: float = 0.0
    warned_at: float = 0.0
    shown_at: float = 0.0
    stopped_at: float = 0.0
    verdicts: list[tuple[float, VerdictKind]] = field(default_factory=list)
    tracked: TrackedMachine = field(default_factory=remembered)
    record: AgentRecord | None = None

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._phase = self._random.uniform(0, MINUTE)  # of the agent's minutes
        self._key = f"key-{self.seed}"
        self._told = -1
        self._slots = Slots()
        self._to_report: list[str] = []

    def run(self, minutes: float) -> "Timeline":
        """Let so many minutes pass, or until the machine is stopped."""
        end, round_of_sweep = BEGIN + minutes * MINUTE, BEGIN - 4 * SWEEP_SECONDS
        beat, sweep = BEGIN - 1800 + self._random.uniform(0, 300), round_of_sweep
        while min(beat, sweep) < end and not self.stopped_at:
            if beat <= sweep:
                beat += self._beat(beat)
            else:
                self._sweep(sweep)
                round_of_sweep += SWEEP_SECONDS
                sweep = round_of_sweep + self._random.uniform(0.5, 20.0)
        return self

    def _beat(self, now: float) -> float:
        """One heartbeat, and the seconds until the next."""
        self.beats.append(now)
        if len(self.beats) in self.lost:
            return LOST_AFTER + self._random.uniform(*BACK_OFF)
        origin = BEGIN - 4 * 3600 + self._phase
        finished = int((now - origin) // MINUTE)
        minutes = [self._minute(number, origin, now) for number in range(max(self._told + 1, finished - 360), finished)]
        reported, self._told = tuple(self._to_report), finished - 1
        about = Heartbeat(version=1, machine=IDENTIFIER, boot="0" * 32, uptime_seconds=now - LONG_AGO, gpu="ok")
        body = about.model_copy(update={"shown": reported, "minutes": tuple(minutes)})
        self.record = merge_heartbeat(self.record, body, now)
        self._to_report = []
        for _ in range(self.others):
            self._slots.quick.seconds(now, 60)
            self._slots.calm.seconds(now, self.usual)
        pause = float(next_heartbeat(self._key, self.record, self.tracked, now, self.usual, self._slots))
        if self.tracked.warning and not self.shown_at:
            self.shown_at = now
            self._to_report = [self.tracked.warning.id]
            return SHOWN_AT_ONCE if self.at_once else pause
        return pause

    def _minute(self, number: int, origin: float, now: float) -> Minute:
        began = origin + number * MINUTE
        value = float(any(self.used(began + second) for second in range(60)))
        signals = {signal.name: SignalSummary(max=0.0, p95=0.0) for signal in INSIDE}
        signals["logins"] = signals["terminals_active"] = SignalSummary(max=value, p95=value)
        return Minute(sequence=number, age_seconds=now - began - MINUTE, signals=signals)

    def _case(self, now: float) -> Evaluation:
        seen = case(policy=self.policy, tracked=self.tracked, now=now)
        outside = replace(quiet(self.policy.window), inside=None, host_end=now)
        return with_evidence(seen, outside, self.record, EvaluationRules(self.policy))

    def _sweep(self, now: float) -> None:
        one = evaluated(self._case(now))
        self.tracked = one.case.tracked
        self.verdicts.append((now, one.verdict.kind))
        if one.verdict.kind is VerdictKind.IDLE and not self.found_at:
            self.found_at = now
        if one.decision.action is NextAction.WARN:
            self.warned_at = self.warned_at or now
            delivered = now if self.webhook else 0.0
            known = self.tracked.warning
            warned = PendingWarning("w", ActionReason.IDLE, "", known.given_at if known else now, one.decision.at, delivered)
            self.tracked = replace(self.tracked, warning=warned)
        if one.decision.action is NextAction.STOP:
            later = self._case(now + self._random.uniform(1, 40))  # the recheck
            if decide(later, evaluate(later)).action is NextAction.STOP:
                self.stopped_at = later.now
