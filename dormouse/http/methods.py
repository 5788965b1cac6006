"""HEAD and OPTIONS, which functions must declare: the Functions host answers 404 for any other method.

https://github.com/Azure/azure-functions-host/issues/11625
"""

import re
from functools import cache
from http import HTTPStatus

import azure.functions as func

from dormouse.http.openapi.document import IN_PATH
from dormouse.http.route import Route
from dormouse.http.routes import ROUTES

EVERY_PATH = "{*path}"
PATH = "path"


def methods_of(route: Route) -> list[str]:
    """The methods that a route's function declares: a GET route also answers HEAD; the host drops the body."""
    return ["GET", "HEAD"] if route.method == "GET" else [route.method]


async def answer_options(req: func.HttpRequest) -> func.HttpResponse:
    """The response to OPTIONS: the methods of the path in `Allow`, without authentication; 404 if no route matches."""
    allowed = _allowed(req.route_params.get(PATH, ""))
    if not allowed:
        return func.HttpResponse(status_code=HTTPStatus.NOT_FOUND)
    return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT, headers={"Allow": ", ".join([*allowed, "OPTIONS"])})


def _allowed(path: str) -> list[str]:
    """The methods of every route with this path; none if there is no such route."""
    found = [method for pattern, methods in _patterns() if pattern.fullmatch(path.strip("/")) for method in methods]
    return list(dict.fromkeys(found))


@cache
def _patterns() -> list[tuple[re.Pattern[str], list[str]]]:
    return [(_pattern(route.template), methods_of(route)) for route in ROUTES]


def _pattern(template: str) -> re.Pattern[str]:
    """A template as a pattern; like the host, it ignores case."""
    parts = ("[^/]+" if IN_PATH.fullmatch(part) else re.escape(part) for part in template.split("/"))
    return re.compile("/".join(parts), re.IGNORECASE)
