"""Operations as callers see them: progress, outcome, and without the names of secrets for those who may not see them."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dormouse import serialization
from dormouse.access.roles import Caller, may_act
from dormouse.clock import DAY
from dormouse.environments.operations import OperationRecord, ResourceProgress
from dormouse.environments.results import HealthCheckResult, OutcomeStatus, Refusal
from dormouse.records.environments import UnreadableOperation
from dormouse.resources.graph import critical_path
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import ENDED, Client, status_of
from dormouse.services.locks import LOST

UNKNOWN = "unknown"
UNDER_WAY = ("running", "pending")


# The names of passwords in the key vault: an environment's name and a ULID.
SECRET, HIDDEN = re.compile(r"\bdormouse-[a-z0-9-]+-[0-9a-z]{26}\b"), "(hidden)"


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of an operation as a caller wants to see it; times count in seconds from the operation's start."""

    name: str
    state: str
    needs: tuple[str, ...]
    began: float | None
    ended: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class OperationView:
    """An operation: who asked for what, where it stands, and what came of it.

    `step_counts` counts all steps by state; `steps` lists only some of them while very many are under way. If this release
    cannot read the operation's record, `state` and `verb` are `unknown`.
    """

    id: str
    environment: str
    verb: str
    by: str
    door: str
    state: str
    accepted_at: str
    began_at: str
    ended_at: str
    steps: tuple[StepView, ...]
    step_counts: dict[str, int]
    makespan_seconds: float
    critical_path_seconds: float
    explanation: str
    refusals: tuple[Refusal, ...] = ()
    findings: tuple[HealthCheckResult, ...] = ()
    leftovers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelPreview:
    """Which operation, or which sweep, would be cancelled, or ended by force."""

    operation: str
    environment: str
    verb: str
    force: bool


async def redacted_for(caller: Caller, view: OperationView, dependencies: Dependencies) -> OperationView:
    """An operation without the names of passwords, for a caller who is not told where the password is."""
    texts = (view.explanation, *view.leftovers, *(refusal.detail for refusal in view.refusals))
    if not any(map(SECRET.search, texts)):
        return view
    known = await dependencies.records.environment(view.environment)
    if may_act(caller, known.owner_id if known else ""):
        return view
    return replace(
        view,
        explanation=SECRET.sub(HIDDEN, view.explanation),
        leftovers=tuple(SECRET.sub(HIDDEN, leftover) for leftover in view.leftovers),
        refusals=tuple(replace(refusal, detail=SECRET.sub(HIDDEN, refusal.detail)) for refusal in view.refusals),
    )


def listed_operation(record: OperationRecord | UnreadableOperation) -> OperationView:
    """An operation as lists show it: from its record alone."""
    if isinstance(record, UnreadableOperation):
        return unreadable_operation_view(record)
    return ended_operation(record) if record.outcome else _view(record, "running", record.steps)


def unreadable_operation_view(known: UnreadableOperation) -> OperationView:
    """An operation whose record this release cannot read."""
    return OperationView(
        id=known.id,
        environment=known.environment,
        verb=UNKNOWN,
        by="",
        door="",
        state=UNKNOWN,
        accepted_at="",
        began_at="",
        ended_at="",
        steps=(),
        step_counts={},
        makespan_seconds=0.0,
        critical_path_seconds=0.0,
        explanation=known.reason,
    )


def ended_operation(record: OperationRecord) -> OperationView:
    """An operation that has ended, from its record."""
    outcome = record.outcome
    assert outcome is not None
    return _view(
        record,
        outcome.status,
        record.steps,
        explanation=outcome.reason,
        refusals=outcome.refusals,
        findings=outcome.health_checks,
        leftovers=outcome.leftovers,
    )


async def running_operation_view(record: OperationRecord, client: Client, now: float) -> OperationView:
    """A running operation: its record, and the progress that its orchestration publishes."""
    status = await status_of(client, record.instance_id or record.id)
    runtime = status.runtime_status.value if status and status.runtime_status else "Pending"
    published = status.custom_status if status and isinstance(status.custom_status, dict) else {}
    steps = tuple(serialization.decode(ResourceProgress, step) for step in published.get("steps", []))
    # An orchestration begins within minutes of being accepted: one without a history has been purged.
    purged = not status and now - datetime.fromisoformat(record.accepted_at).timestamp() > DAY
    if runtime in ENDED or purged:
        return _view(record, OutcomeStatus.LOST, steps, explanation=LOST)
    state = "pending" if runtime == "Pending" else "running"
    counted = published.get("counted") or {}
    return _view(record, state, steps, began_at=str(published.get("began_at", "")), step_counts=counted)


def _view(record: OperationRecord, state: str, steps: tuple[ResourceProgress, ...], **more: Any) -> OperationView:
    seconds = {step.name: step.seconds for step in steps}
    known = {step.name for step in steps}
    linked = [ResourceProgress(s.name, s.state, tuple(n for n in s.needs if n in known), s.began, s.ended) for s in steps]
    began_at = more.pop("began_at", record.began_at)
    counts = more.pop("step_counts", None) or dict(sorted(Counter(step.state for step in steps).items()))
    return OperationView(
        id=record.id,
        environment=record.environment,
        verb=record.verb,
        by=record.by,
        door=record.channel,
        state=state,
        accepted_at=record.accepted_at,
        began_at=began_at,
        ended_at=record.ended_at,
        steps=tuple(StepView(s.name, s.state, s.needs, s.began, s.ended, round(s.seconds, 1)) for s in steps),
        step_counts=counts,
        makespan_seconds=max((step.ended or 0.0 for step in steps), default=0.0),
        critical_path_seconds=round(critical_path(linked, seconds), 1),
        explanation=more.pop("explanation", "It is under way."),
        **more,
    )
