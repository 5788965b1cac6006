"""Handlers of the routes below /sweeps."""

from http import HTTPStatus

import azure.functions as func

from dormouse.errors import OperationFailed
from dormouse.http.parameters import DRY_RUN
from dormouse.http.responses import answer, api_url_of, progress, sweep_headers, sweep_url
from dormouse.services.context import Context
from dormouse.services.idle.sweeps import show_sweep, start_sweep
from dormouse.services.views.sweeps import SweepAccepted


async def post_sweep(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Run a sweep now; with `dry_run`, only evaluate, and show what would be done."""
    by = context.caller.name
    identifier = await start_sweep(context.client, context.dependencies, dry_run=DRY_RUN.of(req), by=by)
    api_url = api_url_of(req, context.dependencies)
    started = SweepAccepted(identifier, sweep_url(identifier, api_url))
    return answer(started, HTTPStatus.ACCEPTED, **sweep_headers(identifier, api_url))


async def get_sweep(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """One sweep, as it stands now."""
    view = await show_sweep(req.route_params["id"], context.client)
    return progress(view, running=view.status == "InProgress")


async def get_sweep_result(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """What came of a sweep: 202 with the sweep while it runs, then 200 with what it found, or the problem that ended it."""
    view = await show_sweep(req.route_params["id"], context.client)
    if view.status == "InProgress":
        return answer(view, HTTPStatus.ACCEPTED, **sweep_headers(view.id, api_url_of(req, context.dependencies)))
    if view.status == "Failed":
        raise OperationFailed(view.id, "The sweep ended without a result; the next sweep looks at every machine again.")
    return answer(view)
