"""Error responses: every error becomes one `application/problem+json` body (RFC 9457)."""

import functools
import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Concatenate, ParamSpec
from urllib.parse import urlsplit

import azure.functions as func
from pydantic import Field

from dormouse import serialization
from dormouse.errors import (
    CloudUnavailable,
    ConcurrentChange,
    ControlPlaneError,
    EnvironmentBusy,
    Fault,
    InvalidSpec,
    OperationFailed,
    RequestUnderWay,
    SweepUnderWay,
    TooManyRequests,
)
from dormouse.http.problem_kinds import CODE_OF, HEADERS, STATUS_OF, TITLE_OF
from dormouse.http.responses import LOCATION, PREFIX, operation_url, sweep_headers

P = ParamSpec("P")
Route = Callable[Concatenate[func.HttpRequest, P], Awaitable[func.HttpResponse]]

CONTENT_TYPE = "application/problem+json"
INTERNAL_ERROR = "internal_error"
EXAMPLE_PATH = "/api/environments/ml1"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """An error response (RFC 9457)."""

    type: Annotated[
        str,
        Field(
            description="URI of the documentation of this kind of problem.", examples=["/api/docs#the-environment-is-busy"]
        ),
    ]
    title: Annotated[
        str,
        Field(description="Short summary, the same for every problem of this kind.", examples=["The environment is busy"]),
    ]
    status: Annotated[int, Field(description="HTTP status code of the response.", examples=[409])]
    detail: Annotated[
        str,
        Field(
            description="What happened and what to change, for people; do not parse it.",
            examples=[
                "Operation ml1-stop-01JABCDEFGHJKMNPQRSTVWXYZ0 is running on environment ml1; retry after it has ended."
            ],
        ),
    ]
    code: Annotated[str, Field(description="Stable identifier of the problem, for programs.", examples=["environment_busy"])]
    instance: Annotated[
        str | None, Field(description="Path of the request that failed.", examples=["/api/environments/ml1/start"])
    ] = None
    errors: Annotated[
        tuple[Fault, ...] | None,
        Field(
            description="Every validation error (the first 100); with codes `invalid_spec` and `parent_not_ready`.",
            examples=[[{"pointer": "/region", "detail": "is missing"}]],
        ),
    ] = None
    operation: Annotated[
        str | None,
        Field(
            description="ID of the operation that did not succeed, or that is running on the environment.",
            examples=["ml1-stop-01JABCDEFGHJKMNPQRSTVWXYZ0"],
        ),
    ] = None


def answers_problems(route: Route[P]) -> Route[P]:
    """Convert what a route raises into a problem response; an unexpected exception is logged and answered with 500."""

    @functools.wraps(route)
    async def answering(req: func.HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> func.HttpResponse:
        try:
            return await route(req, *args, **kwargs)
        except ControlPlaneError as error:
            return problem_of(error, path_of(req))
        except Exception:  # an error of ours: callers get a problem without details, and the log gets the traceback
            log.exception("A request failed with an unexpected exception.")
            status, detail = HTTPStatus.INTERNAL_SERVER_ERROR, "The request failed unexpectedly; the error was logged."
            problem = Problem("about:blank", status.phrase, status, detail, INTERNAL_ERROR, path_of(req))
            return _answer(problem, {})

    return answering


def problem_of(error: ControlPlaneError, instance: str | None = None, api_url: str = PREFIX) -> func.HttpResponse:
    """The problem response for an error; `instance` is the path of the request, `api_url` the URL of the API."""
    kind = _kind(error)
    errors = error.faults if isinstance(error, InvalidSpec) else None
    operation = error.operation if isinstance(error, EnvironmentBusy | OperationFailed) else None
    problem = Problem(
        _type_of(kind), TITLE_OF[kind], STATUS_OF[kind], str(error), CODE_OF[kind], instance, errors, operation
    )
    return _answer(problem, {name: _header_of(error, api_url) for name in headers_of(kind)})


def path_of(req: func.HttpRequest) -> str | None:
    """The path of a request, without its query: that may hold the function key."""
    return urlsplit(req.url).path or None


def _header_of(error: ControlPlaneError, api_url: str) -> str:
    match error:
        case EnvironmentBusy():
            return operation_url(error.operation, api_url)
        case SweepUnderWay():
            return sweep_headers(error.sweep, api_url)[LOCATION]
        case CloudUnavailable():
            return "10"
        case RequestUnderWay():
            return "2"
        case ConcurrentChange():
            return "1"
        case TooManyRequests():
            return str(error.retry_after)
    return "Bearer"


def problem_like(kind: type[ControlPlaneError]) -> dict[str, Any]:
    """An example of a problem of a kind, for the API description."""
    fault = (Fault("/region", "is missing"),) if issubclass(kind, InvalidSpec) else None
    operation = "ml1-stop-01JABCDEFGHJKMNPQRSTVWXYZ0" if kind in (EnvironmentBusy, OperationFailed) else None
    detail = (inspect.getdoc(kind) or "").partition("\n")[0]
    problem = Problem(_type_of(kind), TITLE_OF[kind], STATUS_OF[kind], detail, CODE_OF[kind], EXAMPLE_PATH, fault, operation)
    return _body(problem)


def headers_of(kind: type[ControlPlaneError]) -> tuple[str, ...]:
    """The names of the headers that are sent with a problem of a kind."""
    return HEADERS.get(kind, ())


def title_of(error: ControlPlaneError) -> str:
    """The title of the problem that an error becomes."""
    return TITLE_OF[_kind(error)]


def _kind(error: ControlPlaneError) -> type[ControlPlaneError]:
    return next(kind for kind in type(error).__mro__ if kind in STATUS_OF)


def _type_of(kind: type[ControlPlaneError]) -> str:
    """The URI of the documentation of a kind of problem, which identifies the kind."""
    return f"/api/docs#{TITLE_OF[kind].lower().replace(' ', '-')}"


def _body(problem: Problem) -> dict[str, Any]:
    return {name: value for name, value in serialization.encode(problem).items() if value is not None}


def _answer(problem: Problem, headers: dict[str, str]) -> func.HttpResponse:
    text = json.dumps(_body(problem))
    return func.HttpResponse(text, status_code=problem.status, headers=headers, mimetype=CONTENT_TYPE)
