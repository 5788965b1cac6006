"""Errors as answers: `application/problem+json` by RFC 9457, from one table, at one door."""

import functools
import json
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, ParamSpec
from urllib.parse import quote

import azure.functions as func

import wire
from environments.errors import (
    BlueprintNotFound,
    CloudUnavailable,
    CommandNotPossible,
    ControlPlaneError,
    EnvironmentBusy,
    EnvironmentNotFound,
    InvalidRequest,
    InvalidSpec,
    MachineNotFound,
    NotAllowed,
    NotAuthenticated,
    OperationNotFound,
    RequestTooLarge,
    SweepNotFound,
    SweepUnderWay,
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
    EnvironmentBusy: HTTPStatus.CONFLICT,
    SweepUnderWay: HTTPStatus.CONFLICT,
    CommandNotPossible: HTTPStatus.CONFLICT,
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
    EnvironmentBusy: "The environment is busy",
    SweepUnderWay: "A sweep is under way",
    CommandNotPossible: "Not possible in this state",
    CloudUnavailable: "Azure cannot be asked right now",
}

log = logging.getLogger(__name__)


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
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Unexpected error", detail)

    return answering


def problem_of(error: ControlPlaneError) -> func.HttpResponse:
    """The problem that tells a caller about this error."""
    more: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, InvalidSpec):
        more["errors"] = [wire.encode(fault) for fault in error.faults]
    if isinstance(error, EnvironmentBusy):
        more["operation"] = error.operation
        headers["Location"] = quote(f"/api/operations/{error.operation}", safe="/:")
    if isinstance(error, SweepUnderWay):
        headers["Location"] = f"/api/sweeps/{error.sweep}"
    if isinstance(error, CloudUnavailable):
        headers["Retry-After"] = "10"
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(STATUS_OF[_kind(error)], title_of(error), str(error), headers=headers, **more)


def title_of(error: ControlPlaneError) -> str:
    """What an error is about, in a few words."""
    return TITLE_OF[_kind(error)]


def _kind(error: ControlPlaneError) -> type[ControlPlaneError]:
    return next(kind for kind in type(error).__mro__ if kind in STATUS_OF)


def problem(
    status: HTTPStatus, title: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any
) -> func.HttpResponse:
    """One problem, whatever it is about."""
    body = {"type": "about:blank", "title": title, "status": status.value, "detail": detail, **more}
    return func.HttpResponse(json.dumps(body), status_code=status, headers=headers or {}, mimetype=CONTENT_TYPE)
