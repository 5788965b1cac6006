"""Commands that come again: with the same `Idempotency-Key`, the first answer is given again and nothing is done twice.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import azure.functions as func

import wire
from api.parameters import DRY_RUN
from api.reads import Reads
from environments.errors import IdempotencyKeyReused, InvalidRequest, RequestUnderWay
from environments.roles import Caller
from records.receipts import ANSWERS

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
GOOD_KEY = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
# No request takes longer: who has not been answered by then will not be, and the next one may try.
ANSWERED_WITHIN = 120.0
# A property of a row holds 32,767 characters.
LONGEST = 30_000
TOO_LONG = '{"detail": "This was answered before, at greater length than is kept."}'
KEPT_HEADERS = ("Location", "Retry-After")


@dataclass(frozen=True, slots=True)
class Answer:
    """A request and how it was answered; the status is 0 while it has not been."""

    request: str
    since: float
    status: int = 0
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()


async def once(
    req: func.HttpRequest, caller: Caller, reads: Reads, carry_out: Callable[[], Awaitable[func.HttpResponse]]
) -> func.HttpResponse:
    """Carry a command out, unless it was; raises what it raises, IdempotencyKeyReused, or RequestUnderWay."""
    key = req.headers.get(HEADER)
    if key is None or req.method == "GET":
        return await carry_out()
    if not GOOD_KEY.fullmatch(key):
        raise InvalidRequest(f"{HEADER} must be 1 to 128 visible ASCII characters.")
    if DRY_RUN.of(req):
        return await carry_out()
    name = _digest(caller.door, caller.object_id or caller.name, key)
    mine = Answer(_digest(req.method, req.url, req.get_body().hex()), reads.now())
    earlier = await _taken(name, mine, reads)
    if earlier is not None:
        headers = {**dict(earlier.headers), REPLAYED: "true"}
        return func.HttpResponse(earlier.body, status_code=earlier.status, headers=headers, mimetype="application/json")
    try:
        response = await carry_out()
    except Exception:
        # Nothing was begun, or it is found again by its lock: the same command may be tried anew.
        await reads.receipts.forget(ANSWERS, name)
        raise
    await _keep(name, mine, response, reads)
    return response


async def _taken(name: str, mine: Answer, reads: Reads) -> Answer | None:
    """The answer that was given before, or None if this request is the one to be carried out."""
    document = wire.text_of(mine)
    if await reads.receipts.take(ANSWERS, name, document, mine.since):
        return None
    row = await reads.receipts.read(ANSWERS, name)
    if row is None:  # it has been forgotten in this moment
        raise RequestUnderWay
    earlier = wire.read_text(Answer, row.document)
    if earlier.request != mine.request:
        raise IdempotencyKeyReused
    if earlier.status:
        return earlier
    if mine.since - earlier.since < ANSWERED_WITHIN or not await reads.receipts.replace(ANSWERS, row, document, mine.since):
        raise RequestUnderWay
    return None


async def _keep(name: str, mine: Answer, response: func.HttpResponse, reads: Reads) -> None:
    headers = tuple((each, response.headers[each]) for each in KEPT_HEADERS if each in response.headers)
    answer = Answer(mine.request, mine.since, response.status_code, response.get_body().decode(), headers)
    if len(wire.text_of(answer)) > LONGEST:
        answer = replace(answer, body=TOO_LONG)
    row = await reads.receipts.read(ANSWERS, name)
    if row is not None:
        await reads.receipts.replace(ANSWERS, row, wire.text_of(answer), reads.now())


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
