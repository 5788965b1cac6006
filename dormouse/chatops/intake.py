"""Intake of chat messages: parse, accept each message once, and start the orchestration that runs the command."""

import asyncio
import hashlib
import time
from dataclasses import dataclass

from dormouse import serialization
from dormouse.access.roles import Caller, Channel, ChatPerson, Role
from dormouse.chatops.messages import ChatRequest
from dormouse.chatops.parser import Command, MisunderstoodError, read_command
from dormouse.chatops.replies import help_card, received_card
from dormouse.chatops.vocabulary import Word
from dormouse.notifications.cards import Card
from dormouse.records.deduplication import CHAT
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import DurableClient, TaskHubUnavailable
from orchestrators.chat.command import answer_command

BETWEEN_LOOKS = 0.1
NOT_ACCEPTED = "The Durable Functions task hub did not accept the command; send it again."
UNKNOWN = (
    "The Durable Functions task hub did not answer, so it is unknown whether the command was accepted; check its status."
)


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A chat message.

    `once` tells this message from every other one, `reply_to` is where answers may follow, `object_id` is what
    Microsoft Entra knows the person by, if the chat says so.
    """

    door: Channel
    person: str
    text: str
    once: str
    reply_to: str = ""
    object_id: str = ""

    @property
    def id(self) -> str:
        """The ID of the orchestration that answers it: the same for repeated messages."""
        return f"chat-{hashlib.sha256(f'{self.door}|{self.once}'.encode()).hexdigest()[:40]}"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The immediate reply, and the orchestration that replies later ("" if none does)."""

    card: Card
    chat: str = ""


async def take(said: ChatMessage, client: DurableClient, dependencies: Dependencies) -> Receipt:
    """Accept a message once; raises CloudUnavailable if it was not accepted."""
    try:
        command = read_command(said.text)
    except MisunderstoodError as error:
        return Receipt(help_card(str(error)))
    if command.word is Word.HELP:
        return Receipt(help_card())
    first = await dependencies.receipts.take(CHAT, said.id, said.reply_to, dependencies.now())
    # The process that accepted it first may have died before it started the orchestration: then it is started now.
    if not first and await _is_under_way(said.id, client):
        return Receipt(Card("Duplicate message", "This command was already accepted."), said.id)
    await _hand_over(said, command, client, dependencies)
    return Receipt(received_card(command, said.door), said.id)


async def _hand_over(said: ChatMessage, command: Command, client: DurableClient, dependencies: Dependencies) -> None:
    request = ChatRequest(said.id, command, chat_caller(said, dependencies), tellable=bool(said.reply_to))
    try:
        await client.start(answer_command, said.id, request)
    except TaskHubUnavailable as error:
        if await _is_under_way(said.id, client):
            return  # only the answer was lost, or the same message came twice in one moment
        await dependencies.receipts.forget(CHAT, said.id)
        raise TaskHubUnavailable(NOT_ACCEPTED) from error


async def _is_under_way(chat: str, client: DurableClient) -> bool:
    try:
        return await client.status(chat) is not None
    except TaskHubUnavailable as error:
        raise TaskHubUnavailable(UNKNOWN) from error


async def first_card(client: DurableClient, chat: str, seconds: float) -> Card | None:
    """The first card of an orchestration, or None if it takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            status = await client.status(chat)
        except TaskHubUnavailable:
            return None
        if status and status.custom_status:
            return serialization.decode(Card, status.custom_status)
        await asyncio.sleep(BETWEEN_LOOKS)
    return None


def chat_caller(said: ChatMessage, dependencies: Dependencies) -> Caller:
    """The sender of a message as a caller, with the role from the settings; a viewer by default."""
    name = f"{said.door}:{said.person}"
    known = dependencies.settings.chat_users.get(name, ChatPerson(Role.VIEWER))
    return Caller(name, said.door, known.role, known.object_id or said.object_id or name)
