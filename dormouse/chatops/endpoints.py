"""The doors for chats: Slack, Teams, and any other that can sign what it sends."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qs

import azure.functions as func
from pydantic import BaseModel, ConfigDict, Field

from dormouse.access.roles import Channel
from dormouse.chatops.decoding import slack_text, teams_text
from dormouse.chatops.intake import ChatMessage, Receipt, first_card, take
from dormouse.chatops.parser import LONGEST_COMMAND
from dormouse.chatops.replies import problem_card
from dormouse.chatops.verification import from_others, from_slack, from_teams, moment_in, require_present
from dormouse.errors import CloudUnavailable, InvalidRequest, RefusedByAzure
from dormouse.http.requests import json_object, model_of
from dormouse.http.responses import answer
from dormouse.notifications.cards import Card, slack_message, teams_message
from dormouse.services.context import Context
from dormouse.text.doc import doc
from dormouse.text.plain_text import PlainText
from dormouse.text.validators import Matching

# Teams waits five seconds for an answer, others as long as they like.
TEAMS_PATIENCE, PATIENCE = 3.0, 8.0
NAME = Matching(r"[^\s,=]+", "a name without spaces, commas and equals signs, such as alice")


class GenericMessage(BaseModel):
    """A command from any chat or script that holds the secret; `id` is new with every message, `at` is now."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, defer_build=True)

    id: Annotated[
        PlainText,
        Field(min_length=8, max_length=128),
        doc("A new ID for each message.", "0f8c3b1e-5d0f-4f0e-9f0c-0a4d5c1c7e11"),
    ]
    at: Annotated[PlainText, Field(max_length=40), doc("When the message was sent.", "2026-05-01T12:00:00Z")]
    user: Annotated[PlainText, Field(min_length=1, max_length=100), NAME, doc("The user who sent it.", "alice")]
    text: Annotated[str, Field(max_length=LONGEST_COMMAND), doc("The command.", "start ml1")]


@dataclass(frozen=True, slots=True)
class NextStep:
    """What may be done next: words to say, or a page to open."""

    title: Annotated[str, doc("What it does, in a few words.", "Stop")]
    say: Annotated[str | None, doc("The command to send; null for a link.", "stop ml1")]
    url: Annotated[str | None, doc("The page to open; null for a command.", "https://dormouse.example/api/snooze/…")]


@dataclass(frozen=True, slots=True)
class GenericAnswer:
    """A card for scripts."""

    title: Annotated[str, doc("The answer in a few words.", "ml1 is running")]
    text: Annotated[str | None, doc("The answer in sentences; null if the title says it all.", "It has no hold.")]
    facts: Annotated[dict[str, str], doc("Facts by name, for people to read.", {"State": "running", "Owner": "alice"})]
    lines: Annotated[tuple[str, ...], doc("A list, for people to read.", ["ml1: running, Standard_NV6ads_A10_v5, alice"])]
    next: Annotated[tuple[NextStep, ...], doc("What may be done next.", [{"title": "Stop", "say": "stop ml1", "url": None}])]

    @classmethod
    def of(cls, card: Card) -> "GenericAnswer":
        """The same card, in plain names and words."""
        steps = tuple(NextStep(button.title, button.command or None, button.url or None) for button in card.buttons)
        return cls(card.title, card.text or None, dict(card.facts), card.lines, steps)


async def slack_command(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """A slash command of Slack's: answered at once, and again at its `response_url` when something has come of it."""
    form = _form(from_slack(req, context.dependencies.settings.slack_secrets, context.dependencies.now()))
    if form.get("ssl_check"):
        return answer({})
    return answer({"response_type": "ephemeral", **slack_message((await _taken_from_slack(form, context)).card)})


async def slack_interaction(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """A click on a button in Slack, which says a command; the answer follows at its `response_url`."""
    form = _form(from_slack(req, context.dependencies.settings.slack_secrets, context.dependencies.now()))
    payload = json_object(form.get("payload", "").encode())
    said = _clicked(payload)
    if said is not None and not context.dependencies.settings.takes_slack_answers(said.reply_to):
        raise InvalidRequest("This click names no response_url of Slack's.")
    if said is not None:
        await take(
            said, context.client, context.dependencies
        )  # Slack shows nothing of an answer to a click, but shows that one went wrong
    return answer({})


async def teams_message_in(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """A message to the outgoing webhook in Teams: answered with a card, in the one answer that there is."""
    activity = json_object(from_teams(req, context.dependencies.settings.teams_secrets))
    require_present(moment_in(str(activity.get("timestamp", ""))), context.dependencies.now())
    sender, once = _part(activity, "from"), str(activity.get("id") or "")
    known = str(sender.get("aadObjectId") or "").lower()
    person = known or str(sender.get("id") or "")
    if not person or not once:
        raise InvalidRequest("The message does not say who sent it, or has no id.")
    once = f"{_part(activity, 'conversation').get('id')}|{once}"
    said = ChatMessage(Channel.TEAMS, person, teams_text(str(activity.get("text") or "")), once, object_id=known)
    return answer(teams_message(await _first_answer(said, context, TEAMS_PATIENCE)))


async def generic_message(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """A command from any other chat or script: JSON in, JSON out."""
    message = model_of(GenericMessage, json_object(from_others(req, context.dependencies.settings.chatops_secrets)))
    require_present(moment_in(message.at), context.dependencies.now())
    said = ChatMessage(Channel.GENERIC, message.user, message.text, message.id)
    return answer(GenericAnswer.of(await _first_answer(said, context, PATIENCE)))


async def _taken_from_slack(form: dict[str, str], context: Context) -> Receipt:
    # A trigger is given once; a message that comes again brings the one that it came with.
    person, once, reply_to = form.get("user_id", ""), form.get("trigger_id", ""), form.get("response_url", "")
    if not person or not once or not context.dependencies.settings.takes_slack_answers(reply_to):
        raise InvalidRequest("This is no slash command: user_id, trigger_id or a response_url of Slack's is missing.")
    return await _take(ChatMessage(Channel.SLACK, person, slack_text(form.get("text", "")), once, reply_to), context)


async def _take(said: ChatMessage, context: Context) -> Receipt:
    """Accept a message; failures become a reply, because chats do not show HTTP statuses."""
    try:
        return await take(said, context.client, context.dependencies)
    except (CloudUnavailable, RefusedByAzure) as error:
        return Receipt(problem_card(error))


async def _first_answer(said: ChatMessage, context: Context, seconds: float) -> Card:
    taken = await _take(said, context)
    return (await first_card(context.client, taken.chat, seconds) if taken.chat else None) or taken.card


def _clicked(payload: dict[str, Any]) -> ChatMessage | None:
    """The command that a button says; None for what is no click on one of ours (a link is opened by Slack itself)."""
    actions = payload.get("actions")
    action = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
    person = str(_part(payload, "user").get("id") or "")
    words, once = str(action.get("value") or ""), str(payload.get("trigger_id") or "")
    if payload.get("type") != "block_actions" or not words or not person or not once:
        return None
    return ChatMessage(Channel.SLACK, person, slack_text(words), once, str(payload.get("response_url") or ""))


def _part(content: dict[str, Any], name: str) -> dict[str, Any]:
    part = content.get(name)
    return part if isinstance(part, dict) else {}


def _form(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=50)
    except (ValueError, UnicodeDecodeError):
        raise InvalidRequest("The body is no form.") from None
    return {name: values[0] for name, values in fields.items()}
