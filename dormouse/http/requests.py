"""Parsing of requests: JSON bodies and the caller's address."""

import ipaddress
import json
from typing import Any, TypeVar

import azure.functions as func
from pydantic import BaseModel, ValidationError

from dormouse.blueprints.specs import faults_of
from dormouse.errors import InvalidRequest, InvalidSpec, RequestTooLarge
from dormouse.text.durations import ASKED

M = TypeVar("M", bound=BaseModel)

LARGEST_BODY = 64 * 1024
LONGEST_NAME = 128
DRY_RUN_MEMBER = "dry_run"


def body_of(req: func.HttpRequest, *, largest: int = LARGEST_BODY) -> dict[str, Any]:
    """The JSON object in a request body, without `dry_run`, which every command reads separately.

    Raises InvalidRequest, or RequestTooLarge if the body exceeds `largest` bytes.
    """
    body = json_object(raw_body(req, largest=largest))
    return {name: value for name, value in body.items() if name != DRY_RUN_MEMBER}


def raw_body(req: func.HttpRequest, *, largest: int = LARGEST_BODY) -> bytes:
    """The bytes of a request body; raises as `body_of` does, and InvalidRequest if an announced body did not arrive."""
    raw: bytes = req.get_body() or b""
    if len(raw) > largest:
        raise RequestTooLarge(f"The body has {len(raw):,} bytes; the limit is {largest:,} bytes.")
    if req.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
        raise InvalidRequest("The body is compressed; send it uncompressed, without Content-Encoding.")
    if not raw and _is_announced(req):
        raise InvalidRequest("The headers announce a body, but it did not arrive; send it with a Content-Length header.")
    return raw


def _is_announced(req: func.HttpRequest) -> bool:
    """Whether the headers announce a body; the Functions host drops a body without Content-Length."""
    return req.headers.get("Content-Length", "").strip() not in ("", "0") or "Transfer-Encoding" in req.headers


def json_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body; raises InvalidRequest, also for repeated keys."""
    try:
        body = json.loads(raw, object_pairs_hook=_object)
    except ValueError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from None
    except RecursionError:
        raise InvalidRequest("The body is not valid JSON that can be read: it is nested too deeply.") from None
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return body


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name[:LONGEST_NAME]!r} is repeated")
        found[name] = value
    return found


def model_of(kind: type[M], body: dict[str, Any]) -> M:
    """The body as a validated model; raises InvalidSpec with every validation error."""
    try:
        return kind.model_validate(body, context=ASKED)
    except ValidationError as error:
        raise InvalidSpec(faults_of(error, kind)) from None


def caller_address(req: func.HttpRequest) -> str:
    """The caller's IP address as the front end saw it, or "" if unknown.

    It is the last entry of `X-Forwarded-For`; callers can forge the others.
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
