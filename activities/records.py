"""Activities that write the records of environments and operations."""

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
    """Write the record of an environment."""
    await Records(cloud.tables).remember_environment(request)
    return request.operation


async def holds_lock(request: LockQuestion, cloud: Cloud) -> bool:
    """Whether an operation holds the lock of its environment."""
    held = await Records(cloud.tables).lock(request.environment)
    return held is not None and held.operation == request.operation


async def close_operation(request: Completion, cloud: Cloud) -> str:
    """Delete the environment's record if requested, release its lock, and write the outcome, in that order.

    Once the outcome is visible, everything else is done. If it runs again after the lock was released, it does not touch
    the records of a later operation.
    """
    records = Records(cloud.tables)
    lock = await records.lock(request.environment) if request.forget_environment else None
    if lock is not None and lock.operation == request.operation:
        with suppress(UnreadableRecord):  # then retention deletes the rows of its VM later
            known = await records.environment(request.environment)
            if known is not None:
                machine = known.machine_id(cloud.settings.azure_subscription_id)
                await MachineRecords(cloud.tables).forget(key_of(machine))
        await records.forget_environment(request.environment)
    await records.release_lock(request.environment, request.operation)
    try:
        record = await records.operation(request.operation)
    except UnreadableRecord as error:  # only a newer release can update it
        log.warning("The outcome %s was not written: %s", request.outcome.status, error)
        record = None
    if record is not None:
        ended = replace(record, began_at=request.began_at, ended_at=request.ended_at, outcome=request.outcome)
        await records.remember_operation(replace(ended, steps=request.steps))
    return request.outcome.status
