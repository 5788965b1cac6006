"""Chat commands: run by the dispatcher of the app, and answered in the chat."""

from typing import Protocol

from dormouse.chatops.messages import ChatPoll, ChatReply, ChatRequest, CommandResult
from dormouse.cloud.clients import Cloud
from dormouse.notifications.webhooks import Webhooks
from dormouse.records.deduplication import CHAT, Receipts


class CommandRunner(Protocol):
    """Runs chat commands; `function_app` hands it in, so that activities need not import it."""

    async def run(self, request: ChatRequest) -> CommandResult:
        """Run a command with the rights of the person who sent it; raises CloudUnavailable."""

    async def poll(self, request: ChatPoll) -> CommandResult:
        """The progress or the end of an operation; raises CloudUnavailable."""


async def run_chat_command(request: ChatRequest, runner: CommandRunner) -> CommandResult:
    """Run a command; a second run finds what the first one started."""
    return await runner.run(request)


async def poll_chat_operation(request: ChatPoll, runner: CommandRunner) -> CommandResult:
    """Ask for the progress or the end of an operation."""
    return await runner.poll(request)


async def reply_in_chat(request: ChatReply, cloud: Cloud) -> str:
    """Reply in the chat; raises DeliveryError if it cannot be reached."""
    row = await Receipts(cloud.tables).read(CHAT, request.receipt)
    if row is None or not row.document:
        return "nowhere"
    await Webhooks(cloud).reply(row.document, request.card)
    return "told"


async def end_chat(request: str, cloud: Cloud) -> str:
    """Delete the reply address of a command: nothing more will be sent."""
    receipts = Receipts(cloud.tables)
    row = await receipts.read(CHAT, request)
    if row is not None and row.document:
        await receipts.replace(CHAT, row, "", cloud.now())
    return request
