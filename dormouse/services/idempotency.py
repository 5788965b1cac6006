"""Idempotency: a command that comes again with its key is not run twice, and gets the first result again.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from dormouse import serialization
from dormouse.access.roles import Caller
from dormouse.errors import (
    CloudUnavailable,
    ControlPlaneError,
    IdempotencyKeyReused,
    RefusedByAzure,
    RequestUnderWay,
)
from dormouse.ids import operation_id_at
from dormouse.lifecycle import Verb
from dormouse.records.deduplication import ANSWERS
from dormouse.services.context import CommandKey, Context
from dormouse.services.dependencies import Dependencies

T = TypeVar("T")

# No command takes longer to be accepted: after so many seconds its process is gone, and the command may be run again.
COMPLETES_WITHIN = 120.0
# A property of a row holds 32,767 characters.
LONGEST_RESULT = 29_000


@dataclass(frozen=True, slots=True)
class IdempotentCommand(Generic[T]):
    """A command that has an idempotency key.

    `fingerprint` tells one command from another with the same key; `environment` is whose operation it may begin ("" if
    none). A result is stored as text by `encode` and read back by `decode`;
    `accepted` makes the result for an operation that the command began before its first result was lost.
    """

    key: str
    fingerprint: str
    environment: str
    encode: Callable[[T], str]
    decode: Callable[[str], T]
    accepted: Callable[[str], T]


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """A command on record; `result` is "" while it runs.

    `first` is when it came first and `since` when it was last taken up (seconds since 1970), `by` is the process that did.
    """

    request: str
    first: float
    since: float
    by: str
    result: str = ""


async def run_once(command: IdempotentCommand[T], context: Context, run: Callable[[Context], Awaitable[T]]) -> T:
    """Run a command unless it was run; raises what it raises, IdempotencyKeyReused, or RequestUnderWay."""
    dependencies = context.dependencies
    now = dependencies.now()
    mine = StoredCommand(command.fingerprint, now, now, secrets.token_hex(8))
    earlier = await _earlier(command.key, mine, dependencies)
    if earlier is not None:
        if earlier.result:
            return command.decode(earlier.result)
        operation = await _begun_operation(command, earlier, dependencies)
        if operation:
            return command.accepted(operation)
        mine = await _take_over(command.key, earlier, mine, dependencies)
    try:
        result = await run(replace(context, command=CommandKey(command.key, mine.first)))
    except ControlPlaneError:
        # Nothing was begun, or it is found again by its id: the same command may be tried again.
        await dependencies.receipts.forget(ANSWERS, command.key)
        raise
    with suppress(CloudUnavailable, RefusedByAzure):  # it is done all the same, and found again by the id of its operation
        await _store(command.key, replace(mine, result=command.encode(result)), dependencies)
    return result


def key_of_command(caller: Caller, key: str) -> str:
    """The key that a command is stored under: callers cannot see each other's."""
    return digest(caller.channel, caller.object_id or caller.name, key)


def digest(*parts: str) -> str:
    """One fingerprint of several texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


async def _earlier(key: str, mine: StoredCommand, dependencies: Dependencies) -> StoredCommand | None:
    """The same command that came before, or None if this one is the first."""
    first, lost = False, None
    try:
        first = await dependencies.receipts.take(ANSWERS, key, serialization.text_of(mine), mine.since)
    except CloudUnavailable as error:  # the row may be written all the same
        lost = error
    row = None if first else await dependencies.receipts.read(ANSWERS, key)
    earlier = serialization.read_text(StoredCommand, row.document) if row else None
    if first or (lost and earlier and earlier.by == mine.by):
        return None
    if lost:
        raise lost
    if earlier is None:  # it was deleted since
        raise RequestUnderWay
    if earlier.request != mine.request:
        raise IdempotencyKeyReused
    return earlier


async def _begun_operation(command: IdempotentCommand[T], earlier: StoredCommand, dependencies: Dependencies) -> str:
    """The operation that the command began before its result was lost, or ""."""
    for verb in Verb if command.environment else ():
        operation = operation_id_at(command.environment, verb, earlier.first, command.key)
        if await dependencies.records.operation(operation) is not None:
            return operation
    return ""


async def _take_over(key: str, earlier: StoredCommand, mine: StoredCommand, dependencies: Dependencies) -> StoredCommand:
    """Take a command over from a process that must be gone by now; raises RequestUnderWay."""
    mine = replace(mine, first=earlier.first)
    row = await dependencies.receipts.read(ANSWERS, key)
    same = row is not None and serialization.read_text(StoredCommand, row.document) == earlier
    gone = mine.since - earlier.since >= COMPLETES_WITHIN
    text = serialization.text_of(mine)
    if row is None or not same or not gone or not await dependencies.receipts.replace(ANSWERS, row, text, mine.since):
        raise RequestUnderWay
    return mine


async def _store(key: str, command: StoredCommand, dependencies: Dependencies) -> None:
    row = await dependencies.receipts.read(ANSWERS, key)
    if row is not None:
        await dependencies.receipts.replace(ANSWERS, row, serialization.text_of(command), dependencies.now())
