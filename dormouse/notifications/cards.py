"""Cards: chat messages as plain data, and their rendering for Slack and Teams."""

import html
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dormouse.text.limits import LONGEST_STATUS, status_length

MARKS = re.compile(r"([\\\[\]()*_`<>])")  # characters that Markdown would interpret
LONGEST_LISTS = 3000  # characters of all facts and lines of a card that is stored as a status
SHARES = (1.0, 0.5, 0.25, 0.1)  # of these lengths, tried one after the other
# https://docs.slack.dev/reference/block-kit/blocks limits the lengths of texts and the number of blocks.
LONGEST_TEXT, LONGEST_TITLE, LONGEST_LINE, MOST_FACTS, MOST_BUTTONS, MOST_LINES = 2400, 140, 300, 10, 5, 30


@dataclass(frozen=True, slots=True)
class Button:
    """A button that sends a command or opens a page; `sure` is the confirmation question before a command."""

    title: str
    command: str = ""
    url: str = ""
    sure: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A chat message: a title, a text, named facts, the lines of a list, and buttons."""

    title: str
    text: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()


def fitting(card: Card) -> Card:
    """A card that is short enough for a custom status."""
    for share in SHARES:
        fitted = _cut(card, share)
        if status_length(asdict(fitted)) <= LONGEST_STATUS:
            return fitted
    return Card(_clipped(card.title, LONGEST_TITLE // 10))


def _cut(card: Card, share: float) -> Card:
    """A card whose texts are cut to a share of their maximum lengths."""
    line = int(LONGEST_LINE * share)
    facts = tuple((name[:80], _clipped(value, line)) for name, value in card.facts[:MOST_FACTS])
    left = int(LONGEST_LISTS * share) - sum(len(name) + len(value) for name, value in facts)
    return Card(
        _clipped(card.title, LONGEST_TITLE),
        _clipped(card.text, int(LONGEST_TEXT * share)),
        facts,
        tuple(_shown([_clipped(each, line) for each in card.lines], left)),
        card.buttons[:MOST_BUTTONS],
    )


def slack_message(card: Card) -> dict[str, Any]:
    """A card as Block Kit. https://docs.slack.dev/block-kit"""
    # A text link instead of a button: a click on a button is sent to the app, which a webhook may not have.
    links = [f"<{button.url}|{_mrkdwn(button.title)}>" for button in card.buttons if button.url]
    text = "\n".join(filter(None, (f"*{_mrkdwn(card.title, LONGEST_TITLE)}*", _mrkdwn(card.text), *links)))
    blocks = [_section(text)]
    if card.facts:
        facts = card.facts[:MOST_FACTS]
        fields = [{"type": "mrkdwn", "text": f"*{_mrkdwn(name, 80)}*\n{_mrkdwn(value, 1800)}"} for name, value in facts]
        blocks.append({"type": "section", "fields": fields})
    if card.lines:
        blocks.append(_section("\n".join(_shown([_mrkdwn(line, LONGEST_LINE) for line in card.lines]))))
    said = [button for button in card.buttons if button.command]
    if said:
        elements = [_slack_button(number, button) for number, button in enumerate(said[:MOST_BUTTONS])]
        blocks.append({"type": "actions", "elements": elements})
    # Slack must not fetch the links for a preview: https://docs.slack.dev/messaging/unfurling-links-in-messages
    return {"text": text, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def teams_message(card: Card) -> dict[str, Any]:
    """A card as an Adaptive Card; buttons open pages, commands are shown as text.

    https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-outgoing-webhook
    """
    body: list[dict[str, Any]] = [{"type": "TextBlock", "weight": "Bolder", "wrap": True, "text": _markdown(card.title)}]
    body += [{"type": "TextBlock", "wrap": True, "text": _markdown(card.text)}] if card.text else []
    if card.facts:
        facts = [{"title": _markdown(name), "value": _markdown(value)} for name, value in card.facts]
        body.append({"type": "FactSet", "facts": facts})
    lines = _shown([_markdown(line) for line in card.lines])
    body += [{"type": "TextBlock", "wrap": True, "spacing": "None", "text": line} for line in lines]
    said = [button for button in card.buttons if button.command]
    if said:
        words = "  ·  ".join(f"{_markdown(button.title)}: **{_markdown(button.command)}**" for button in said)
        body.append({"type": "TextBlock", "wrap": True, "isSubtle": True, "text": words})
    opened = [button for button in card.buttons if button.url]
    actions = [{"type": "Action.OpenUrl", "title": button.title, "url": button.url} for button in opened]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        **({"actions": actions} if actions else {}),
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": content}
    return {"type": "message", "attachments": [attachment]}


def _slack_button(number: int, button: Button) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "button",
        "action_id": f"say-{number}",
        "text": {"type": "plain_text", "text": _clipped(button.title, 75)},
        "value": button.command[:2000],
    }
    if button.sure:
        made["style"] = "danger"
        made["confirm"] = {
            "title": {"type": "plain_text", "text": _clipped(button.title, 100)},
            "text": {"type": "plain_text", "text": _clipped(button.sure, 300)},
            "confirm": {"type": "plain_text", "text": "Yes"},
            "deny": {"type": "plain_text", "text": "No"},
        }
    return made


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _shown(lines: Sequence[str], longest: int = LONGEST_TEXT) -> list[str]:
    """As many lines as fit, and the number of the others."""
    shown: list[str] = []
    for line in lines[:MOST_LINES]:
        if sum(map(len, shown)) + len(line) > longest:
            break
        shown.append(line)
    more = len(lines) - len(shown)
    return [*shown, *([f"… and {more} more"] if more else [])]


def _mrkdwn(text: str, longest: int = LONGEST_TEXT) -> str:
    """External text, escaped so that Slack creates no links, mentions or channels."""
    escaped = html.escape(text, quote=False)
    while len(escaped) > longest:
        text = text[: -max(1, (len(escaped) - longest) // 5)]
        escaped = html.escape(text, quote=False) + "…"
    return escaped


def _markdown(text: str) -> str:
    return MARKS.sub(r"\\\1", _clipped(text, LONGEST_TEXT))


def _clipped(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
