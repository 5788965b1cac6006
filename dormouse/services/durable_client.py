"""The Durable Functions client: typed calls with one error, and ending orchestrations with their sub-orchestrations."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import azure.durable_functions as df

from dormouse import serialization
from dormouse.environments.operations import ResourceProgress
from dormouse.errors import CloudUnavailable
from dormouse.ids import child_of, is_instance_id
from orchestrators.progress import RUNNING

T = TypeVar("T")
STATUS = df.OrchestrationRuntimeStatus
ENDED = (STATUS.Completed, STATUS.Failed, STATUS.Canceled, STATUS.Terminated)
UNENDED = tuple(status for status in STATUS if status not in ENDED)
LOOKS, BETWEEN_LOOKS = 30, 0.2
# In seconds, for requests that look through the whole task hub. Three of them must leave time within `functionTimeout`, at
# whose end the host kills the process with everything that runs in it.
PATIENCE = 75.0

log = logging.getLogger(__name__)


class TaskHubUnavailable(CloudUnavailable):
    """The Durable Functions task hub did not answer, or rejected the request; it may have carried it out all the same."""


@dataclass(frozen=True, slots=True)
class OrchestrationStatus:
    """An orchestration that exists: its function, its runtime status, its custom status, input and output."""

    name: str
    runtime: str
    custom_status: Any = None
    input: Any = None
    output: Any = None

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.runtime in {status.value for status in ENDED}

    @property
    def published(self) -> dict[str, Any]:
        """The fields of its custom status; empty if it has published none."""
        return self.custom_status if isinstance(self.custom_status, dict) else {}


class DurableClient:
    """The client that the Functions host binds; every call of it raises TaskHubUnavailable and nothing else.

    The SDK (azure-functions-durable 1.7) raises a bare `Exception` for HTTP statuses that it does not expect, and lets
    through what its HTTP client raises: aiohttp's `ClientError`, `TimeoutError`, `OSError`, and `ValueError`, `KeyError`
    or `TypeError` for a response of another form. It does not escape IDs in URLs, so every ID is checked here first;
    no orchestration has a malformed ID.
    """

    def __init__(self, client: df.DurableOrchestrationClient) -> None:
        """Send requests through this client of the SDK."""
        self._client = client

    async def start(self, orchestrator: Callable[[Any], Any], identifier: str, request: Any) -> None:
        """Start an orchestration with this ID and input."""
        failure = f"did not start {identifier}"
        _require_id(identifier, failure)
        starting = self._client.start_new(orchestrator.__name__, identifier, serialization.encode(request))
        await _answered(starting, failure)

    async def status(self, identifier: str, *, show_input: bool = False) -> OrchestrationStatus | None:
        """The status of an orchestration, or None if there is none with this ID."""
        if not is_instance_id(identifier):
            return None
        failure = f"did not return the status of {identifier}"
        found = await _answered(self._client.get_status(identifier, show_input=show_input), failure)
        if not found:
            # The SDK takes an internal error of the host (HTTP 500) for an orchestration with a `Message` and no status.
            if "Message" in vars(found):
                raise _unavailable(failure)
            return None
        runtime = (found.runtime_status or STATUS.Pending).value
        return OrchestrationStatus(found.name or "", runtime, found.custom_status, found.input_, found.output)

    async def raise_event(self, identifier: str, name: str, content: Any) -> None:
        """Send an event to an orchestration that runs."""
        failure = f"did not deliver the event to {identifier}"
        _require_id(identifier, failure)
        await _answered(self._client.raise_event(identifier, name, content), failure)

    async def terminate(self, identifier: str, why: str) -> None:
        """Request the termination of an orchestration; one that has ended stays as it is."""
        failure = f"did not end {identifier}"
        _require_id(identifier, failure)
        await _answered(self._client.terminate(identifier, why), failure)

    async def unended(self, last: datetime, *, patience: float = PATIENCE) -> dict[str, datetime]:
        """The orchestrations of ours that were created up to this moment and have not ended, with that time, oldest first.

        A parent is before its children. They are a hundred at most: the host returns no more at once, and the SDK does not
        ask for the rest.
        """
        listing = self._client.get_status_by(created_time_to=last, runtime_status=list(UNENDED))
        found = await _answered(asyncio.wait_for(listing, patience), "did not list what has not ended")
        ours = [one for one in found if one.created_time and is_instance_id(one.instance_id)]
        return {
            one.instance_id: one.created_time for one in sorted(ours, key=lambda one: (one.created_time, one.instance_id))
        }

    async def purge(self, first: datetime, last: datetime, *, patience: float = PATIENCE) -> int:
        """Delete the histories of ended orchestrations that were created in this time; returns how many.

        What was deleted when the patience (in seconds) ends stays deleted, and the host may go on.
        """
        # The statuses are named although Azure Storage purges nothing else by a filter: what runs must never be purged.
        purging = self._client.purge_instance_history_by(first, last, list(ENDED))
        purged = await _answered(asyncio.wait_for(purging, patience), "did not delete old histories")
        return int(purged.instances_deleted)


async def _answered(request: Awaitable[T], failure: str) -> T:
    try:
        return await request
    except Exception as error:  # the SDK raises nothing more exact: see DurableClient
        log.warning("The Durable Functions task hub %s: %s: %s", failure, type(error).__name__, error)
        raise _unavailable(failure) from error


def _require_id(identifier: str, failure: str) -> None:
    if not is_instance_id(identifier):
        raise _unavailable(failure)


def _unavailable(failure: str) -> TaskHubUnavailable:
    return TaskHubUnavailable(f"The Durable Functions task hub {failure}; retry.")


def building_steps(operation: str, status: OrchestrationStatus | None) -> list[str]:
    """The sub-orchestrations that an operation is running now."""
    published = status.published if status else {}
    steps = [serialization.decode(ResourceProgress, step) for step in published.get("steps", [])]
    return [child_of(operation, step.name) for step in steps if step.state == RUNNING]


async def end_steps(client: DurableClient, operation: str) -> bool:
    """End the sub-orchestrations that a terminated operation left running; True if there were any."""
    children = building_steps(operation, await client.status(operation))
    for child in children:
        with contextlib.suppress(TaskHubUnavailable):  # it may have ended by itself
            await client.terminate(child, "Its operation has ended.")
    return bool(children)


async def has_ended(client: DurableClient, identifier: str) -> bool:
    """Whether an orchestration exists and has ended."""
    status = await client.status(identifier)
    return status is not None and status.ended


async def ends(client: DurableClient, identifier: str, *, between_looks: float = BETWEEN_LOOKS) -> bool:
    """Whether an orchestration ends within a few seconds after its termination was requested."""
    for _ in range(LOOKS):
        if await has_ended(client, identifier):
            return True
        await asyncio.sleep(between_looks)
    return False
