"""Polling of long-running Azure operations."""

from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import PollRequest
from dormouse.environments.results import Progress


async def poll_operation(request: PollRequest, cloud: Cloud) -> Progress:
    """Poll a long-running operation: done, waiting, or refused."""
    progress, _ = await cloud.ask(request.url)
    return progress
