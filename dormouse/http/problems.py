"""Errors as answers: `application/problem+json` by RFC 9457, from one table, at one door."""

import functools
import inspect
import json
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ParamSpec
from urllib.parse import quote

import azure.functions as func

from dormouse import serialization
from dormouse.errors import (
    BlueprintNotFound,
    CloudUnavailable,
    CommandNotPossible,
    ControlPlaneError,
    EnvironmentBusy,
    EnvironmentNotFound,
    Fault,
    IdempotencyKeyReused,
    InvalidRequest,
    InvalidSpec,
    MachineNotFound,
    NameTaken,
    NotAllowed,
    NotAuthenticated,
    OperationNotFound,
    RequestTooLarge,
    RequestUnderWay,
    SweepNotFound,
    SweepUnderWay,
    TooManyRequests,
    UnreadableRecord,
)

P = ParamSpec("P")
Route = Callable[P, Awaitable[func.HttpResponse]]

CONTENT_TYPE = "application/problem+json"

STATUS_OF: dict[type[ControlPlaneError], HTTPStatus] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    InvalidSpec: HTTPStatus.UNPROCESSABLE_ENTITY,
    BlueprintNotFound: HTTPStatus.NOT_FOUND,
    EnvironmentNotFound: HTTPStatus.NOT_FOUND,
    OperationNotFound: HTTPStatus.NOT_FOUND,
    MachineNotFound: HTTPStatus.NOT_FOUND,
    SweepNotFound: HTTPStatus.NOT_FOUND,
    RequestTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    NotAllowed: HTTPStatus.FORBIDDEN,
    IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    RequestUnderWay: HTTPStatus.CONFLICT,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    EnvironmentBusy: HTTPStatus.CONFLICT,
    NameTaken: HTTPStatus.CONFLICT,
    SweepUnderWay: HTTPStatus.CONFLICT,
    CommandNotPossible: HTTPStatus.CONFLICT,
    UnreadableRecord: HTTPStatus.SERVICE_UNAVAILABLE,
    CloudUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

TITLE_OF: dict[type[ControlPlaneError], str] = {
    InvalidRequest: "The request cannot be read",
    InvalidSpec: "The request is not valid",
    BlueprintNotFound: "No such blueprint",
    EnvironmentNotFound: "No such environment",
    OperationNotFound: "No such operation",
    MachineNotFound: "No such machine",
    SweepNotFound: "No such sweep",
    RequestTooLarge: "The request is too large",
    NotAuthenticated: "Not authenticated",
    NotAllowed: "Not allowed",
    IdempotencyKeyReused: "The key was used before",
    RequestUnderWay: "The request is being answered",
    TooManyRequests: "Too many requests",
    EnvironmentBusy: "The environment is busy",
    NameTaken: "The name is taken",
    SweepUnderWay: "A sweep is under way",
    CommandNotPossible: "Not possible in this state",
    UnreadableRecord: "A record cannot be read",
    CloudUnavailable: "Azure cannot be asked right now",
}

HEADERS: dict[type[ControlPlaneError], tuple[str, ...]] = {
    EnvironmentBusy: ("Location",),
    SweepUnderWay: ("Location",),
    CloudUnavailable: ("Retry-After",),
    RequestUnderWay: ("Retry-After",),
    TooManyRequests: ("Retry-After",),
    NotAuthenticated: ("WWW-Authenticate",),
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong (RFC 9457): `type` leads to an explanation, `errors` names every fault, `operation` is in the way."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[Fault, ...] | None = None
    operation: str | None = None


def answers_problems(route: Route[P]) -> Route[P]:
    """Turn what a route raises into a problem; what nobody expected is logged whole and answered opaquely."""

    @functools.wraps(route)
    async def answering(*args: P.args, **kwargs: P.kwargs) -> func.HttpResponse:
        try:
            return await route(*args, **kwargs)
        except ControlPlaneError as error:
            return problem_of(error)
        except Exception:
            log.exception("A request failed in a way nobody expected.")
            detail = "Something went wrong on our side; it has been logged."
            return _answer(Problem("about:blank", "Unexpected error", HTTPStatus.INTERNAL_SERVER_ERROR, detail), {})

    return answering


def problem_of(error: ControlPlaneError) -> func.HttpResponse:
    """The problem that tells a caller about this error."""
    kind = _kind(error)
    errors = error.faults if isinstance(error, InvalidSpec) else None
    operation = error.operation if isinstance(error, EnvironmentBusy) else None
    problem = Problem(_type_of(kind), TITLE_OF[kind], STATUS_OF[kind], str(error), errors, operation)
    return _answer(problem, {name: _header_of(error) for name in headers_of(kind)})


def _header_of(error: ControlPlaneError) -> str:
    match error:
        case EnvironmentBusy():
            return quote(f"/api/operations/{error.operation}", safe="/:")
        case SweepUnderWay():
            return f"/api/sweeps/{error.sweep}"
        case CloudUnavailable():
            return "10"
        case RequestUnderWay():
            return "2"
        case TooManyRequests():
            return str(math.ceil(error.seconds))
    return "Bearer"


def problem_like(kind: type[ControlPlaneError]) -> dict[str, Any]:
    """What a problem of a kind looks like."""
    fault = (Fault("/region", "'nowhere' is not a region."),) if kind is InvalidSpec else None
    operation = "ml1-stop-01JABCDEFGHJKMNPQRSTVWXYZ0" if kind is EnvironmentBusy else None
    detail = (inspect.getdoc(kind) or "").partition("\n")[0]
    return _body(Problem(_type_of(kind), TITLE_OF[kind], STATUS_OF[kind], detail, fault, operation))


def headers_of(kind: type[ControlPlaneError]) -> tuple[str, ...]:
    """The headers that come with a problem of a kind."""
    return HEADERS.get(kind, ())


def title_of(error: ControlPlaneError) -> str:
    """What an error is about, in a few words."""
    return TITLE_OF[_kind(error)]


def _kind(error: ControlPlaneError) -> type[ControlPlaneError]:
    return next(kind for kind in type(error).__mro__ if kind in STATUS_OF)


def _type_of(kind: type[ControlPlaneError]) -> str:
    """Where a kind of problem is explained: it is told from others by that."""
    return f"/api/docs#{TITLE_OF[kind].lower().replace(' ', '-')}"


def _body(problem: Problem) -> dict[str, Any]:
    return {name: value for name, value in serialization.encode(problem).items() if value is not None}


def _answer(problem: Problem, headers: dict[str, str]) -> func.HttpResponse:
    text = json.dumps(_body(problem))
    return func.HttpResponse(text, status_code=problem.status, headers=headers, mimetype=CONTENT_TYPE)
