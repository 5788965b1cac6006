"""Chat commands: carried out, answered, and followed to their end where somebody can be told of it."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from activities.chat import answer_in_chat, carry_out_command, end_chat, look_at_operation
from dormouse import serialization
from dormouse.chatops.parser import Answered, ChatAnswer, ChatLook, ChatRequest, Word
from dormouse.notifications.cards import Button, Card, fitting
from orchestrators.durable import Context, GaveUp, Story, run, sleep
from orchestrators.notify import TELLING

# Slack takes five answers to a command, for half an hour. https://docs.slack.dev/interactivity/handling-user-interaction
TELLABLE = timedelta(minutes=28)
FIRST_LOOK, BETWEEN_LOOKS = 10.0, 20.0
# Longer than a command whose first try died in the middle is kept from being tried again.
TRIES = df.RetryOptions(5_000, 30)


def answer_command(context: Context) -> Story[Any]:
    """Do what somebody in a chat has asked for, answer, and tell them how it ended."""
    request = serialization.decode(ChatRequest, context.get_input())
    deadline = context.current_utc_datetime + TELLABLE
    try:
        answered = yield from run(context, carry_out_command, request, TRIES)
    except GaveUp:
        words = "Azure, or our own records, could not be asked. Say how it stands with 'status', then try again in a while."
        answered = Answered(Card("That could not be done", words))
    context.set_custom_status(serialization.encode(fitting(answered.card)))
    if request.tellable:
        yield from _tell(context, request, answered.card)
        if answered.operation:
            yield from _tell(context, request, (yield from _end_of(context, request, answered.operation, deadline)))
        with suppress(GaveUp):
            yield from run(context, end_chat, request.id, TELLING)
    return serialization.encode(answered.card)


def _end_of(context: Context, request: ChatRequest, operation: str, deadline: Any) -> Story[Card]:
    name = request.command.name
    look = ChatLook(operation, name, request.caller)
    pause = FIRST_LOOK
    while context.current_utc_datetime < deadline:
        yield from sleep(context, pause)
        pause = BETWEEN_LOOKS
        with suppress(GaveUp):
            seen = yield from run(context, look_at_operation, look, TRIES)
            if not seen.operation:
                return seen.card
    again = f"{Word.STATUS} {name}"
    words = f"It goes on, but no more can be said here after half an hour. Say {again!r} to see how it stands."
    return Card(f"{name}: still under way", words, buttons=(Button("How does it stand?", again),))


def _tell(context: Context, request: ChatRequest, card: Card) -> Story[None]:
    """Answer where the command was given; who cannot be told keeps nothing from being done."""
    with suppress(GaveUp):
        yield from run(context, answer_in_chat, ChatAnswer(request.id, card), TELLING)
