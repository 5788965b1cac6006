"""The `Idempotency-Key` header: what makes two HTTP requests the same command, and how their response is stored."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import azure.functions as func

from dormouse.errors import InvalidRequest
from dormouse.http.parameters import DRY_RUN
from dormouse.http.queries import written_in
from dormouse.http.requests import body_of, raw_body
from dormouse.http.responses import accepted, api_url_of
from dormouse.services.context import Context
from dormouse.services.idempotency import LONGEST_RESULT, IdempotentCommand, digest, key_of_command
from dormouse.services.idempotency import run_once as run_command_once

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
# Without commas: Azure's host joins several headers of one name by them, and of two keys neither is meant.
GOOD_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,128}", re.ASCII)
TOO_LONG = '{"detail": "This command was completed before; its response is too long to be stored."}'
OFF = "false"
KEPT_HEADERS = ("Location", "Operation-Location", "Retry-After")


async def run_once(
    req: func.HttpRequest,
    context: Context,
    run: Callable[[Context], Awaitable[func.HttpResponse]],
    *,
    dry_runs: bool = False,
) -> func.HttpResponse:
    """Run a request's command once per key; raises as services.idempotency.run_once does, or InvalidRequest.

    A dry run does not use its key up, except with `dry_runs`: where it begins something that is watched, as a sweep is.
    """
    key = req.headers.get(HEADER)
    if key is None or req.method == "GET":
        return await run(context)
    if not GOOD_KEY.fullmatch(key):
        raise InvalidRequest(f"{HEADER} must be 1 to 128 visible ASCII characters without a comma, and be sent once.")
    if DRY_RUN.of(req) and not dry_runs:
        return await run(context)
    command = IdempotentCommand(
        key=key_of_command(context.caller, key),
        fingerprint=_fingerprint(req),
        environment=req.route_params.get("name", ""),
        encode=_encode,
        decode=_decode,
        accepted=lambda operation: accepted(operation, api_url_of(req, context.dependencies)),
    )
    return await run_command_once(command, context, run)


def _encode(response: func.HttpResponse) -> str:
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    stored = {"status": response.status_code, "body": response.get_body().decode(), "headers": headers}
    text = json.dumps(stored)
    return text if len(text) <= LONGEST_RESULT else json.dumps({**stored, "body": TOO_LONG})


def _decode(text: str) -> func.HttpResponse:
    """The same response again."""
    stored = json.loads(text)
    headers = {**stored["headers"], REPLAYED: "true"}
    return func.HttpResponse(stored["body"], status_code=stored["status"], headers=headers, mimetype="application/json")


def _same_numbers(value: Any) -> Any:
    """A JSON value in which whole numbers are written alike: 1 for 1.0."""
    if isinstance(value, dict):
        return {name: _same_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_same_numbers(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _fingerprint(req: func.HttpRequest) -> str:
    """What makes two requests the same command: method, path, query and body.

    The host name, the function key in the query, the case of the path, a slash at its end, the order of parameters and of
    keys in JSON, the spelling of numbers, and flags that are off do not count.
    """
    path = "/".join(part for part in unquote(urlsplit(req.url).path).split("/") if part).lower()
    places = [f"{name}={value}" for name, value in sorted(req.route_params.items())]
    query = [f"{name}={value}" for name, value in sorted(written_in(req)) if name != DRY_RUN.name and value != OFF]
    body = json.dumps(_same_numbers(body_of(req)), sort_keys=True) if raw_body(req) else "{}"
    return digest(req.method, path, json.dumps(places), json.dumps(query), body, str(DRY_RUN.of(req)))
