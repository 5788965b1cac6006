"""Query parameters: each says once how it is described and how it is read."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import azure.functions as func

from dormouse.errors import InvalidRequest
from dormouse.http.requests import DRY_RUN_MEMBER, json_object, raw_body
from dormouse.idle.verdict import VerdictKind

T = TypeVar("T")

LARGEST_PAGE, USUAL_PAGE = 200, 50
LONGEST_CURSOR = 1024
REGION_NAME = re.compile(r"[a-z][a-z0-9]{2,30}")


@dataclass(frozen=True, slots=True)
class Parameter(Generic[T]):
    """A query parameter: its name, what it means, its JSON Schema, and how its text is read (raises ValueError)."""

    name: str
    meaning: str
    schema: Mapping[str, Any]
    read: Callable[[str], T]
    absent: T

    def of(self, req: func.HttpRequest) -> T:
        """What a request says; raises InvalidRequest."""
        text = req.params.get(self.name)
        try:
            return self.absent if text is None else self.read(text)
        except ValueError as error:
            raise InvalidRequest(f"{self.name} must be {error}, not {text[:80]!r}.") from None


class DryRunParameter(Parameter[bool]):
    """Whether a command is only to say what it would do: asked in its query, or as a member of its JSON body."""

    def of(self, req: func.HttpRequest) -> bool:
        """What a request says; raises InvalidRequest, also where query and body contradict each other."""
        asked = Parameter.of(self, req)
        raw = raw_body(req)
        body = json_object(raw) if raw else {}
        if self.name not in body:
            return asked
        member = body[self.name]
        if not isinstance(member, bool):
            raise InvalidRequest(f"{self.name} in the body must be true or false.")
        if self.name in req.params and member != asked:
            raise InvalidRequest(f"{self.name} is {_written(asked)} in the query and {_written(member)} in the body.")
        return member


def _written(value: bool) -> str:  # noqa: FBT001 - a value that is shown
    return str(value).lower()


def cursor_of(place: str) -> str:
    """A place in a list as callers carry it around: nobody is to read it, or make one."""
    return base64.urlsafe_b64encode(f"1{place}".encode()).decode().rstrip("=")


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def _size(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10) or not 1 <= int(text) <= LARGEST_PAGE:
        raise ValueError(f"a number from 1 to {LARGEST_PAGE}")
    return int(text)


def _place(text: str) -> str:
    try:
        place = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        place = ""
    if not place.startswith("1") or len(place) == 1 or len(text) > LONGEST_CURSOR:
        raise ValueError("what an answer named as the next page")
    return place[1:]


def _moment(text: str) -> float:
    try:
        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError("a moment like 2026-05-01T12:00:00Z") from None


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return read


def _region(text: str) -> str:
    name = text.replace(" ", "").lower()
    if not REGION_NAME.fullmatch(name):
        raise ValueError("the name of a region like polandcentral")
    return name


DRY_RUN = DryRunParameter(
    DRY_RUN_MEMBER,
    "Only say what would happen; nothing is changed. May be a member of the JSON body instead.",
    {"type": "boolean"},
    _flag,
    absent=False,
)
FORCE = Parameter(
    "force",
    "Admins: end it as it stands, whatever it is, and take nothing back.",
    {"type": "boolean"},
    _flag,
    absent=False,
)
PURGE = Parameter(
    "purge",
    "Admins: delete its password for good, too, instead of leaving it recoverable for the vault's retention period.",
    {"type": "boolean"},
    _flag,
    absent=False,
)
LIMIT = Parameter(
    "limit",
    "How many rows at most.",
    {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": USUAL_PAGE},
    _size,
    USUAL_PAGE,
)
AFTER = Parameter(
    "after",
    "Where the page begins: taken from the `next` of the page before; nothing to be read or made.",
    {"type": "string", "maxLength": LONGEST_CURSOR},
    _place,
    "",
)
ENVIRONMENT = Parameter("environment", "Only what was done to this environment.", {"type": "string"}, str, "")
SINCE = Parameter(
    "since",
    "Only what was asked for from this moment on.",
    {"type": "string", "format": "date-time"},
    _moment,
    0.0,
)
VERDICT = Parameter(
    "verdict", "Only machines with this verdict.", {"type": "string", "enum": list(VerdictKind)}, _one_of(*VerdictKind), ""
)
FORMAT = Parameter(
    "format",
    "`csv` answers every machine as a table.",
    {"type": "string", "enum": ["json", "csv"]},
    _one_of("json", "csv"),
    "",
)
REGION = Parameter("region", "Answer what it costs in this region.", {"type": "string"}, _region, "")
SIZE = Parameter("size", "Answer what this size of machine costs, instead of the usual one.", {"type": "string"}, str, "")
