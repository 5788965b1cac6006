"""Requests read: bodies, who asks, and from where."""

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
    """The JSON object that a request carries, without `dry_run`, which every command reads apart.

    Raises InvalidRequest, or RequestTooLarge beyond so many bytes.
    """
    body = json_object(raw_body(req, largest=largest))
    return {name: value for name, value in body.items() if name != DRY_RUN_MEMBER}


def raw_body(req: func.HttpRequest, *, largest: int = LARGEST_BODY) -> bytes:
    """The bytes that a request carries; raises InvalidRequest if some were announced and none arrived, or as `body_of`."""
    raw: bytes = req.get_body() or b""
    if len(raw) > largest:
        raise RequestTooLarge(f"The body is larger than {largest} bytes.")
    if req.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
        raise InvalidRequest("The body is compressed; send it without a Content-Encoding.")
    if not raw and _is_announced(req):
        raise InvalidRequest("A body was announced and did not arrive; send it with its Content-Length.")
    return raw


def _is_announced(req: func.HttpRequest) -> bool:
    """Whether the headers announce a body: Azure's host hands on none that comes without a Content-Length."""
    return req.headers.get("Content-Length", "").strip() not in ("", "0") or "Transfer-Encoding" in req.headers


def json_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in some bytes, in which every key comes once; raises InvalidRequest."""
    try:
        body = json.loads(raw, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return body


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name[:LONGEST_NAME]!r} is there more than once")
        found[name] = value
    return found


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
