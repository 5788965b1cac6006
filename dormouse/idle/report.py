"""Reports: the result of a sweep, machine by machine and as a summary."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from dormouse.idle.decision import Decision, NextAction
from dormouse.idle.evidence import Evaluation
from dormouse.idle.tracking import Hold, Lease
from dormouse.idle.verdict import Verdict, VerdictKind
from dormouse.lifecycle import State
from dormouse.text.limits import LONGEST_SENTENCE, MOST_PROBLEMS, clipped, first_of


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One machine in the report: its verdict with the evidence, and the next action with its time.

    `as_of` is when it was evaluated; `stale` says that the last sweep did not cover it, so it may be gone.
    """

    id: str
    name: str
    environment: str
    region: str
    size: str
    state: State
    verdict: VerdictKind
    sentence: str
    numbers: dict[str, float]
    step: NextAction
    then: str
    at: float
    since: float
    hold: Hold | None
    lease: Lease | None
    hours_asleep: float
    saved: float
    per_hour: float
    currency: str
    as_of: str = ""
    stale: bool = False

    @classmethod
    def of(cls, case: Evaluation, verdict: Verdict, decision: Decision) -> "ReportRow":
        """The row of a machine."""
        machine, tracked, now = case.machine, case.tracked, case.now
        return cls(
            id=machine.id,
            name=machine.name,
            environment=machine.environment,
            region=machine.region,
            size=machine.size,
            state=machine.state,
            verdict=verdict.kind,
            sentence=clipped(verdict.reason, LONGEST_SENTENCE),
            numbers=verdict.numbers,
            step=decision.action,
            then=clipped(decision.then, LONGEST_SENTENCE),
            at=decision.at,
            since=tracked.since(verdict.kind),
            hold=case.hold,
            lease=tracked.lease,
            hours_asleep=round(tracked.hours_asleep(now), 2),
            saved=round(tracked.money_saved(now), 2),
            per_hour=tracked.shutdown.per_hour if tracked.shutdown else 0.0,
            currency=tracked.shutdown.currency if tracked.shutdown else "USD",
        )


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Up to a thousand rows, and when they were evaluated (seconds since 1970)."""

    number: int
    sweep: str
    judged_at: float
    rows: tuple[ReportRow, ...]


@dataclass(frozen=True, slots=True)
class SweepSummary:
    """The counts of a sweep; `problems` says what could not be read or done."""

    machines: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    saved: float = 0.0
    hours_asleep: float = 0.0
    problems: tuple[str, ...] = ()

    @classmethod
    def of(cls, lines: Iterable[ReportRow], problems: Iterable[str] = ()) -> "SweepSummary":
        """The counts of some rows."""
        rows = list(lines)
        return cls(
            machines=len(rows),
            verdicts=dict(sorted(Counter(line.verdict.value for line in rows).items())),
            steps=dict(sorted(Counter(line.step.value for line in rows).items())),
            saved=round(sum(line.saved for line in rows), 2),
            hours_asleep=round(sum(line.hours_asleep for line in rows), 2),
            problems=first_of(problems, MOST_PROBLEMS),
        )

    def plus(self, other: "SweepSummary") -> "SweepSummary":
        """The sums of both."""
        return SweepSummary(
            self.machines + other.machines,
            dict(sorted((Counter(self.verdicts) + Counter(other.verdicts)).items())),
            dict(sorted((Counter(self.steps) + Counter(other.steps)).items())),
            round(self.saved + other.saved, 2),
            round(self.hours_asleep + other.hours_asleep, 2),
            first_of((*self.problems, *other.problems), MOST_PROBLEMS),
        )


@dataclass(frozen=True, slots=True)
class ReportHead:
    """A sweep as a whole: its ID, its times, and the number of pages of its report.

    `blind` says that it failed, or found no machines where there were some before; `told_at` is when a notification about
    that was last sent.
    """

    sweep: str
    dry_run: bool
    began_at: float
    ended_at: float
    pages: int
    summary: SweepSummary
    told_at: float = 0.0
    blind: bool = False
