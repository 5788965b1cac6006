"""Machines as callers see them: verdicts with evidence, holds, leases, and previews of adoption."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from dormouse.clock import rfc3339
from dormouse.idle import tracking
from dormouse.idle.decision import NextAction
from dormouse.idle.report import ReportRow, SweepSummary
from dormouse.idle.stages.sleep import PlannedStage
from dormouse.idle.tracking import LeaseAction
from dormouse.idle.verdict import VerdictKind
from dormouse.lifecycle import State, Verb
from dormouse.services.views.rights import MAY
from dormouse.services.views.schema import ACTIVITY, HOLD, LEASE, MACHINE, NOON, ONE, SWEEP, Moment, moment, schema
from dormouse.services.views.upcoming import NEXT, UpcomingStep
from dormouse.text.doc import doc


@schema("Hold")
@dataclass(frozen=True, slots=True)
class CurrentHold:
    """A hold keeps a machine running until a moment, and ends by itself."""

    by: Annotated[str, doc("The user who set it.", "alice")]
    reason: Annotated[str | None, doc("Why; null if no reason was given.", "a long run")]
    since: Annotated[Moment, doc("When it was set.", NOON)]
    until: Annotated[Moment, doc("When it ends.", ONE)]

    @classmethod
    def of(cls, hold: tracking.Hold | None) -> CurrentHold | None:
        """A hold on record as callers see it."""
        if hold is None:
            return None
        return cls(hold.by, hold.reason or None, rfc3339(hold.since), rfc3339(hold.until))


@schema("Lease")
@dataclass(frozen=True, slots=True)
class CurrentLease:
    """A lease stops or deletes a machine at a moment unless it is renewed."""

    until: Annotated[Moment, doc("When it ends.", ONE)]
    then: Annotated[LeaseAction, doc("What is done with the machine then.", "stop")]
    by: Annotated[str, doc("The user who set it.", "alice")]
    since: Annotated[Moment | None, doc("When it was set; null if that was not recorded.", NOON)]

    @classmethod
    def of(cls, lease: tracking.Lease | None) -> CurrentLease | None:
        """A lease on record as callers see it."""
        if lease is None:
            return None
        return cls(rfc3339(lease.until), lease.then, lease.by, moment(lease.since))


@schema("PlannedStage")
@dataclass(frozen=True, slots=True)
class PlannedStageView:
    """What sweeps will do with an environment because it sleeps on, or why they do not."""

    then: Annotated[Literal["stop", "delete"], doc("What would be done with the whole environment.", "stop")]
    at: Annotated[Moment | None, doc("When, as long as nothing happens; null if it is not planned for now.", ONE)]
    text: Annotated[str, doc("The same as a sentence, with what prevents it.", "It will be stopped at 12:00 UTC.")]

    @classmethod
    def of(cls, planned: PlannedStage | None) -> PlannedStageView | None:
        """A planned stage as callers see it."""
        return cls("delete" if planned.then == "delete" else "stop", moment(planned.at), planned.text) if planned else None


@schema("ReportedActivity")
@dataclass(frozen=True, slots=True)
class ReportedActivity:
    """A statement from outside that a machine is busy until a moment."""

    by: Annotated[str, doc("The reporter, or the activity service that was asked.", "slurm")]
    until: Annotated[Moment, doc("Until when the machine is busy.", ONE)]
    reason: Annotated[str | None, doc("Why; null if no reason was given.", "nightly training")]
    since: Annotated[Moment, doc("When this was last said.", NOON)]


@schema("Machine")
@dataclass(frozen=True, slots=True)
class MachineView:
    """A machine in scope: its verdict with the evidence, and what the sweep will do with it, and when."""

    id: Annotated[str, doc("The Azure resource ID.", MACHINE)]
    kind: Annotated[
        str, doc("What it is: `virtual_machine`, `ml_cluster` of Azure ML, or `node_pool` of AKS.", "virtual_machine")
    ]
    name: Annotated[str, doc("The name of the machine; of a cluster `workspace/cluster`.", "gpu1")]
    environment: Annotated[str | None, doc("The environment that it belongs to; null for an adopted machine.", "ml1")]
    owner: Annotated[str | None, doc("The owner of its environment; null for an adopted machine.", "alice")]
    blueprint: Annotated[str | None, doc("The blueprint of its environment; null for an adopted machine.", "workstation")]
    region: Annotated[str, doc("The Azure region.", "polandcentral")]
    size: Annotated[str, doc("The VM size.", "Standard_NV6ads_A10_v5")]
    state: Annotated[State, doc("Its state when it was judged.", "running")]
    verdict: Annotated[VerdictKind, doc("What follows from the evidence.", "idle")]
    reason: Annotated[str, doc("Why the verdict is this one.", "GPU at most 0 % for 30 minutes.")]
    measurements: Annotated[
        dict[str, float], doc("The highest value of each signal in the window, by signal.", {"gpu_percent": 0.0})
    ]
    next_action: Annotated[NextAction | None, doc("What the sweep does with it next; null if nothing.", "warn")]
    next_action_at: Annotated[Moment | None, doc("When that is planned; null if nothing is planned for a moment.", ONE)]
    next_action_text: Annotated[str | None, doc("The next action in a sentence; null if there is none.", "It is warned.")]
    since: Annotated[Moment | None, doc("Since when the verdict has been this one; null if that is not known.", NOON)]
    hold: Annotated[CurrentHold | None, doc("The hold that keeps it running; null if there is none.", HOLD)]
    lease: Annotated[CurrentLease | None, doc("When it will be stopped or deleted; null if there is no lease.", LEASE)]
    hours_asleep: Annotated[float, doc("How many hours it was stopped by sweeps, in all.", 12.5)]
    saved_amount: Annotated[float, doc("What these hours would have cost, in `currency`.", 7.38)]
    price_per_hour_amount: Annotated[
        float | None, doc("What the machine would cost per hour, while a sweep has stopped it; else null.", 0.59)
    ]
    currency: Annotated[str, doc("The ISO 4217 code of the currency of both amounts.", "USD")]
    as_of: Annotated[Moment | None, doc("When it was judged.", NOON)]
    stale: Annotated[bool, doc("Whether the last sweep did not see it, so that it may be gone.", False)]
    activity: Annotated[
        tuple[ReportedActivity, ...], doc("What keeps it awake from outside, the longest first.", [ACTIVITY])
    ]
    unanswered: Annotated[bool, doc("Whether its activity service gave no readable answer: it keeps running.", False)] = (
        False
    )
    next: Annotated[tuple[UpcomingStep, ...], NEXT] = ()
    may: Annotated[tuple[str, ...], MAY] = ()
    schedule: Annotated[str | None, doc("The weekly hours in which it runs; null if none are set.", None)] = None
    limits: Annotated[
        dict[str, float], doc("The limits of its policy by signal: one that is reached means use.", {"gpu_percent": 5.0})
    ] = field(default_factory=dict)
    window_minutes: Annotated[
        int | None, doc("The number of minutes in which every signal must stay below its limit; null if unknown.", 30)
    ] = None

    @classmethod
    def of(cls, row: ReportRow, steps: tuple[UpcomingStep, ...] = (), may: tuple[str, ...] = ()) -> MachineView:
        """A row of the report as callers see it, with what happens next and what the caller may do."""
        return cls(
            id=row.id,
            kind=row.kind,
            name=row.name,
            environment=row.environment or None,
            owner=row.owner or None,
            blueprint=row.blueprint or None,
            region=row.region,
            size=row.size,
            state=row.state,
            verdict=row.verdict,
            reason=row.reason,
            measurements=row.measurements,
            next_action=None if row.next_action is NextAction.NOTHING else row.next_action,
            next_action_at=moment(row.next_action_at),
            next_action_text=row.next_action_text or None,
            since=moment(row.since),
            hold=CurrentHold.of(row.hold),
            lease=CurrentLease.of(row.lease),
            hours_asleep=row.hours_asleep,
            saved_amount=row.saved_amount,
            price_per_hour_amount=row.price_per_hour_amount,
            currency=row.currency,
            as_of=row.as_of or None,
            stale=row.stale,
            activity=tuple(
                ReportedActivity(one.by, rfc3339(one.until), one.reason or None, rfc3339(one.at)) for one in row.activity
            ),
            unanswered=row.unanswered,
            next=steps,
            may=may,
            schedule=row.schedule or None,
            limits=row.limits,
            window_minutes=row.window_minutes or None,
        )


@schema("MachineList")
@dataclass(frozen=True, slots=True)
class MachineList:
    """One page of the machines in scope, as the last sweep saw them."""

    value: Annotated[tuple[MachineView, ...], doc("The machines on this page.", [])]
    next: Annotated[str | None, doc("The URL of the next page; null on the last page.", "/api/machines?limit=50&after=MTUw")]
    problems: Annotated[tuple[str, ...], doc("Which machines are missing or out of date here, and why.", [])]
    as_of: Annotated[Moment | None, doc("When the last sweep ended; null before the first one.", NOON)]
    total: Annotated[int, doc("How many machines match, on all pages.", 12)]


@schema("IdleReport")
@dataclass(frozen=True, slots=True)
class IdleReport:
    """What the last sweep found.

    Unless the report is `complete`, `problems` say which machines are missing or shown as an earlier sweep saw them.
    """

    sweep: Annotated[str | None, doc("The ID of the sweep; null before the first one.", SWEEP)]
    dry_run: Annotated[bool, doc("Whether the sweep only looked.", False)]
    as_of: Annotated[Moment | None, doc("When the sweep ended; null before the first one.", NOON)]
    complete: Annotated[bool, doc("Whether the report covers every machine in scope.", True)]
    problems: Annotated[tuple[str, ...], doc("Which machines are missing or out of date here, and why.", [])]
    summary: Annotated[SweepSummary, doc("Counts and sums over all machines.", {"machines": 1, "saved_amount": 7.38})]
    value: Annotated[tuple[MachineView, ...], doc("The machines on this page.", [])]
    next: Annotated[
        str | None, doc("The URL of the next page; null on the last page.", "/api/machines/idle-report?limit=50&after=MTUw")
    ]
    total: Annotated[int, doc("How many machines match, on all pages.", 12)]


@schema("HoldResult")
@dataclass(frozen=True, slots=True)
class HoldView:
    """A machine and the hold that is on record for it now."""

    machine: Annotated[str, doc("The Azure resource ID of the machine.", MACHINE)]
    hold: Annotated[CurrentHold | None, doc("The hold; null if there is none.", HOLD)]
    kept: Annotated[
        Literal["longer"] | None, doc("`longer` if an earlier hold lasts longer and was kept; else null.", "longer")
    ] = None

    @classmethod
    def of(cls, machine: str, hold: tracking.Hold | None, *, kept_longer: bool = False) -> HoldView:
        """A machine and its hold as callers see them."""
        return cls(machine, CurrentHold.of(hold), "longer" if kept_longer else None)


@schema("LeaseResult")
@dataclass(frozen=True, slots=True)
class LeaseView:
    """A machine and the lease that is on record for it now."""

    machine: Annotated[str, doc("The Azure resource ID of the machine.", MACHINE)]
    lease: Annotated[CurrentLease | None, doc("The lease; null if there is none.", LEASE)]

    @classmethod
    def of(cls, machine: str, lease: tracking.Lease | None) -> LeaseView:
        """A machine and its lease as callers see them."""
        return cls(machine, CurrentLease.of(lease))


@schema("AdoptionPreview")
@dataclass(frozen=True, slots=True)
class AdoptionPreview:
    """What adopting or releasing a machine would change."""

    machine: Annotated[str, doc("The Azure resource ID of the machine.", MACHINE)]
    would: Annotated[Verb, doc("What would be done.", "adopt")]
    tags: Annotated[dict[str, str], doc("The tags that the machine would get.", {"dormouse-idle": "on"})]
    agent: Annotated[bool, doc("Whether the agent would be installed, or removed.", True)]
