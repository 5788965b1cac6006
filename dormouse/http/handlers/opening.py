"""Handlers of open links: the page, which holds no data, and what it asks the API after the user has signed in."""

from urllib.parse import urlsplit

import azure.functions as func

from dormouse.http.dashboard.pages import page
from dormouse.http.parameters import DRY_RUN
from dormouse.http.responses import answer, api_url_of, respond
from dormouse.services.context import Context
from dormouse.services.opening import opening

FILES, FILES_BELOW_A_SLASH = "../dashboard", "../../dashboard"


async def get_open_page(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """The page of an open link, a page for people: the same for every name, whether or not there is such an environment."""
    files = FILES_BELOW_A_SLASH if urlsplit(req.url).path.endswith("/") else FILES
    return page(req, "open.html", files, context.dependencies)


async def get_opening(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """How far an environment is on the way to being used, what that costs, and whether the caller may start it."""
    return answer(await opening.show_opening(req.route_params["name"], context))


async def open_environment(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Start the environment for someone who came by its open link; one that runs is shown as it is."""
    begun = await opening.open_environment(req.route_params["name"], context, dry_run=DRY_RUN.of(req))
    return respond(begun, api_url_of(req, context.dependencies))
