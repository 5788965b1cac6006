"""Handlers of the routes below /operations."""

from http import HTTPStatus
from typing import Any

import azure.functions as func

from dormouse.http.list_parameters import OPERATION_LIST, as_query, selection_of
from dormouse.http.parameters import AFTER, DRY_RUN, ENVIRONMENT, FORCE, LIMIT, SINCE, Parameter
from dormouse.http.responses import (
    LOCATION,
    OPERATION_LOCATION,
    POLL_AGAIN_IN,
    RETRY_AFTER,
    Accepted,
    answer,
    api_url_of,
    page,
    progress,
    respond,
    sweep_url,
)
from dormouse.ids import is_sweep_id
from dormouse.services import operation_log
from dormouse.services.context import Context
from dormouse.services.lists import operations as operation_lists
from dormouse.services.views.operations import OperationList


async def get_operation(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """One operation with its steps, as it stands now."""
    view = await operation_log.show(req.route_params["id"], context)
    return progress(view, running=view.status == "InProgress")


async def get_result(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """What came of an operation: 202 while it runs, then its environment, or the problem that ended it."""
    result = await operation_log.result_of(req.route_params["id"], context)
    return respond(result, api_url_of(req, context.dependencies))


async def list_operations(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Operations, newest first unless asked otherwise."""
    limit = LIMIT.of(req)
    asked: tuple[Parameter[Any], ...] = (ENVIRONMENT, SINCE, *OPERATION_LIST)
    found = await operation_lists.list_operations(
        limit,
        AFTER.of(req),
        context,
        environment=ENVIRONMENT.of(req),
        since=SINCE.of(req),
        selection=selection_of(req, OPERATION_LIST),
    )
    query = {"limit": str(limit), **as_query(req, asked)}
    return page(OperationList, found.views, "/api/operations", found.after, query, found.problems, total=found.total)


async def cancel_operation(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Cancel an operation and roll it back; poll the operation to learn when that is done. A sweep ends by force only."""
    identifier, force, dry_run = req.route_params["id"], FORCE.of(req), DRY_RUN.of(req)
    if not is_sweep_id(identifier):
        cancelled = await operation_log.cancel_operation(identifier, context, force=force, dry_run=dry_run)
        return respond(cancelled, api_url_of(req, context.dependencies))
    ended = await operation_log.cancel_sweep(identifier, context, force=force, dry_run=dry_run)
    if isinstance(ended, str):
        href = sweep_url(ended, api_url_of(req, context.dependencies))
        headers = {LOCATION: href, OPERATION_LOCATION: href, RETRY_AFTER: POLL_AGAIN_IN}
        return answer(Accepted(ended, href), HTTPStatus.ACCEPTED, **headers)
    return answer(ended)
