"""What chats ask for: carried out by the routes that everybody asks, and answered where it was said."""

from typing import Protocol

from dormouse.chatops.parser import ChatPoll, ChatReply, ChatRequest, CommandResult
from dormouse.cloud.clients import Cloud
from dormouse.notifications.webhooks import Webhooks
from dormouse.records.deduplication import CHAT, Receipts


class CommandRunner(Protocol):
    """The routes, as somebody who has been let in meets them."""

    async def carry_out(self, request: ChatRequest) -> CommandResult:
        """Do what a command says, with the rights of whoever gave it; raises CloudUnavailable."""

    async def look(self, request: ChatPoll) -> CommandResult:
        """How an operation stands; raises CloudUnavailable."""


async def run_chat_command(request: ChatRequest, front: CommandRunner) -> CommandResult:
    """Do what a command says; run again, it finds what it did before."""
    return await front.carry_out(request)


async def poll_chat_operation(request: ChatPoll, front: CommandRunner) -> CommandResult:
    """Look how an operation stands."""
    return await front.look(request)


async def reply_in_chat(request: ChatReply, cloud: Cloud) -> str:
    """Answer where a command was given; raises CloudUnavailable if that place cannot be reached."""
    row = await Receipts(cloud.tables).read(CHAT, request.receipt)
    if row is None or not row.document:
        return "nowhere"
    await Webhooks(cloud).reply(row.document, request.card)
    return "told"


async def end_chat(request: str, cloud: Cloud) -> str:
    """Forget where a command is answered: everything has been said."""
    receipts = Receipts(cloud.tables)
    row = await receipts.read(CHAT, request)
    if row is not None and row.document:
        await receipts.replace(CHAT, row, "", cloud.now())
    return request
