"""Starting an operation: take the lock, write the trail, start the orchestration; or say who holds the lock."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

import azure.durable_functions as df

import wire
from environments.errors import CloudUnavailable, EnvironmentBusy
from environments.identifiers import verb_of
from environments.operations import EnvironmentRecord, OperationRecord
from environments.outcomes import Outcome, Verdict
from records.store import Lock, Records

Client: TypeAlias = df.DurableOrchestrationClient

ENDED = frozenset({"Completed", "Failed", "Canceled", "Terminated"})
# A lock is written before its orchestration is started: a young one may have none yet.
YOUNG = 120.0
TRIES = 3


async def start(
    client: Client,
    records: Records,
    operation: OperationRecord,
    orchestrator: Callable[[Any], Any],
    request: Any,
    *,
    new: EnvironmentRecord | None = None,
    seen: EnvironmentRecord | None = None,
) -> None:
    """Start an operation; raises EnvironmentBusy naming the holder, or CloudUnavailable with everything undone.

    `new` is remembered first, so that an environment can be seen from the moment it was accepted. `seen` is what the request
    rests on: if another operation has changed it meanwhile, nothing is started.
    """
    await _take_lock(client, records, operation)
    written: EnvironmentRecord | None = None
    try:
        if await records.environment(operation.environment) != seen:
            raise CloudUnavailable("The environment has changed meanwhile.")
        if new is not None:
            written = new
            await records.remember_environment(new)
        await records.remember_operation(operation)
        await client.start_new(orchestrator.__name__, operation.id, wire.encode(request))
    except Exception as error:
        if not await _runs_all_the_same(client, operation):
            await _undo(records, operation, written)
            raise CloudUnavailable("The operation could not be started; nothing was changed. Try again.") from error


async def _runs_all_the_same(client: Client, operation: OperationRecord) -> bool:
    """Whether only the answer was lost; if not even that can be told, everything stays, and the lock ends as a stale one."""
    try:
        return bool(await client.get_status(operation.id))
    except Exception as error:
        words = f"It is not known whether the operation was started; look at /api/operations/{operation.id}."
        raise CloudUnavailable(words) from error


async def _undo(records: Records, operation: OperationRecord, written: EnvironmentRecord | None) -> None:
    if written is not None:
        await records.forget_environment(written.name)
    await records.release_lock(operation.environment, operation.id)
    outcome = Outcome(Verdict.REFUSED, "The operation could not be started; nothing was changed.")
    await records.remember_operation(replace(operation, outcome=outcome))


async def running_operation(client: Client, records: Records, environment: str) -> str:
    """The operation that holds the environment and is alive, or ""."""
    held = await records.lock(environment)
    return "" if held is None or await _is_stale(client, held) else held.operation


def same_command(busy: EnvironmentBusy, operation: OperationRecord) -> bool:
    """Whether the holder of the lock is doing just what is asked again."""
    return verb_of(busy.operation) is operation.verb


def now() -> str:
    """The present moment, as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


async def _take_lock(client: Client, records: Records, operation: OperationRecord) -> None:
    wanted = Lock(operation.id, time.time())
    for _ in range(TRIES):
        if await records.take_lock(operation.environment, wanted):
            return
        held = await records.lock(operation.environment)
        if held is None:
            continue
        if not await _is_stale(client, held):
            raise EnvironmentBusy(operation.environment, held.operation)
        if await records.take_over_lock(operation.environment, held, wanted):
            return
    raise CloudUnavailable("The environment changes hands too fast; try again.")


async def _is_stale(client: Client, held: Lock) -> bool:
    status = await client.get_status(held.operation)
    if not status or status.runtime_status is None:
        return time.time() - held.taken_at > YOUNG
    return status.runtime_status.value in ENDED
