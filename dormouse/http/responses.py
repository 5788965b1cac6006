"""Responses: JSON, lists by page, and the absolute URLs where an accepted command can be followed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote, urlencode, urlsplit

import azure.functions as func

from dormouse import serialization
from dormouse.http.parameters import AFTER, cursor_of
from dormouse.services.dependencies import Dependencies
from dormouse.services.operations import Started
from dormouse.services.views.schema import OPERATION, schema
from dormouse.text.doc import doc

PREFIX = "/api"  # of all routes, as host.json has it
POLL_AGAIN_IN = "5"
LOCATION, OPERATION_LOCATION, RETRY_AFTER = "Location", "Operation-Location", "Retry-After"


@schema("Accepted")
@dataclass(frozen=True, slots=True)
class Accepted:
    """A command was accepted: the operation that carries it out, and where to follow it."""

    operation: Annotated[str, doc("The ID of the operation.", OPERATION)]
    href: Annotated[str, doc("The URL of the operation.", f"https://dormouse.example/api/operations/{OPERATION}")]
    note: Annotated[str | None, doc("What to know of it, such as until when it waits; null for nothing.", None)] = None


def answer(content: Any, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> func.HttpResponse:
    """Any value as JSON."""
    text = json.dumps(serialization.encode(content))
    return func.HttpResponse(text, status_code=status, headers=headers, mimetype="application/json")


def accepted(operation: str, api_url: str, note: str = "") -> func.HttpResponse:
    """202: where to follow an operation. `Operation-Location` shows its status, `Location` its result.

    https://github.com/microsoft/api-guidelines/blob/vNext/azure/ConsiderationsForServiceDesign.md#long-running-operations
    """
    href = operation_url(operation, api_url)
    headers = {LOCATION: f"{href}/result", OPERATION_LOCATION: href, RETRY_AFTER: POLL_AGAIN_IN}
    return answer(Accepted(operation, href, note or None), HTTPStatus.ACCEPTED, **headers)


def progress(view: Any, *, running: bool) -> func.HttpResponse:
    """200 with what is known of something that is followed, and while it runs, when to ask again."""
    headers = {RETRY_AFTER: POLL_AGAIN_IN} if running else {}
    return answer(view, HTTPStatus.OK, **headers)


def operation_url(operation: str, api_url: str) -> str:
    """The URL of an operation."""
    return f"{api_url}/operations/{quote(operation, safe=':')}"


def sweep_url(sweep: str, api_url: str) -> str:
    """The URL of a sweep."""
    return f"{api_url}/sweeps/{sweep}"


def sweep_headers(sweep: str, api_url: str) -> dict[str, str]:
    """The headers of a response that says where to follow a sweep, as `accepted` does for operations."""
    href = sweep_url(sweep, api_url)
    return {LOCATION: f"{href}/result", OPERATION_LOCATION: href, RETRY_AFTER: POLL_AGAIN_IN}


def respond(result: Any, api_url: str) -> func.HttpResponse:
    """202 for an operation that was started, else 200 with what a use case returned."""
    return accepted(result.operation, api_url, result.note) if isinstance(result, Started) else answer(result)


def api_url_of(req: func.HttpRequest, dependencies: Dependencies) -> str:
    """The URL of the API as callers reach it: CONTROL_PLANE_URL if set, else as the host saw the request.

    On Azure the host has applied the front end's `Disguised-Host` and `X-Forwarded-Proto` to the URL; `X-Forwarded-Host` is
    left alone, because callers can send any.
    """
    asked = urlsplit(req.url)
    return dependencies.settings.control_plane_url.rstrip("/") or f"{asked.scheme}://{asked.netloc}{PREFIX}"


def page(
    kind: Callable[..., Any],
    items: Iterable[Any],
    path: str,
    after: str,
    query: dict[str, str],
    problems: Iterable[str] = (),
    **more: Any,
) -> func.HttpResponse:
    """One page of a list, where the next one is, and what the list does not show."""
    return answer(kind(value=tuple(items), next=following(path, after, query), problems=tuple(problems), **more))


def following(path: str, after: str, query: dict[str, str]) -> str | None:
    """The address of the page that begins after a place, or None if there is none."""
    return f"{path}?{urlencode({**query, AFTER.name: cursor_of(after)})}" if after else None
