"""The Durable Functions client: status of orchestrations, and ending them with their sub-orchestrations."""

import asyncio
import contextlib
from typing import Any, TypeAlias

import azure.durable_functions as df

from dormouse import serialization
from dormouse.environments.operations import ResourceProgress
from dormouse.errors import CloudUnavailable
from dormouse.ids import child_of
from orchestrators.progress import RUNNING

Client: TypeAlias = df.DurableOrchestrationClient

ENDED = frozenset({"Completed", "Failed", "Canceled", "Terminated"})
LOOKS, BETWEEN_LOOKS = 30, 0.2


def has_ended(status: Any) -> bool:
    """Whether an orchestration with this status has ended."""
    return bool(status and status.runtime_status and status.runtime_status.value in ENDED)


async def status_of(client: Client, operation: str, **shown: bool) -> Any:
    """The status of an orchestration, or None; raises CloudUnavailable."""
    try:
        return await client.get_status(operation, **shown)
    except Exception as error:
        raise CloudUnavailable("The Durable Functions task hub did not return the operation's status; retry.") from error


def building_steps(operation: str, status: Any) -> list[str]:
    """The sub-orchestrations that an operation is running now."""
    published = status.custom_status if status and isinstance(status.custom_status, dict) else {}
    steps = [serialization.decode(ResourceProgress, step) for step in published.get("steps", [])]
    return [child_of(operation, step.name) for step in steps if step.state == RUNNING]


async def end_steps(client: Client, operation: str) -> bool:
    """End the sub-orchestrations that a terminated operation left running; True if there were any."""
    children = building_steps(operation, await status_of(client, operation))
    for child in children:
        with contextlib.suppress(Exception):  # it may have ended by itself
            await client.terminate(child, "Its operation has ended.")
    return bool(children)


async def terminate(client: Client, identifier: str, why: str) -> None:
    """Request the termination of an orchestration; raises CloudUnavailable."""
    try:
        await client.terminate(identifier, why)
    except Exception as error:
        raise CloudUnavailable("The Durable Functions task hub did not end the operation; retry.") from error


async def ends(client: Client, identifier: str, *, between_looks: float = BETWEEN_LOOKS) -> bool:
    """Whether an orchestration ends within a few seconds after its termination was requested."""
    for _ in range(LOOKS):
        if has_ended(await status_of(client, identifier)):
            return True
        await asyncio.sleep(between_looks)
    return False
