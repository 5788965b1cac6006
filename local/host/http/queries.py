"""Query parameters for lists of instances and entities, and paging."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from aiohttp import web

from local.clock import moment
from local.host.durable.rows import Entity, Instance

STATUSES = frozenset({"Pending", "Running", "Completed", "ContinuedAsNew", "Failed", "Canceled", "Terminated", "Suspended"})
LARGEST_PAGE = 100

Item = TypeVar("Item", Instance, Entity)


class BadQuery(Exception):
    """A query parameter is invalid."""


@dataclass(frozen=True, slots=True)
class Query:
    """A filter for instances or entities; None and "" match all."""

    prefix: str
    statuses: frozenset[str]
    first: datetime | None
    last: datetime | None

    def matches(self, instance: Instance) -> bool:
        """Whether an instance matches."""
        return (
            instance.id.startswith(self.prefix)
            and (not self.statuses or instance.status in self.statuses)
            and self._between(instance.created)
        )

    def matches_entity(self, entity: Entity) -> bool:
        """Whether an entity matches."""
        return self._between(entity.updated)

    def _between(self, text: str) -> bool:
        at = moment(text)
        return (self.first is None or at >= self.first) and (self.last is None or at <= self.last)


def query_of(request: web.Request) -> Query:
    """Parse the query; unknown status names are ignored. Raises BadQuery."""
    known = {status.lower(): status for status in STATUSES}
    asked = [word.strip().lower() for word in request.query.get("runtimeStatus", "").split(",")]
    return Query(
        prefix=request.query.get("instanceIdPrefix", ""),
        statuses=frozenset(known[word] for word in asked if word in known),
        first=_moment(request, "createdTimeFrom") or _moment(request, "lastOperationTimeFrom"),
        last=_moment(request, "createdTimeTo") or _moment(request, "lastOperationTimeTo"),
    )


def page(request: web.Request, items: Sequence[Item]) -> tuple[Sequence[Item], str]:
    """The requested page of a list, and the token of the next one ("" at the end). Raises BadQuery."""
    top = max(int(seconds_of(request, "top") or LARGEST_PAGE), 1)
    token = request.headers.get("x-ms-continuation-token", "")
    try:
        after = base64.urlsafe_b64decode(token).decode()
    except ValueError:
        raise BadQuery("The continuation token cannot be read.") from None
    rest = [item for item in items if _place(item) > after]
    found = rest[:top]
    return found, base64.urlsafe_b64encode(_place(found[-1]).encode()).decode() if len(rest) > top else ""


def _place(item: Item) -> str:
    """The position of an item in its list, which stays valid when other items change."""
    return f"{getattr(item, 'created', '')} {item.id}"


def flag(request: web.Request, name: str, *, default: bool = False) -> bool:
    """A boolean parameter."""
    return request.query.get(name, str(default)).lower() == "true"


def seconds_of(request: web.Request, name: str) -> float | None:
    """A positive number of seconds, or None if it is not given. Raises BadQuery."""
    text = request.query.get(name, "")
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise BadQuery(f"{name} must be a number greater than zero, not {text!r}.")
    return number


def _moment(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name, "")
    try:
        return moment(text) if text else None
    except (ValueError, OverflowError):
        raise BadQuery(f"{name} must be a time in ISO 8601, not {text!r}.") from None
