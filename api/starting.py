"""Starting an operation: take the lock, write the trail, start the orchestration; or say who holds the lock."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

import azure.durable_functions as df

import wire
from environments.errors import CloudUnavailable, CommandNotPossible, EnvironmentBusy
from environments.identifiers import child_of, new_operation_id, operation_id_at, verb_of
from environments.lifecycle import CANCELLABLE, Verb
from environments.operations import Cancellation, EnvironmentRecord, OperationRecord, StepReport, Teardown
from environments.outcomes import Outcome, Verdict
from environments.roles import Caller
from orchestrators.board import RUNNING
from orchestrators.steps import CANCEL
from records.store import Lock, Records

Client: TypeAlias = df.DurableOrchestrationClient

ENDED = frozenset({"Completed", "Failed", "Canceled", "Terminated"})
# A lock is written before its orchestration is started: a young one may have none yet.
YOUNG = 120.0
# What a step of a lost operation has asked of Azure just before it was ended, arrives within so many seconds.
SETTLE = 30.0
LOST = "The orchestration ended without writing down what came of it. Look at the environment, then repeat the command."
TRIES = 3
LOOKS, BETWEEN_LOOKS = 30, 0.2


def operation_id_of(caller: Caller, environment: str, verb: Verb) -> str:
    """The id of an operation: a new one, or the one that a command which may come again has however often it comes."""
    if not caller.command:
        return new_operation_id(environment, verb)
    return operation_id_at(environment, verb, caller.since, caller.command)


def operation_of(caller: Caller, environment: str, verb: Verb) -> OperationRecord:
    """A new operation, as the trail will have it."""
    identifier = operation_id_of(caller, environment, verb)
    return OperationRecord(identifier, environment, verb, caller.name, now(), door=caller.door)


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
    took_over = await take_lock(client, records, operation.environment, operation.id)
    if took_over and isinstance(request, Teardown):
        request = replace(request, settle=SETTLE)
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


async def cancel(client: Client, operation: OperationRecord, cancellation: Cancellation) -> None:
    """Tell an operation, and every step that it is building, that nobody wants it any more.

    Raises CommandNotPossible if it has ended or is one that Azure would finish all the same.
    """
    await _require_under_way(client, operation)
    if operation.verb not in CANCELLABLE:
        words = f"Azure would finish a {operation.verb} all the same. Wait until it has ended, then ask for something else."
        raise CommandNotPossible(words)
    told = wire.encode(cancellation)
    try:
        await client.raise_event(operation.id, CANCEL, told)
    except Exception as error:
        raise CloudUnavailable("The operation could not be reached; try again.") from error
    # It begins nothing more from now on: what it is building is what it was, and what it began in this moment.
    for child in _building(operation.id, await _status(client, operation.id)):
        with contextlib.suppress(Exception):  # it may have ended by itself in this moment
            await client.raise_event(child, CANCEL, told)


async def end_by_force(client: Client, records: Records, operation: OperationRecord, by: str) -> None:
    """End an operation as it stands, and its steps; when it has ended, its lock is stale. Raises as `cancel` does."""
    await _require_under_way(client, operation)
    if operation.carrier:
        raise CommandNotPossible(f"It is part of {operation.carrier}, with others; wait until that has ended.")
    try:
        await client.terminate(operation.id, f"Ended by {by}.")
    except Exception as error:
        raise CloudUnavailable("The operation could not be reached; try again.") from error
    await _end_what_it_left(client, operation.id)
    # It ends when it hears of it; until then nobody may say that it has.
    for _ in range(LOOKS):
        if _has_ended(await _status(client, operation.id)):
            break
        await asyncio.sleep(BETWEEN_LOOKS)
    else:
        return
    known = await records.operation(operation.id)
    if known is not None and known.outcome is None:
        words = f"{by} ended it by force. What Azure had begun goes on; look at the environment, then repeat the command."
        await records.remember_operation(replace(known, outcome=Outcome(Verdict.LOST, words), ended_at=now()))


async def _require_under_way(client: Client, operation: OperationRecord) -> None:
    if operation.outcome is not None or _has_ended(await _status(client, operation.id)):
        raise CommandNotPossible(f"Operation {operation.id} has ended; there is nothing to cancel.")


async def _status(client: Client, operation: str) -> Any:
    """How an orchestration stands, or None; raises CloudUnavailable."""
    try:
        return await client.get_status(operation)
    except Exception as error:
        raise CloudUnavailable("The state of an operation cannot be asked right now.") from error


def _has_ended(status: Any) -> bool:
    return bool(status and status.runtime_status and status.runtime_status.value in ENDED)


def _building(operation: str, status: Any) -> list[str]:
    """The orchestrations that build the steps of an operation at this moment."""
    published = status.custom_status if status and isinstance(status.custom_status, dict) else {}
    steps = [wire.decode(StepReport, step) for step in published.get("steps", [])]
    return [child_of(operation, step.name) for step in steps if step.state == RUNNING]


async def running_operation(client: Client, records: Records, environment: str) -> str:
    """The operation that holds the environment and is alive, or ""."""
    held = await records.lock(environment)
    return "" if held is None or await _is_stale(client, held) else held.operation


async def running_operations(client: Client, records: Records) -> dict[str, str]:
    """The operations that hold environments and are alive, by environment."""
    locks = await records.locks()
    stale = await asyncio.gather(*(_is_stale(client, held) for held in locks.values()))
    return {name: held.operation for (name, held), gone in zip(locks.items(), stale, strict=True) if not gone}


async def free_stale_locks(client: Client, records: Records) -> None:
    """Release what ended operations hold, so that nobody has to ask for each; what a living one holds stays as it is."""
    for name, held in (await records.locks()).items():
        if await _is_stale(client, held):
            await _end_what_it_left(client, held.operation)
            await _close_the_trail(records, held.operation)
            await records.release_lock(name, held.operation)


def same_command(busy: EnvironmentBusy, operation: OperationRecord) -> bool:
    """Whether the holder of the lock is doing just what is asked again."""
    return verb_of(busy.operation) is operation.verb


def now() -> str:
    """The present moment, as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


async def take_lock(client: Client, records: Records, name: str, holder: str) -> bool:
    """Take a lock, and say whether it was taken over from an operation that was still building; raises as `start` does."""
    wanted = Lock(holder, time.time())
    for _ in range(TRIES):
        if await _holds_after(records, name, holder, records.take_lock(name, wanted)):
            return False
        held = await records.lock(name)
        if held is None:
            continue
        if not await _is_stale(client, held):
            raise EnvironmentBusy(name, held.operation)
        # Before the lock changes hands, so that whoever comes next does it again if this breaks off.
        left = await _end_what_it_left(client, held.operation)
        if await _holds_after(records, name, holder, records.take_over_lock(name, held, wanted)):
            await _close_the_trail(records, held.operation)
            return left
    raise CloudUnavailable("The environment changes hands too fast; try again.")


async def _holds_after(records: Records, name: str, holder: str, taking: Awaitable[bool]) -> bool:
    """Whether the holder holds the lock now; when the answer is lost, the lock itself is asked."""
    try:
        return await taking
    except CloudUnavailable:
        held = await records.lock(name)
        if held is None or held.operation != holder:
            raise
        return True


async def _end_what_it_left(client: Client, operation: str) -> bool:
    """End the steps that an operation ended from outside has left behind, and say whether there were any."""
    children = _building(operation, await _status(client, operation))
    for child in children:
        with contextlib.suppress(Exception):  # it may have ended by itself
            await client.terminate(child, "Its operation has ended.")
    return bool(children)


async def _close_the_trail(records: Records, operation: str) -> None:
    """Write down that an operation is lost, so that the trail does not call it running for ever."""
    record = await records.operation(operation)
    if record is not None and record.outcome is None:
        await records.remember_operation(replace(record, outcome=Outcome(Verdict.LOST, LOST)))


async def _is_stale(client: Client, held: Lock) -> bool:
    status = await _status(client, held.orchestration)
    if not status or status.runtime_status is None:
        return time.time() - held.taken_at > YOUNG
    return _has_ended(status)
