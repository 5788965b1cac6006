"""Answers: JSON out, and the address where an accepted command can be watched."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import azure.functions as func

from dormouse import serialization
from dormouse.http.parameters import AFTER, cursor_of
from dormouse.services.operations import Started

POLL_AGAIN_IN = "5"
T = TypeVar("T")


def answer(content: Any, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> func.HttpResponse:
    """Any value as JSON."""
    return func.HttpResponse(
        json.dumps(serialization.encode(content)), status_code=status, headers=headers, mimetype="application/json"
    )


@dataclass(frozen=True, slots=True)
class Accepted:
    """A command is on its way: the operation that carries it out, and where to watch it."""

    operation: str
    href: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, and the address of the next one, null on the last page; `problems` says what is missing or old."""

    value: list[T]
    next: str | None
    problems: list[str]


def accepted(operation: str) -> func.HttpResponse:
    """202: the command is on its way, and where to watch it."""
    location = quote(f"/api/operations/{operation}", safe="/:")
    headers = {"Location": location, "Retry-After": POLL_AGAIN_IN}
    return answer(Accepted(operation, location), HTTPStatus.ACCEPTED, **headers)


def respond(result: Any) -> func.HttpResponse:
    """202 for an operation that was started, else 200 with what a use case returned."""
    return accepted(result.operation) if isinstance(result, Started) else answer(result)


def page(
    items: Sequence[Any], path: str, after: str, query: dict[str, str], problems: Sequence[str] = ()
) -> func.HttpResponse:
    """One page of a list, where the next one is, and what the list does not show."""
    value = [serialization.encode(item) for item in items]
    return answer({"value": value, "next": following(path, after, query), "problems": list(problems)})


def following(path: str, after: str, query: dict[str, str]) -> str | None:
    """The address of the page that begins after a place, or None if there is none."""
    return f"{path}?{urlencode({**query, AFTER.name: cursor_of(after)})}" if after else None
