"""Routes about operations: one with its steps, or the trail of many."""

from http import HTTPStatus

import azure.functions as func

from dormouse.access.roles import Caller, require_admin, require_own
from dormouse.environments.operations import Cancellation, OperationRecord
from dormouse.environments.results import OutcomeStatus
from dormouse.errors import CommandNotPossible, OperationNotFound, SweepNotFound, UnreadableRecord
from dormouse.http.parameters import AFTER, DRY_RUN, ENVIRONMENT, FORCE, LIMIT, SINCE
from dormouse.http.responses import Accepted, accepted, answer, page
from dormouse.ids import is_sweep_id
from dormouse.records.environments import UnreadableOperation
from dormouse.services.cancellation import cancel, end_by_force, end_sweep
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import Client, status_of
from dormouse.services.views.operations import (
    CancelPreview,
    ended_operation,
    listed_operation,
    redacted_for,
    running_operation_view,
    unreadable_operation_view,
)


async def get_operation(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """One operation with its steps, as it stands now."""
    try:
        record = await _known(req.route_params["id"], dependencies)
    except UnreadableRecord as error:
        return answer(unreadable_operation_view(UnreadableOperation(req.route_params["id"], "", str(error))))
    view = ended_operation(record) if record.outcome else await running_operation_view(record, client, dependencies.now())
    if view.state == OutcomeStatus.LOST:  # it may have written its outcome down and ended between the two questions
        record = await _known(record.id, dependencies)
        view = ended_operation(record) if record.outcome else view
    return answer(await redacted_for(caller, view, dependencies))


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
    views = [await redacted_for(caller, listed_operation(record), dependencies) for record in records]
    given = {"environment": environment, "since": req.params.get(SINCE.name, "")}
    query = {"limit": str(limit), **{name: value for name, value in given.items() if value}}
    return page(views, "/api/operations", after, query)


async def _known(identifier: str, dependencies: Dependencies) -> OperationRecord:
    record = await dependencies.records.operation(identifier)
    if record is None:
        raise OperationNotFound(f"There is no operation {identifier!r}.")
    return record
