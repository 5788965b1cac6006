"""Cancelling operations and sweeps: gracefully, or by force."""

import contextlib
from dataclasses import replace

from dormouse import serialization
from dormouse.clock import rfc3339
from dormouse.environments.operations import Cancellation, OperationRecord
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.errors import CommandNotPossible
from dormouse.idle.sweep import SWEEP_LOCK
from dormouse.ids import is_of_sweep, page_id
from dormouse.lifecycle import CANCELLABLE
from dormouse.records.environments import Records
from dormouse.services.durable_client import (
    BETWEEN_LOOKS,
    DurableClient,
    TaskHubUnavailable,
    building_steps,
    end_steps,
    ends,
    has_ended,
)
from dormouse.services.locks import close_trail
from orchestrators.durable import CANCEL


async def cancel(client: DurableClient, operation: OperationRecord, cancellation: Cancellation) -> None:
    """Cancel an operation, and every resource that it is building.

    Raises CommandNotPossible if it has ended or is one that Azure would finish all the same.
    """
    await _require_under_way(client, operation)
    if operation.verb not in CANCELLABLE:
        words = f"Azure would finish a {operation.verb} all the same. Wait until it has ended, then ask for something else."
        raise CommandNotPossible(words)
    told = serialization.encode(cancellation)
    await client.raise_event(operation.id, CANCEL, told)
    # It begins nothing more from now on: what it is building is what it was, and what it began in this moment.
    for child in building_steps(operation.id, await client.status(operation.id)):
        with contextlib.suppress(TaskHubUnavailable):  # it may have ended by itself in this moment
            await client.raise_event(child, CANCEL, told)


async def end_by_force(
    client: DurableClient,
    records: Records,
    operation: OperationRecord,
    by: str,
    now: float,
    *,
    between_looks: float = BETWEEN_LOOKS,
) -> None:
    """End an operation as it stands, and its steps; when it has ended, its lock is stale. Raises as `cancel` does."""
    await _require_under_way(client, operation)
    carried = is_of_sweep(operation.instance_id)
    if not carried:  # a sweep goes on with its other machines, and leaves this one alone without its lock
        orchestration = operation.instance_id or operation.id
        await client.terminate(orchestration, f"Ended by {by}.")
        await end_steps(client, operation.id)
        if not await ends(client, orchestration, between_looks=between_looks):
            return
    known = await records.operation(operation.id)
    if known is not None and known.outcome is None:
        words = f"{by} ended it by force. What Azure had begun goes on; look at the environment, then repeat the command."
        ended = replace(known, outcome=Outcome(OutcomeStatus.LOST, words), ended_at=rfc3339(now))
        await records.remember_operation(ended)
    if carried:
        await records.release_lock(operation.environment, operation.id)


async def end_sweep(client: DurableClient, records: Records, sweep: str, why: str) -> None:
    """End a sweep with all its pages, and release every machine that it has taken; raises CloudUnavailable."""
    status = await client.status(sweep)
    pages = int(status.published.get("pages", 0)) if status else 0
    ours = [sweep, *(page_id(sweep, number) for number in range(pages))]
    for identifier in ours:
        if not await has_ended(client, identifier):
            with contextlib.suppress(TaskHubUnavailable):  # what does not end by being told has no lock from now on
                await client.terminate(identifier, why)
    for name, held in (await records.locks()).items():
        if held.instance_id in ours:
            await close_trail(records, held.operation)
            await records.release_lock(name, held.operation)
    await records.release_lock(SWEEP_LOCK, sweep)


async def _require_under_way(client: DurableClient, operation: OperationRecord) -> None:
    own = operation.id if is_of_sweep(operation.instance_id) else operation.instance_id or operation.id
    if operation.outcome is not None or await has_ended(client, own):
        raise CommandNotPossible(f"Operation {operation.id} has ended; there is nothing to cancel.")
