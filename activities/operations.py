"""Polling of long-running Azure operations."""

from dormouse.cloud.clients import Cloud
from dormouse.environments.answers import Answer
from dormouse.environments.requests import PollRequest


async def poll_operation(request: PollRequest, cloud: Cloud) -> Answer:
    """Poll a long-running operation: done, pending, or refused."""
    answer, _ = await cloud.ask(request.url, may_repeat=request.may_repeat)
    return answer
