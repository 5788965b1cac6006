"""Starting an operation: take the lock, record the operation, start the orchestration; or name the lock holder."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from dormouse.environments.operations import DeleteRequest, EnvironmentRecord, OperationRecord
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.errors import CloudUnavailable, ConcurrentChange, ControlPlaneError, EnvironmentBusy
from dormouse.ids import new_operation_id, operation_id_at, verb_of
from dormouse.lifecycle import Verb
from dormouse.records.environments import Records
from dormouse.services.context import Context
from dormouse.services.durable_client import DurableClient, TaskHubUnavailable
from dormouse.services.locks import take_lock

# What a step of a lost operation has asked of Azure just before it was ended, arrives within so many seconds.
SETTLE = 30.0
NOT_STARTED = (
    "The operation was not started and nothing was changed, because Table Storage or the Durable Functions task hub did not "
    "answer; retry."
)


@dataclass(frozen=True, slots=True)
class Started:
    """The operation that a use case has started, or that was under way for the same command.

    `note` says what to know about it before it ends ("": nothing).
    """

    operation: str
    note: str = ""


def operation_id_of(context: Context, environment: str, verb: Verb) -> str:
    """The id of an operation: a new one, or, with an idempotency key, the same one however often the command is sent."""
    if context.command is None:
        return new_operation_id(environment, verb, context.dependencies.now())
    return operation_id_at(environment, verb, context.command.first_sent_at, context.command.key)


def operation_of(context: Context, environment: str, verb: Verb) -> OperationRecord:
    """A new operation, as it will be recorded."""
    identifier, caller = operation_id_of(context, environment, verb), context.caller
    return OperationRecord(
        identifier, environment, verb, caller.name, context.dependencies.clock.text(), channel=caller.channel
    )


async def start(
    context: Context,
    operation: OperationRecord,
    orchestrator: Callable[[Any], Any],
    request: Any,
    *,
    new: EnvironmentRecord | None = None,
    seen: EnvironmentRecord | None = None,
) -> Started:
    """Start an operation; raises EnvironmentBusy, or, with everything undone, ConcurrentChange or CloudUnavailable.

    `new` is recorded first, so that an environment can be seen from the moment it was accepted. `seen` is the record that
    the request rests on: if another operation has changed it since, nothing is started.
    """
    client, records = context.client, context.dependencies.records
    took_over = await take_lock(client, records, operation.environment, operation.id, context.dependencies.now())
    if took_over and isinstance(request, DeleteRequest):
        request = replace(request, delay_seconds=SETTLE)
    written: EnvironmentRecord | None = None
    try:
        if await records.environment(operation.environment) != seen:
            raise ConcurrentChange("The environment was modified concurrently; retry.")
        if new is not None:
            written = new
            await records.remember_environment(new)
        await records.remember_operation(operation)
        await client.start(orchestrator, operation.id, request)
    except ControlPlaneError as error:
        if not await _runs_all_the_same(client, operation):
            await _undo(records, operation, written)
            if isinstance(error, CloudUnavailable):
                raise CloudUnavailable(NOT_STARTED) from error
            raise
    return Started(operation.id)


async def _runs_all_the_same(client: DurableClient, operation: OperationRecord) -> bool:
    """Whether it was started and only the response was lost; if that is unknown, nothing is undone."""
    try:
        return await client.status(operation.id) is not None
    except TaskHubUnavailable as error:
        words = (
            "The Durable Functions task hub did not answer, so it is unknown whether the operation was started; check "
            f"/api/operations/{operation.id} before you retry."
        )
        raise TaskHubUnavailable(words) from error


async def _undo(records: Records, operation: OperationRecord, written: EnvironmentRecord | None) -> None:
    if written is not None:
        await records.forget_environment(written.name)
    await records.release_lock(operation.environment, operation.id)
    outcome = Outcome(OutcomeStatus.REFUSED, "The operation could not be started; nothing was changed.")
    await records.remember_operation(replace(operation, outcome=outcome))


def under_way_already(busy: EnvironmentBusy, operation: OperationRecord) -> Started:
    """The operation that holds the lock, if it does what is asked again; raises `busy` if it does something else."""
    if verb_of(busy.operation) is operation.verb:
        return Started(busy.operation)
    raise busy
