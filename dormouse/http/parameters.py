"""Query parameters: the description, JSON schema and parser of each."""

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
from dormouse.text.plain_text import CONTROL, require_plain

T = TypeVar("T")

LARGEST_PAGE, USUAL_PAGE = 200, 50
LONGEST_CURSOR = 1024
REGION_NAME = re.compile(r"[a-z][a-z0-9]{2,30}", re.ASCII)
GPU_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 -]{0,39}", re.ASCII)
USER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
PRICE = re.compile(r"\d{1,6}(\.\d{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Parameter(Generic[T]):
    """A query parameter; `read` parses its text and raises ValueError with what was expected."""

    name: str
    meaning: str
    schema: Mapping[str, Any]
    read: Callable[[str], T]
    absent: T
    required: bool = False

    def of(self, req: func.HttpRequest) -> T:
        """The value in a request, or the default; raises InvalidRequest, also if a required parameter is missing."""
        text = req.params.get(self.name)
        if text is None and self.required:
            raise InvalidRequest(f"The query parameter `{self.name}` is missing. {self.meaning}")
        return self.absent if text is None else self.read_text(text)

    def read_text(self, text: str) -> T:
        """The value that a text stands for; raises InvalidRequest."""
        try:
            require_plain(text)
        except ValueError as error:
            raise InvalidRequest(f"The value of `{self.name}` {error}.") from None
        try:
            return self.read(text)
        except ValueError as error:
            raise InvalidRequest(f"`{self.name}` must be {error}, not {text[:80]!r}.") from None


class DryRunParameter(Parameter[bool]):
    """Whether a command is a dry run: set in the query or as a member of the JSON body."""

    def of(self, req: func.HttpRequest) -> bool:
        """The value in a request; raises InvalidRequest, also if query and body contradict each other."""
        asked = Parameter.of(self, req)
        raw = raw_body(req)
        body = json_object(raw) if raw else {}
        if self.name not in body:
            return asked
        member = body[self.name]
        if not isinstance(member, bool):
            raise InvalidRequest(f"`{self.name}` in the body must be true or false.")
        if self.name in req.params and member != asked:
            raise InvalidRequest(
                f"`{self.name}` is {_json(asked)} in the query but {_json(member)} in the body; send it once."
            )
        return member


def _json(value: bool) -> str:  # noqa: FBT001 - a value to print
    return str(value).lower()


def cursor_of(position: str) -> str:
    """An opaque cursor for a position in a list."""
    return base64.urlsafe_b64encode(f"1{position}".encode()).decode().rstrip("=")


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def _size(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10) or not 1 <= int(text) <= LARGEST_PAGE:
        raise ValueError(f"a number from 1 to {LARGEST_PAGE}")
    return int(text)


def _cursor(text: str) -> str:
    try:
        position = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        position = ""
    if not position.startswith("1") or len(position) == 1 or len(text) > LONGEST_CURSOR or CONTROL.search(position):
        raise ValueError("a cursor from the `next` link of an earlier page")
    return position[1:]


def _timestamp(text: str) -> float:
    try:
        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError("an RFC 3339 timestamp such as 2026-05-01T12:00:00Z") from None


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return read


def _user(text: str) -> str:
    if not USER_NAME.fullmatch(text):
        raise ValueError("the name of an account, such as ben")
    return text


def _gpu(text: str) -> str:
    if not GPU_MODEL.fullmatch(text):
        raise ValueError("a model such as A100, `any` or `none`")
    return text


def _price(text: str) -> float:
    if not PRICE.fullmatch(text) or not float(text):
        raise ValueError("an amount above 0, such as 2.50")
    return float(text)


def _region(text: str) -> str:
    name = text.replace(" ", "").lower()
    if not REGION_NAME.fullmatch(name):
        raise ValueError("an Azure region name such as polandcentral")
    return name


DRY_RUN = DryRunParameter(
    DRY_RUN_MEMBER,
    "If true, report what would happen without changing anything. May be a member of the JSON body instead.",
    {"type": "boolean"},
    _flag,
    absent=False,
)
FORCE = Parameter(
    "force",
    "Terminate the operation immediately, without a rollback. Requires the role `admin`.",
    {"type": "boolean"},
    _flag,
    absent=False,
)
PURGE = Parameter(
    "purge",
    "Also purge the deleted password secret, so that it cannot be recovered from the key vault. Requires the role `admin`.",
    {"type": "boolean"},
    _flag,
    absent=False,
)
SNAPSHOT = Parameter(
    "snapshot",
    "Take a snapshot of each disk that would be deleted, and keep it; snapshots are billed until you delete them.",
    {"type": "boolean"},
    _flag,
    absent=False,
)
USER = Parameter(
    "user",
    "The user whose password is meant: the administrator, or one in `users` of the spec.",
    {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,31}$"},
    _user,
    "",
)
LIMIT = Parameter(
    "limit",
    "The maximum number of items in the response.",
    {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": USUAL_PAGE},
    _size,
    USUAL_PAGE,
)
AFTER = Parameter(
    "after",
    "Opaque cursor from the `next` link of the previous page.",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": LONGEST_CURSOR},
    _cursor,
    "",
)
ENVIRONMENT = Parameter("environment", "Return only the operations of this environment.", {"type": "string"}, str, "")
SINCE = Parameter(
    "since",
    "Return only operations that were accepted at or after this time (RFC 3339).",
    {"type": "string", "format": "date-time"},
    _timestamp,
    0.0,
)
FORMAT = Parameter(
    "format",
    "Response format; `csv` returns all machines that match in one table.",
    {"type": "string", "enum": ["json", "csv"]},
    _one_of("json", "csv"),
    "",
)
REGION = Parameter("region", "The Azure region to return prices for.", {"type": "string"}, _region, "")
SIZE = Parameter("size", "The VM size to return the price for, instead of the default size.", {"type": "string"}, str, "")
SIZES_REGION = Parameter(
    "region", "The Azure region, such as polandcentral.", {"type": "string"}, _region, "", required=True
)
GPU = Parameter(
    "gpu",
    "Return only sizes with this GPU: a model such as `A100`, `any`, or `none` for sizes without one.",
    {"type": "string"},
    _gpu,
    "",
)
MAX_PRICE = Parameter(
    "max_price",
    "Return only sizes that cost at most this much per hour (pay as you go, Linux, in USD).",
    {"type": "number", "exclusiveMinimum": 0},
    _price,
    0.0,
)
