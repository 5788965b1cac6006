"""Long operations of Azure: asked how they stand."""

from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import PollRequest
from dormouse.environments.results import Progress


async def poll_operation(request: PollRequest, cloud: Cloud) -> Progress:
    """Ask at an operation's address how it stands: done, to be asked again, or refused."""
    progress, _ = await cloud.ask(request.url)
    return progress
