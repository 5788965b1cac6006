"""Operations as callers see them: progress, outcome, and without the names of secrets for those who may not see them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeAlias

from dormouse import serialization
from dormouse.access.roles import Caller, may_act
from dormouse.clock import DAY, parse_moment
from dormouse.environments.operations import OperationRecord, ResourceProgress
from dormouse.environments.results import Check, HealthCheckResult, Outcome, OutcomeStatus, Refusal, RefusalReason
from dormouse.records.operation_rows import UnreadableOperation
from dormouse.resources.graph import critical_path
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import DurableClient
from dormouse.services.locks import LOST
from dormouse.services.views.placements import AttemptView
from dormouse.services.views.quota import QuotaView
from dormouse.services.views.schema import NOON, ONE, OPERATION, Moment, moment_of, schema
from dormouse.text.doc import doc

Unknown: TypeAlias = Literal["unknown"]
UNKNOWN: Unknown = "unknown"

# https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
ArmStatus: TypeAlias = Literal["InProgress", "Succeeded", "Failed", "Canceled"]

# The names of passwords in the key vault: an environment's name and a ULID.
SECRET, HIDDEN = re.compile(r"\bdormouse-[a-z0-9-]+-[0-9a-z]{26}\b"), "(hidden)"


@schema("Step")
@dataclass(frozen=True, slots=True)
class StepView:
    """One step of an operation: a resource of the plan, or a phase such as `preflight` or `health`."""

    name: Annotated[str, doc("The name of the resource or phase.", "vm")]
    state: Annotated[str, doc("Its state: `waiting`, `running`, `done`, `unchanged`, `refused` …", "done")]
    needs: Annotated[tuple[str, ...], doc("The steps that must be done before this one starts.", ["nic", "password"])]
    began_seconds: Annotated[
        float | None, doc("When it began, in seconds from the start of the operation; null before that.", 12.0)
    ]
    ended_seconds: Annotated[
        float | None, doc("When it ended, in seconds from the start of the operation; null before that.", 95.5)
    ]
    duration_seconds: Annotated[float | None, doc("How long it took; null until it has ended.", 83.5)]


@schema("Refusal")
@dataclass(frozen=True, slots=True)
class RefusalView:
    """A rejection by Azure; sending the same request again changes nothing."""

    reason: Annotated[RefusalReason, doc("The kind of rejection.", "quota_exceeded")]
    detail: Annotated[str, doc("What was said.", "Operation could not be completed as it exceeds the approved quota.")]
    code: Annotated[str | None, doc("Azure's error code; null if there is none.", "QuotaExceeded")]
    step: Annotated[str | None, doc("The step that was rejected; null if it was no single one.", "vm")]
    azure: Annotated[bool, doc("Whether `detail` quotes Azure.", True)]
    advice: Annotated[str, doc("What it means and what to do.", "The subscription's quota does not suffice.")]
    quota: Annotated[QuotaView | None, doc("The numbers of the quota that does not suffice; null for others.", None)]

    @classmethod
    def of(cls, refusal: Refusal) -> RefusalView:
        """A refusal as callers see it."""
        code, step = refusal.code or None, refusal.step or None
        quota = QuotaView.of(refusal.quota)
        return cls(refusal.reason, refusal.detail, code, step, refusal.azure, refusal.remedy, quota)


@schema("HealthCheck")
@dataclass(frozen=True, slots=True)
class HealthCheckView:
    """The result of one health check inside a machine."""

    name: Annotated[str, doc("The name of the check.", "gpu")]
    result: Annotated[Check, doc("The result.", "passed")]
    detail: Annotated[str | None, doc("What the check reported; null if nothing.", "NVIDIA A10-4Q, driver 570.133.20")]

    @classmethod
    def of(cls, check: HealthCheckResult) -> HealthCheckView:
        """A result as callers see it."""
        return cls(check.name, check.result, check.detail or None)


@schema("Operation")
@dataclass(frozen=True, slots=True)
class OperationView:
    """An operation: who requested what, its progress, and its outcome.

    `step_counts` counts all steps by state; `steps` lists only some of them while very many are running. If this release
    cannot read the operation's record, `outcome` and `verb` are `unknown`.
    """

    id: Annotated[str, doc("The ID.", OPERATION)]
    environment: Annotated[str | None, doc("The environment or machine that it changes; null if unknown.", "ml1")]
    verb: Annotated[str, doc("What it does: `provision`, `start`, `stop`, `hibernate`, `delete`, `adopt` …", "stop")]
    requested_by: Annotated[str | None, doc("The user, key or timer that requested it; null if unknown.", "alice")]
    channel: Annotated[
        str | None, doc("How it was requested: `token`, `function-key`, `slack` …; null if unknown.", "token")
    ]
    status: Annotated[ArmStatus, doc("The status as Azure Resource Manager words it, for generic clients.", "Succeeded")]
    outcome: Annotated[OutcomeStatus | Unknown | None, doc("How it ended; null while it runs.", "succeeded")]
    reason: Annotated[str | None, doc("The outcome in sentences; null while it runs.", "ml1 is deallocated.")]
    accepted_at: Annotated[Moment | None, doc("When it was accepted; null if unknown.", NOON)]
    began_at: Annotated[Moment | None, doc("When it began; null before that.", NOON)]
    ended_at: Annotated[Moment | None, doc("When it ended; null while it runs.", ONE)]
    steps: Annotated[tuple[StepView, ...], doc("Its steps: the resources of the plan, and phases.", [])]
    step_counts: Annotated[dict[str, int], doc("How many steps are in each state.", {"done": 12, "running": 1})]
    makespan_seconds: Annotated[float, doc("From its start to the end of the last step that has ended.", 312.4)]
    critical_path_seconds: Annotated[float, doc("The longest chain of steps that need each other.", 301.9)]
    refusals: Annotated[tuple[RefusalView, ...], doc("What Azure rejected.", [])] = ()
    health_checks: Annotated[tuple[HealthCheckView, ...], doc("What the checks inside the machine found.", [])] = ()
    leftovers: Annotated[tuple[str, ...], doc("The IDs of resources that could not be deleted and may cost money.", [])] = ()
    unverified: Annotated[str | None, doc("Why it is not known whether something is left; null if it is.", None)] = None
    attempts: Annotated[tuple[AttemptView, ...], doc("Where Azure had no capacity before it ended like this.", [])] = ()


@schema("OperationList")
@dataclass(frozen=True, slots=True)
class OperationList:
    """One page of operations, newest first unless asked otherwise."""

    value: Annotated[tuple[OperationView, ...], doc("The operations on this page.", [])]
    next: Annotated[
        str | None, doc("The URL of the next page; null on the last page.", "/api/operations?limit=50&after=MTAx")
    ]
    problems: Annotated[tuple[str, ...], doc("What could not be read, and why.", [])]
    total: Annotated[int | None, doc("How many match, on all pages; null if there are too many to count.", 12)]


@schema("CancelPreview")
@dataclass(frozen=True, slots=True)
class CancelPreview:
    """Which operation or sweep would be cancelled, or ended by force."""

    operation: Annotated[str, doc("The ID of the operation or sweep.", OPERATION)]
    environment: Annotated[str | None, doc("The environment that it changes; null for a sweep.", "ml1")]
    verb: Annotated[str, doc("What it does.", "provision")]
    force: Annotated[bool, doc("Whether it would be ended as it stands, without a rollback.", False)]


async def redacted_for(caller: Caller, view: OperationView, dependencies: Dependencies) -> OperationView:
    """An operation without the names of passwords, for a caller who may not see where the password is."""
    texts = (view.reason or "", *view.leftovers, *(refusal.detail for refusal in view.refusals))
    if not any(map(SECRET.search, texts)):
        return view
    known = await dependencies.records.environment(view.environment or "")
    if may_act(caller, known.owner_id if known else ""):
        return view
    return replace(
        view,
        reason=SECRET.sub(HIDDEN, view.reason) if view.reason else None,
        leftovers=tuple(SECRET.sub(HIDDEN, leftover) for leftover in view.leftovers),
        refusals=tuple(replace(refusal, detail=SECRET.sub(HIDDEN, refusal.detail)) for refusal in view.refusals),
    )


def recorded_operation(record: OperationRecord | UnreadableOperation) -> OperationView:
    """An operation from its record alone: one that has ended, or as lists show it."""
    if isinstance(record, UnreadableOperation):
        return unreadable_operation_view(record)
    return _view(record, record.outcome, record.steps)


def unreadable_operation_view(known: UnreadableOperation) -> OperationView:
    """An operation whose record this release cannot read; a newer release may, so generic clients go on polling."""
    return OperationView(
        id=known.id,
        environment=known.environment or None,
        verb=UNKNOWN,
        requested_by=None,
        channel=None,
        status="InProgress",
        outcome=UNKNOWN,
        reason=known.reason,
        accepted_at=None,
        began_at=None,
        ended_at=None,
        steps=(),
        step_counts={},
        makespan_seconds=0.0,
        critical_path_seconds=0.0,
    )


async def running_operation_view(record: OperationRecord, client: DurableClient, now: float) -> OperationView:
    """A running operation: its record, and the progress that its orchestration publishes."""
    status = await client.status(record.instance_id or record.id)
    published = status.published if status else {}
    steps = tuple(serialization.decode(ResourceProgress, step) for step in published.get("steps", []))
    # An orchestration begins within minutes of being accepted: one without a history has been purged.
    purged = status is None and now - parse_moment(record.accepted_at) > DAY
    if purged or (status and status.ended):
        return _view(record, Outcome(OutcomeStatus.LOST, LOST), steps)
    began_at = str(published.get("began_at", ""))
    return _view(replace(record, began_at=began_at), None, steps, published.get("counted") or {})


def arm_status(outcome: OutcomeStatus | None) -> ArmStatus:
    """An outcome in the words of Azure Resource Manager; None while the operation runs."""
    match outcome:
        case None:
            return "InProgress"
        case OutcomeStatus.SUCCEEDED:
            return "Succeeded"
        case OutcomeStatus.CANCELLED:
            return "Canceled"
    return "Failed"


def _view(
    record: OperationRecord,
    outcome: Outcome | None,
    steps: Sequence[ResourceProgress],
    counts: Mapping[str, int] | None = None,
) -> OperationView:
    """An operation with these steps; `counts` count all of them where `steps` are only some."""
    known = {step.name for step in steps}
    linked = [ResourceProgress(s.name, s.state, tuple(n for n in s.needs if n in known), s.began, s.ended) for s in steps]
    return OperationView(
        id=record.id,
        environment=record.environment,
        verb=record.verb,
        requested_by=record.by or None,
        channel=record.channel or None,
        status=arm_status(outcome.status if outcome else None),
        outcome=outcome.status if outcome else None,
        reason=outcome.reason if outcome else None,
        accepted_at=moment_of(record.accepted_at),
        began_at=moment_of(record.began_at),
        ended_at=moment_of(record.ended_at),
        steps=tuple(map(_step, steps)),
        step_counts=dict(counts or sorted(Counter(step.state for step in steps).items())),
        makespan_seconds=max((step.ended or 0.0 for step in steps), default=0.0),
        critical_path_seconds=round(critical_path(linked, {step.name: step.seconds for step in steps}), 1),
        refusals=tuple(map(RefusalView.of, outcome.refusals)) if outcome else (),
        health_checks=tuple(map(HealthCheckView.of, outcome.health_checks)) if outcome else (),
        leftovers=outcome.leftovers if outcome else (),
        unverified=(outcome and outcome.unverified) or None,
        attempts=tuple(map(AttemptView.of, outcome.attempts)) if outcome else (),
    )


def _step(step: ResourceProgress) -> StepView:
    duration = None if step.ended is None or step.began is None else round(step.seconds, 1)
    return StepView(step.name, step.state, step.needs, step.began, step.ended, duration)
