"""Locks: one operation at a time changes an environment, and a lock whose holder is gone is taken over."""

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import replace

from dormouse.clock import HOUR, MINUTE
from dormouse.environments.operations import EnvironmentRecord
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.errors import CloudUnavailable, ConcurrentChange, EnvironmentBusy, UnreadableRecord
from dormouse.ids import is_of_sweep, is_operation_id, verb_of
from dormouse.lifecycle import Verb
from dormouse.records.environments import Lock, Records
from dormouse.services.durable_client import DurableClient, TaskHubUnavailable, end_steps

# A lock is written before its orchestration is started: a young one may have none yet.
YOUNG = 120.0
# A sweep lasts a quarter of an hour at most. An older lock of it is abandoned, whatever its orchestration says.
SWEEP_LIVES = 20 * MINUTE
# No other operation lasts half a day, whatever it waits for.
LONGEST = 12 * HOUR
LOST = "The orchestration ended without writing down what came of it. Look at the environment, then repeat the command."
TRIES = 3


async def running_operation(client: DurableClient, records: Records, environment: str, now: float) -> str:
    """The running operation that holds the lock of an environment, or ""."""
    held = await records.lock(environment)
    return "" if held is None or await _is_stale(client, held, now) else held.operation


async def running_operations(client: DurableClient, records: Records, now: float) -> dict[str, str]:
    """The running operations that hold locks, by environment."""
    locks = await records.locks()
    stale = await asyncio.gather(*(_is_stale(client, held, now) for held in locks.values()))
    return {name: held.operation for (name, held), gone in zip(locks.items(), stale, strict=True) if not gone}


async def require_staying(client: DurableClient, records: Records, environment: str, now: float) -> None:
    """Raise EnvironmentBusy, which names the operation, while an environment is being deleted."""
    operation = await running_operation(client, records, environment, now)
    if operation and verb_of(operation) is Verb.DELETE:
        raise EnvironmentBusy(environment, operation)


async def being_deleted(client: DurableClient, records: Records, now: float) -> dict[str, EnvironmentRecord]:
    """The environments that are being deleted at this moment, by the operations that do it."""
    found: dict[str, EnvironmentRecord] = {}
    for name, held in (await records.locks()).items():
        deletes = is_operation_id(held.operation) and verb_of(held.operation) is Verb.DELETE
        if deletes and not await _is_stale(client, held, now):
            record = await records.environment(name)
            found |= {held.operation: record} if record else {}
    return found


async def free_stale_locks(client: DurableClient, records: Records, now: float) -> None:
    """Release the locks of operations that have ended; locks of running operations stay."""
    for name, held in (await stale_locks(client, records, now)).items():
        await release_stale_lock(client, records, name, held, now)


async def stale_locks(client: DurableClient, records: Records, now: float) -> dict[str, Lock]:
    """The locks whose operations have ended, are unknown to the task hub, or have outlived every operation, by name."""
    held = await records.locks()
    stale = await asyncio.gather(*(_is_stale(client, lock, now) for lock in held.values()))
    return {name: lock for (name, lock), gone in zip(held.items(), stale, strict=True) if gone}


async def release_stale_lock(client: DurableClient, records: Records, name: str, held: Lock, now: float) -> None:
    """Release a stale lock: end what its operation left running, write down that it is lost, and delete the row."""
    await _end(client, held, now)
    await close_trail(records, held.operation)
    await records.release_lock(name, held.operation)


async def take_lock(client: DurableClient, records: Records, name: str, holder: str, now: float) -> bool:
    """Take a lock; True if it was taken over from an operation that was still building. Raises as `start` does."""
    wanted = Lock(holder, now)
    for _ in range(TRIES):
        if await _holds_after(records, name, holder, records.take_lock(name, wanted)):
            return False
        held = await records.lock(name)
        if held is None:
            continue
        if not await _is_stale(client, held, now):
            raise EnvironmentBusy(name, held.operation)
        # Before the lock is taken over, so that the next request does it again if this process dies.
        left = await _end(client, held, now)
        if await _holds_after(records, name, holder, records.take_over_lock(name, held, wanted)):
            await close_trail(records, held.operation)
            return left
    raise ConcurrentChange(f"The lock of {name} was taken and released {TRIES} times by other requests; retry.")


async def _end(client: DurableClient, held: Lock, now: float) -> bool:
    """End what the holder of a stale lock left running; True if it was still building."""
    if not is_of_sweep(held.instance_id) and now - held.taken_at > LONGEST:
        with contextlib.suppress(TaskHubUnavailable):  # an orchestration that does not end has no lock from now on
            await client.terminate(held.orchestration, "It did not end in time.")
    return await end_steps(client, held.operation)


async def _holds_after(records: Records, name: str, holder: str, taking: Awaitable[bool]) -> bool:
    """Whether the holder has the lock now; if the response was lost, the lock is read."""
    try:
        return await taking
    except CloudUnavailable:
        held = await records.lock(name)
        if held is None or held.operation != holder:
            raise
        return True


async def close_trail(records: Records, operation: str) -> None:
    """Record that an operation is lost, so that it is not listed as running."""
    with contextlib.suppress(UnreadableRecord):  # its newer release writes it down
        record = await records.operation(operation)
        if record is not None and record.outcome is None:
            await records.remember_operation(replace(record, outcome=Outcome(OutcomeStatus.LOST, LOST)))


async def _is_stale(client: DurableClient, held: Lock, now: float) -> bool:
    age = now - held.taken_at
    if age > (SWEEP_LIVES if is_of_sweep(held.instance_id) else LONGEST):
        return True
    status = await client.status(held.orchestration)
    return age > YOUNG if status is None else status.ended
