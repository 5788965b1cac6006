"""Texts of chats decoded once, as each chat encodes them; the generic door sends plain text, of which nothing is decoded."""

import re
from html import unescape

# `<@U1|bob>`, `<https://x|x>`, `<!date^1^2|label>`: an entity and, where there is one, what people read in its place.
# https://docs.slack.dev/messaging/formatting-message-text#retrieving-messages
ENTITY = re.compile(r"<(?P<target>[^<>|]*+)(?:\|(?P<label>[^<>]*+))?>")
SLACK_ENCODES = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}
ENCODED = re.compile("|".join(SLACK_ENCODES))
# Tags as Teams sends them; it encodes what people themselves write with these signs.
TAG = re.compile(r"</?(?P<name>[a-z][a-z0-9]*+)(?:[\s/][^<>]*+)?>", re.IGNORECASE)
MENTION = re.compile(r"<at\b[^<>]*+>[^<>]*+</at>", re.IGNORECASE)
AT = "at"
INSIDE_A_WORD = frozenset({"a", "b", "code", "del", "em", "font", "i", "s", "span", "strike", "strong", "u"})


def slack_text(text: str) -> str:
    """The text of a Slack message: entities as people read them, and the three characters that Slack encodes."""
    return ENCODED.sub(lambda found: SLACK_ENCODES[found[0]], ENTITY.sub(_shown, text))


def teams_text(text: str) -> str:
    """The text of a Teams message, which arrives as HTML with the bot's name in it, on one line."""
    formatted = TAG.sub(lambda tag: tag[0] if tag["name"].lower() == AT else _between(tag), text)
    return " ".join(unescape(TAG.sub(_between, MENTION.sub(" ", formatted))).split())


def _shown(entity: re.Match[str]) -> str:
    target = entity["target"]
    return (entity["label"] or target.removeprefix("mailto:")).lstrip("@#!") if target else entity[0]


def _between(tag: re.Match[str]) -> str:
    """What a tag leaves between what stands before and behind it: most begin a new word."""
    return "" if tag["name"].lower() in INSIDE_A_WORD else " "
