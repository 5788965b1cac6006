"""Routes about operations: one with its steps, or the trail of many."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

import azure.functions as func

from dormouse import serialization
from dormouse.access.roles import Caller, may_act, require_admin, require_own
from dormouse.clock import DAY
from dormouse.environments.operations import Cancellation, OperationRecord, ResourceProgress
from dormouse.environments.results import HealthCheckResult, OutcomeStatus, Refusal
from dormouse.errors import CommandNotPossible, OperationNotFound, SweepNotFound, UnreadableRecord
from dormouse.http.parameters import AFTER, DRY_RUN, ENVIRONMENT, FORCE, LIMIT, SINCE
from dormouse.http.responses import Accepted, accepted, answer, page
from dormouse.ids import is_sweep_id
from dormouse.records.environments import UnreadableOperation
from dormouse.resources.graph import critical_path
from dormouse.services.cancellation import cancel, end_by_force, end_sweep
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import ENDED, Client, status_of
from dormouse.services.locks import LOST

UNKNOWN = "unknown"
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


async def get_operation(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """One operation with its steps, as it stands now."""
    try:
        record = await _known(req.route_params["id"], dependencies)
    except UnreadableRecord as error:
        return answer(_unreadable(UnreadableOperation(req.route_params["id"], "", str(error))))
    view = _ended(record) if record.outcome else await _under_way(record, client, dependencies.now())
    if view.state == OutcomeStatus.LOST:  # it may have written its outcome down and ended between the two questions
        record = await _known(record.id, dependencies)
        view = _ended(record) if record.outcome else view
    return answer(await _shown_to(caller, view, dependencies))


async def cancel_operation(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """Stop building and take back what was built; the operation tells when that is done. A sweep ends by force only."""
    if is_sweep_id(req.route_params["id"]):
        return await _cancel_sweep(req.route_params["id"], req, client, dependencies, caller)
    record = await _known(req.route_params["id"], dependencies)
    known = await dependencies.records.environment(record.environment)
    require_own(caller, known.owner_id if known else "")
    force = FORCE.of(req)
    if force:
        require_admin(caller, "To end an operation by force")
    if DRY_RUN.of(req):
        return answer(CancelPreview(record.id, record.environment, record.verb, force))
    if force:
        await end_by_force(client, dependencies.records, record, caller.name)
    else:
        await cancel(client, record, Cancellation(caller.name))
    return accepted(record.id)


async def _cancel_sweep(
    sweep: str, req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    require_admin(caller, "To end a sweep")
    if not FORCE.of(req):
        raise CommandNotPossible("A sweep ends by itself. With force=true it is ended, and its machines are released.")
    if not await status_of(client, sweep):
        raise SweepNotFound(f"There is no sweep {sweep!r}; those of long ago are forgotten.")
    if DRY_RUN.of(req):
        return answer(CancelPreview(sweep, "", "sweep", force=True))
    await end_sweep(client, dependencies.records, sweep, f"Ended by {caller.name}.")
    return answer(Accepted(sweep, f"/api/sweeps/{sweep}"), HTTPStatus.ACCEPTED)


async def list_operations(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """The trail, newest first: `environment` and `since` narrow it."""
    limit, environment, since = LIMIT.of(req), ENVIRONMENT.of(req), SINCE.of(req)
    records, after = await dependencies.records.operations(
        limit=limit, after=AFTER.of(req), environment=environment, since=since
    )
    views = [await _shown_to(caller, _listed(record), dependencies) for record in records]
    given = {"environment": environment, "since": req.params.get(SINCE.name, "")}
    query = {"limit": str(limit), **{name: value for name, value in given.items() if value}}
    return page(views, "/api/operations", after, query)


async def _shown_to(caller: Caller, view: OperationView, dependencies: Dependencies) -> OperationView:
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


def _listed(record: OperationRecord | UnreadableOperation) -> OperationView:
    if isinstance(record, UnreadableOperation):
        return _unreadable(record)
    return _ended(record) if record.outcome else _view(record, "running", record.steps)


def _unreadable(known: UnreadableOperation) -> OperationView:
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


async def _known(identifier: str, dependencies: Dependencies) -> OperationRecord:
    record = await dependencies.records.operation(identifier)
    if record is None:
        raise OperationNotFound(f"There is no operation {identifier!r}.")
    return record


def _ended(record: OperationRecord) -> OperationView:
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


async def _under_way(record: OperationRecord, client: Client, now: float) -> OperationView:
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
