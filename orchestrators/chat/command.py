"""Runs a chat command, replies, and reports the end of its operation where the chat accepts later replies."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from activities.chat import end_chat, poll_chat_operation, reply_in_chat, run_chat_command
from dormouse import serialization
from dormouse.chatops.messages import ChatPoll, ChatReply, ChatRequest, CommandResult
from dormouse.chatops.vocabulary import Word
from dormouse.notifications.cards import Button, Card, fitting
from orchestrators.durable import Context, Orchestration, RetriesExhausted, run, sleep
from orchestrators.notify import NOTIFY_RETRIES

# Slack takes five answers to a command, for half an hour. https://docs.slack.dev/interactivity/handling-user-interaction
TELLABLE = timedelta(minutes=28)
FIRST_LOOK, BETWEEN_LOOKS = 10.0, 20.0
# Longer than a command whose first try died in the middle is kept from being tried again.
TRIES = df.RetryOptions(5_000, 30)


def answer_command(context: Context) -> Orchestration[Any]:
    """Run a chat command, reply, and reply again when its operation has ended."""
    request = serialization.decode(ChatRequest, context.get_input())
    deadline = context.current_utc_datetime + TELLABLE
    try:
        answered = yield from run(context, run_chat_command, request, TRIES)
    except RetriesExhausted:
        words = "Azure or the records could not be reached. Check with 'status' what was done, then retry in a few minutes."
        answered = CommandResult(Card("The command failed", words))
    context.set_custom_status(serialization.encode(fitting(answered.card)))
    if request.tellable:
        yield from _tell(context, request, answered.card)
        if answered.operation:
            yield from _tell(context, request, (yield from _end_of(context, request, answered.operation, deadline)))
        with suppress(RetriesExhausted):
            yield from run(context, end_chat, request.id, NOTIFY_RETRIES)
    return serialization.encode(answered.card)


def _end_of(context: Context, request: ChatRequest, operation: str, deadline: Any) -> Orchestration[Card]:
    name = request.command.name
    look = ChatPoll(operation, name, request.caller)
    pause = FIRST_LOOK
    while context.current_utc_datetime < deadline:
        yield from sleep(context, pause)
        pause = BETWEEN_LOOKS
        with suppress(RetriesExhausted):
            seen = yield from run(context, poll_chat_operation, look, TRIES)
            if not seen.operation:
                return seen.card
    again = f"{Word.STATUS} {name}"
    words = f"It continues, but Slack accepts no replies after 30 minutes. Send {again!r} to check its status."
    return Card(f"{name}: still running", words, buttons=(Button("Check status", again),))


def _tell(context: Context, request: ChatRequest, card: Card) -> Orchestration[None]:
    """Reply in the chat; a reply that cannot be delivered blocks nothing."""
    with suppress(RetriesExhausted):
        yield from run(context, reply_in_chat, ChatReply(request.id, card), NOTIFY_RETRIES)
