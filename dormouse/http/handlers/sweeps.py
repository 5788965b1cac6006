"""Handlers of the routes below /sweeps."""

from http import HTTPStatus

import azure.functions as func

from dormouse.http.parameters import DRY_RUN
from dormouse.http.responses import (
    LOCATION,
    OPERATION_LOCATION,
    POLL_AGAIN_IN,
    RETRY_AFTER,
    answer,
    api_url_of,
    progress,
    sweep_url,
)
from dormouse.services.context import Context
from dormouse.services.sweeps import show_sweep, start_sweep
from dormouse.services.views.sweeps import SweepAccepted


async def post_sweep(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Run a sweep now; with `dry_run`, only evaluate, and show what would be done."""
    records, by = context.dependencies.records, context.caller.name
    identifier = await start_sweep(context.client, records, context.dependencies.now(), dry_run=DRY_RUN.of(req), by=by)
    href = sweep_url(identifier, api_url_of(req, context.dependencies))
    headers = {LOCATION: href, OPERATION_LOCATION: href, RETRY_AFTER: POLL_AGAIN_IN}
    return answer(SweepAccepted(identifier, href), HTTPStatus.ACCEPTED, **headers)


async def get_sweep(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """One sweep, as it stands now."""
    view = await show_sweep(req.route_params["id"], context.client)
    return progress(view, running=view.status == "InProgress")
