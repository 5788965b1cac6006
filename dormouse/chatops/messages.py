"""Inputs and results of the activities that answer a chat."""

from dataclasses import dataclass

from dormouse.access.roles import Caller
from dormouse.chatops.parser import Command
from dormouse.notifications.cards import Card


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Input of `answer_command`: the command, who sent it, and whether replies can be sent later.

    Where to is in the receipt of this id: the address is a secret for as long as it is good.
    """

    id: str
    command: Command
    caller: Caller
    tellable: bool = False


@dataclass(frozen=True, slots=True)
class ChatPoll:
    """Input of the activity that polls an operation on behalf of a chat user."""

    operation: str
    environment: str
    caller: Caller


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command: the reply, and the operation that is still running ("" if none)."""

    card: Card
    operation: str = ""


@dataclass(frozen=True, slots=True)
class ChatReply:
    """Input of the activity that replies in a chat: the reply, and the receipt that has the reply URL."""

    receipt: str
    card: Card
