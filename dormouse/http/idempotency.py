"""Commands that come again: with the same `Idempotency-Key`, the first answer is given again and nothing is done twice.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

import azure.functions as func

from dormouse import serialization
from dormouse.access.roles import Caller
from dormouse.errors import CloudUnavailable, IdempotencyKeyReused, InvalidRequest, RequestUnderWay
from dormouse.http.parameters import DRY_RUN
from dormouse.http.queries import written_in
from dormouse.http.requests import body_of, raw_body
from dormouse.http.responses import accepted
from dormouse.ids import operation_id_at
from dormouse.lifecycle import Verb
from dormouse.records.deduplication import ANSWERS
from dormouse.services.dependencies import Dependencies

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
# Without commas: Azure's host joins several headers of one name by them, and of two keys neither is meant.
GOOD_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,128}", re.ASCII)
# No request takes longer: who has not been answered by then will not be, and the next one may try.
ANSWERED_WITHIN = 120.0
# A property of a row holds 32,767 characters.
LONGEST = 30_000
TOO_LONG = '{"detail": "This was answered before, at greater length than is kept."}'
OFF = "false"
KEPT_HEADERS = ("Location", "Retry-After")


@dataclass(frozen=True, slots=True)
class Answer:
    """A request and how it was answered; the status is 0 while it has not been.

    `first` is when it came first and `since` when it was last taken up (seconds since 1970), `by` who took it up.
    """

    request: str
    first: float
    since: float
    by: str
    status: int = 0
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def replayed(self) -> func.HttpResponse:
        """The same answer again."""
        headers = {**dict(self.headers), REPLAYED: "true"}
        return func.HttpResponse(self.body, status_code=self.status, headers=headers, mimetype="application/json")


async def run_once(
    req: func.HttpRequest,
    caller: Caller,
    dependencies: Dependencies,
    carry_out: Callable[[Caller], Awaitable[func.HttpResponse]],
    *,
    dry_runs: bool = False,
) -> func.HttpResponse:
    """Carry a command out, unless it was; raises what it raises, IdempotencyKeyReused, or RequestUnderWay.

    A dry run uses no key up, except with `dry_runs`: where it begins something that is watched, as a sweep is.
    """
    key = req.headers.get(HEADER)
    if key is None or req.method == "GET":
        return await carry_out(caller)
    if not GOOD_KEY.fullmatch(key):
        raise InvalidRequest(f"{HEADER} must be 1 to 128 visible ASCII characters without a comma, and come once.")
    if DRY_RUN.of(req) and not dry_runs:
        return await carry_out(caller)
    name = _digest(caller.channel, caller.object_id or caller.name, key)
    mine = Answer(_fingerprint(req), dependencies.now(), dependencies.now(), secrets.token_hex(8))
    earlier = await _earlier(name, mine, dependencies)
    if earlier is not None:
        said = earlier.replayed if earlier.status else await _begun(req, name, earlier, dependencies)
        if said is not None:
            return said
        mine = await _taken_over(name, earlier, mine, dependencies)
    try:
        response = await carry_out(replace(caller, command=name, since=mine.first))
    except Exception:
        # Nothing was begun, or it is found again by its id: the same command may be tried anew.
        await dependencies.receipts.forget(ANSWERS, name)
        raise
    with suppress(CloudUnavailable):  # it is done all the same, and found again by the id of its operation
        await _keep(name, mine, response, dependencies)
    return response


async def _earlier(name: str, mine: Answer, dependencies: Dependencies) -> Answer | None:
    """The same request that came before, or None if this one is the first."""
    first, lost = False, None
    try:
        first = await dependencies.receipts.take(ANSWERS, name, serialization.text_of(mine), mine.since)
    except CloudUnavailable as error:  # the receipt may be written all the same
        lost = error
    row = None if first else await dependencies.receipts.read(ANSWERS, name)
    earlier = serialization.read_text(Answer, row.document) if row else None
    if first or (lost and earlier and earlier.by == mine.by):
        return None
    if lost:
        raise lost
    if earlier is None:  # it has been forgotten in this moment
        raise RequestUnderWay
    if earlier.request != mine.request:
        raise IdempotencyKeyReused
    return earlier


async def _begun(req: func.HttpRequest, name: str, earlier: Answer, dependencies: Dependencies) -> func.HttpResponse | None:
    """The operation that the request has begun before its answer was lost, if it has."""
    environment = req.route_params.get("name", "")
    for verb in Verb if environment else ():
        operation = operation_id_at(environment, verb, earlier.first, name)
        if await dependencies.records.operation(operation) is not None:
            return accepted(operation)
    return None


async def _taken_over(name: str, earlier: Answer, mine: Answer, dependencies: Dependencies) -> Answer:
    """The request taken up again, if whoever took it up before must be gone by now; raises RequestUnderWay."""
    mine = replace(mine, first=earlier.first)
    row = await dependencies.receipts.read(ANSWERS, name)
    same = row is not None and serialization.read_text(Answer, row.document) == earlier
    gone = mine.since - earlier.since >= ANSWERED_WITHIN
    if (
        row is None
        or not same
        or not gone
        or not await dependencies.receipts.replace(ANSWERS, row, serialization.text_of(mine), mine.since)
    ):
        raise RequestUnderWay
    return mine


async def _keep(name: str, mine: Answer, response: func.HttpResponse, dependencies: Dependencies) -> None:
    headers = tuple((each, response.headers[each]) for each in KEPT_HEADERS if each in response.headers)
    answer = replace(mine, status=response.status_code, body=response.get_body().decode(), headers=headers)
    if len(serialization.text_of(answer)) > LONGEST:
        answer = replace(answer, body=TOO_LONG)
    row = await dependencies.receipts.read(ANSWERS, name)
    if row is not None:
        await dependencies.receipts.replace(ANSWERS, row, serialization.text_of(answer), dependencies.now())


def _fingerprint(req: func.HttpRequest) -> str:
    """What makes two requests the same command: method, place, what the query asks for, and the body.

    The key in the query, the order, the host that was asked and flags that are off say nothing else.
    """
    path = "/".join(part for part in unquote(urlsplit(req.url).path).split("/") if part).lower()
    places = [f"{name}={value}" for name, value in sorted(req.route_params.items())]
    query = [f"{name}={value}" for name, value in sorted(written_in(req)) if name != DRY_RUN.name and value != OFF]
    body = json.dumps(body_of(req), sort_keys=True) if raw_body(req) else "{}"
    return _digest(req.method, path, json.dumps(places), json.dumps(query), body, str(DRY_RUN.of(req)))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
