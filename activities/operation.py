"""Long operations of Azure: asked how they stand."""

from cloud.connection import Cloud
from environments.operations import PollRequest
from environments.outcomes import Progress


async def check_operation(request: PollRequest, cloud: Cloud) -> Progress:
    """Ask at an operation's address how it stands: done, to be asked again, or refused."""
    progress, _ = await cloud.ask(request.url)
    return progress
