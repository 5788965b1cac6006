"""Requests read: bodies, who asks, and from where."""

import ipaddress
import json
from typing import Any, TypeVar

import azure.functions as func
from pydantic import BaseModel, ValidationError

from environments.durations import ASKED
from environments.errors import InvalidRequest, InvalidSpec, RequestTooLarge
from environments.specs import faults_of

M = TypeVar("M", bound=BaseModel)

LARGEST_BODY = 64 * 1024
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
        return kind.model_validate(body, context=ASKED)
    except ValidationError as error:
        raise InvalidSpec(faults_of(error)) from None


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
