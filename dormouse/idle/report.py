"""Reports: the result of a sweep, machine by machine and as a summary."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from dormouse.idle.budgets.overspent import Overspent
from dormouse.idle.decision import Decision, NextAction
from dormouse.idle.evidence import Evaluation
from dormouse.idle.heartbeats.signals import limits_of
from dormouse.idle.outside.reports import ActivityReport
from dormouse.idle.sources.activity import activity_of
from dormouse.idle.stages.sleep import PlannedStage
from dormouse.idle.tracking import Hold, Lease
from dormouse.idle.verdict import Verdict, VerdictKind
from dormouse.lifecycle import State
from dormouse.text.limits import LONGEST_SENTENCE, MOST_PROBLEMS, clipped, first_of


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One machine in the report: its verdict with the evidence, and the next action with its time.

    `limits` are those of its policy for the signals in `measurements`, over the last `window_minutes`. `as_of` is when it
    was evaluated; `stale` says that the last sweep did not cover it, so it may be gone. `activity` is what keeps it awake
    from outside, and `unanswered` says that its activity service gave no readable answer. `planned` is what follows for its
    environment because it sleeps on. `overspent` is the budget because of which it is stopped, and not started.
    """

    id: str
    name: str
    environment: str
    region: str
    size: str
    state: State
    verdict: VerdictKind
    reason: str
    measurements: dict[str, float]
    next_action: NextAction
    next_action_text: str
    next_action_at: float
    since: float
    hold: Hold | None
    lease: Lease | None
    hours_asleep: float
    saved_amount: float
    price_per_hour_amount: float | None
    currency: str
    as_of: str = ""
    stale: bool = False
    kind: str = "virtual_machine"
    schedule: str = ""
    limits: dict[str, float] = field(default_factory=dict)
    window_minutes: int = 0
    owner: str = ""
    blueprint: str = ""
    activity: tuple[ActivityReport, ...] = ()
    unanswered: bool = False
    planned: PlannedStage | None = None
    overspent: Overspent | None = None

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
            reason=clipped(verdict.reason, LONGEST_SENTENCE),
            measurements=verdict.numbers,
            next_action=decision.action,
            next_action_text=clipped(decision.then, LONGEST_SENTENCE),
            next_action_at=decision.at,
            since=tracked.since(verdict.kind),
            hold=case.hold,
            lease=tracked.lease,
            hours_asleep=round(tracked.hours_asleep(now), 2),
            saved_amount=round(tracked.money_saved(now), 2),
            price_per_hour_amount=tracked.shutdown.per_hour if tracked.shutdown else None,
            currency=tracked.shutdown.currency if tracked.shutdown else "USD",
            kind=machine.kind,
            schedule=tracked.schedule,
            limits=limits_of(case.policy, verdict.numbers),
            window_minutes=case.policy.window,
            owner=case.owner,
            blueprint=case.blueprint,
            activity=activity_of(case),
            unanswered=case.activity.failed,
            planned=tracked.sleep.planned,
            overspent=case.overspent,
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

    machines: Annotated[int, Field(description="How many machines are in scope.", examples=[12])] = 0
    verdicts: Annotated[
        dict[str, int], Field(description="How many machines got each verdict.", examples=[{"busy": 9, "stopped": 3}])
    ] = field(default_factory=dict)
    actions: Annotated[
        dict[str, int], Field(description="How many machines got each next action.", examples=[{"nothing": 11, "warn": 1}])
    ] = field(default_factory=dict)
    saved_amount: Annotated[
        float, Field(description="What the hours asleep would have cost, in US dollars.", examples=[7.38])
    ] = 0.0
    hours_asleep: Annotated[
        float, Field(description="How many hours the machines were stopped by sweeps, in all.", examples=[12.5])
    ] = 0.0
    problems: Annotated[
        tuple[str, ...],
        Field(
            description="What could not be seen or done, and why.", examples=[["Machine gpu7 could not be read: HTTP 503."]]
        ),
    ] = ()
    agents: Annotated[
        int, Field(description="How many agents of Azure Pipelines the machines of environments have.", examples=[2])
    ] = 0
    reported_busy: Annotated[
        int, Field(description="How many machines are busy by an activity report or an activity service.", examples=[1])
    ] = 0
    unanswered: Annotated[
        int,
        Field(
            description="Of how many machines their activity service said nothing readable, so that they keep running.",
            examples=[0],
        ),
    ] = 0

    @classmethod
    def of(cls, lines: Iterable[ReportRow], problems: Iterable[str] = ()) -> "SweepSummary":
        """The counts of some rows."""
        rows = list(lines)
        return cls(
            machines=len(rows),
            verdicts=dict(sorted(Counter(line.verdict.value for line in rows).items())),
            actions=dict(sorted(Counter(line.next_action.value for line in rows).items())),
            saved_amount=round(sum(line.saved_amount for line in rows), 2),
            hours_asleep=round(sum(line.hours_asleep for line in rows), 2),
            problems=first_of(problems, MOST_PROBLEMS),
            reported_busy=sum(bool(line.activity) for line in rows),
            unanswered=sum(line.unanswered for line in rows),
        )

    def plus(self, other: "SweepSummary") -> "SweepSummary":
        """The sums of both."""
        return SweepSummary(
            self.machines + other.machines,
            dict(sorted((Counter(self.verdicts) + Counter(other.verdicts)).items())),
            dict(sorted((Counter(self.actions) + Counter(other.actions)).items())),
            round(self.saved_amount + other.saved_amount, 2),
            round(self.hours_asleep + other.hours_asleep, 2),
            first_of((*self.problems, *other.problems), MOST_PROBLEMS),
            self.agents + other.agents,
            self.reported_busy + other.reported_busy,
            self.unanswered + other.unanswered,
        )


@dataclass(frozen=True, slots=True)
class ReportHead:
    """A sweep as a whole: its ID, its times, and the number of pages of its report.

    `blind` says that it failed, or found no machines where there were some before; `told_at` is when a notification about
    that was last sent. `agents`: there are agents for which jobs may wait, or it is not known. `unanswered_sweeps` is in how
    many sweeps in a row an activity service failed, and `unanswered_told_at` when a notification about that was last sent.
    """

    sweep: str
    dry_run: bool
    began_at: float
    ended_at: float
    pages: int
    summary: SweepSummary
    told_at: float = 0.0
    blind: bool = False
    agents: bool = True
    unanswered_sweeps: int = 0
    unanswered_told_at: float = 0.0
