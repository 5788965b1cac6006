"""The trail: what was begun and what came of it."""

from dataclasses import replace

from cloud.connection import Cloud
from environments.operations import Closing, EnvironmentRecord
from records.store import Records


async def remember_environment(request: EnvironmentRecord, cloud: Cloud) -> str:
    """Remember what was asked for, now that it is built."""
    await Records(cloud.tables).remember_environment(request)
    return request.operation


async def close_operation(request: Closing, cloud: Cloud) -> str:
    """Write an operation's outcome, forget the environment if nothing of it is left, and release its lock, in that order.

    Run again after the lock is released, it leaves alone what a later operation may have made under the same name.
    """
    records = Records(cloud.tables)
    record = await records.operation(request.operation)
    if record is not None:
        await records.remember_operation(
            replace(
                record,
                steps=request.steps,
                began_at=request.began_at,
                ended_at=request.ended_at,
                outcome=request.outcome,
            )
        )
    lock = await records.lock(request.environment)
    if request.forget_environment and lock is not None and lock.operation == request.operation:
        await records.forget_environment(request.environment)
    await records.release_lock(request.environment, request.operation)
    return request.outcome.verdict
