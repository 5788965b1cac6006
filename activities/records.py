"""The trail: what was begun and what came of it."""

import logging
from contextlib import suppress
from dataclasses import replace

from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import Completion, EnvironmentRecord, LockQuestion
from dormouse.errors import UnreadableRecord
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords
from dormouse.resources.machines import key_of

log = logging.getLogger(__name__)


async def write_environment(request: EnvironmentRecord, cloud: Cloud) -> str:
    """Remember what was asked for, now that it is built."""
    await Records(cloud.tables).remember_environment(request)
    return request.operation


async def holds_lock(request: LockQuestion, cloud: Cloud) -> bool:
    """Whether an operation holds the lock of its environment at this moment."""
    held = await Records(cloud.tables).lock(request.environment)
    return held is not None and held.operation == request.operation


async def close_operation(request: Completion, cloud: Cloud) -> str:
    """Forget the environment if nothing of it is left, release its lock, and write the outcome, in that order.

    Who reads the outcome finds everything else done. Run again after the lock is released, it leaves alone what a later
    operation may have made under the same name.
    """
    records = Records(cloud.tables)
    lock = await records.lock(request.environment) if request.forget_environment else None
    if lock is not None and lock.operation == request.operation:
        with suppress(UnreadableRecord):  # then the rows of its machine go when no sweep has seen it for long
            known = await records.environment(request.environment)
            if known is not None:
                machine = known.machine_id(cloud.settings.azure_subscription_id)
                await MachineRecords(cloud.tables).forget(key_of(machine))
        await records.forget_environment(request.environment)
    await records.release_lock(request.environment, request.operation)
    try:
        record = await records.operation(request.operation)
    except UnreadableRecord as error:  # only a newer release could write the outcome into it
        log.warning("The outcome %s was not written: %s", request.outcome.status, error)
        record = None
    if record is not None:
        ended = replace(record, began_at=request.began_at, ended_at=request.ended_at, outcome=request.outcome)
        await records.remember_operation(replace(ended, steps=request.steps))
    return request.outcome.status
