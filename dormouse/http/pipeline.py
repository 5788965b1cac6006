"""The pipeline of every HTTP request: authenticate, check permission, validate, count, and run a command once per key."""

import azure.functions as func

from dormouse.access.roles import require_permission
from dormouse.errors import ControlPlaneError
from dormouse.http.authentication import authenticate
from dormouse.http.idempotency import run_once
from dormouse.http.problems import path_of, problem_of
from dormouse.http.responses import api_url_of
from dormouse.http.route import Route
from dormouse.services.admission import count_request
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import DurableClient


async def handle(
    route: Route, req: func.HttpRequest, client: DurableClient, dependencies: Dependencies
) -> func.HttpResponse:
    """The response of a route to a request; what the request is refused for is a problem, with absolute URLs."""
    try:
        return await _handle(route, req, client, dependencies)
    except ControlPlaneError as error:
        return problem_of(error, path_of(req), api_url_of(req, dependencies))


async def _handle(
    route: Route, req: func.HttpRequest, client: DurableClient, dependencies: Dependencies
) -> func.HttpResponse:
    caller = await authenticate(req, route.use_case.permission, dependencies)
    require_permission(caller, route.use_case.permission)
    route.require_readable(req)
    count_request(route.use_case, caller, dependencies)
    context = Context(client, dependencies, caller)
    if not route.is_command:
        return await route.handler(req, context)
    return await run_once(req, context, lambda keyed: route.handler(req, keyed), dry_runs=route.contract.dry_run_is_watched)
