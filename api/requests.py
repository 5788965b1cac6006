"""Requests read: bodies, query parameters, who asks, and from where."""

import ipaddress
import json
from datetime import UTC, datetime
from typing import Any, TypeVar

import azure.functions as func
from pydantic import BaseModel, ValidationError

from environments.errors import InvalidRequest, InvalidSpec, RequestTooLarge
from environments.specs import faults_of

M = TypeVar("M", bound=BaseModel)

LARGEST_BODY = 64 * 1024
LARGEST_PAGE, LONGEST_NUMBER = 200, 10

LONGEST_NAME = 128


def body_of(req: func.HttpRequest, *, largest: int = LARGEST_BODY) -> dict[str, Any]:
    """The JSON object that a request carries; raises InvalidRequest, or RequestTooLarge beyond so many bytes."""
    raw = req.get_body()
    if len(raw) > largest:
        raise RequestTooLarge(f"The body is larger than {largest} bytes.")
    return json_object(raw)


def json_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in some bytes; raises InvalidRequest."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return body


def model_of(kind: type[M], body: dict[str, Any]) -> M:
    """The body as a checked model; raises InvalidSpec with everything that is wrong with it."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise InvalidSpec(faults_of(error)) from None


def flag(req: func.HttpRequest, name: str) -> bool:
    """A query parameter that is true or false (the default); raises InvalidRequest."""
    value = req.params.get(name, "false").lower()
    if value not in ("true", "false", "1", "0"):
        raise InvalidRequest(f"{name} must be true or false, not {value!r}.")
    return value in ("true", "1")


def page_size(req: func.HttpRequest) -> int:
    """How many rows a caller wants at most (`limit`, 1 to 200, 50 if not said); raises InvalidRequest."""
    value = req.params.get("limit", "50")
    if not (value.isascii() and value.isdigit() and len(value) < LONGEST_NUMBER) or not 1 <= int(value) <= LARGEST_PAGE:
        raise InvalidRequest(f"limit must be a number from 1 to {LARGEST_PAGE}, not {value!r}.")
    return int(value)


def moment(req: func.HttpRequest, name: str) -> float:
    """A query parameter that is a moment in ISO 8601, as seconds since 1970, 0.0 if not given; raises InvalidRequest."""
    value = req.params.get(name, "")
    try:
        parsed = datetime.fromisoformat(value) if value else datetime.fromtimestamp(0, UTC)
    except ValueError:
        raise InvalidRequest(f"{name} must be a moment like 2026-05-01T12:00:00Z, not {value!r}.") from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def caller_address(req: func.HttpRequest) -> str:
    """The caller's address as the front end saw it: the last of `X-Forwarded-For`, for callers can claim the others.

    "" when the front end does not say.
    """
    last = req.headers.get("X-Forwarded-For", "").split(",")[-1].strip()
    for candidate in (last, last.rpartition(":")[0].strip("[]")):  # the front end may add the port
        try:
            address = ipaddress.ip_address(candidate)
        except ValueError:
            continue
        mapped = getattr(address, "ipv4_mapped", None)
        return str(mapped or address)
    return ""
