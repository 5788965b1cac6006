"""Where people are told what happens: webhooks, each in the form that it takes."""

import html
import re
from typing import Any
from urllib.parse import urlsplit

from cloud.connection import Cloud
from environments.sweeps import Delivery, Notice

MARKS = re.compile(r"([\[\]()*_`<>])")  # what Markdown would make more of than others have written


class Hooks:
    """The webhooks that the settings name."""

    def __init__(self, cloud: Cloud) -> None:
        """Post over the connections of this cloud; nothing of our identity goes along."""
        self._cloud = cloud

    async def tell(self, notice: Notice, *, link: str = "") -> Delivery:
        """Tell everywhere; a place that cannot be reached is named and spoils no other one. `link` is a secret."""
        delivered, failed = [], []
        for kind, url in self._cloud.settings.notify_urls.items():
            problem = await self._post(url, FORMS[kind](notice, link))
            if problem:
                failed.append(f"{kind}: {problem}")
            else:
                delivered.append(kind)
        return Delivery(tuple(delivered), tuple(failed))

    async def _post(self, url: str, body: dict[str, Any]) -> str:
        """Post, and answer what went wrong; addresses are secrets, and redirects are not followed."""
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest

        try:
            response = await self._cloud.transport.send(
                HttpRequest("POST", url, json=body), connection_timeout=5, read_timeout=5
            )
        except (AzureError, OSError) as error:
            return f"{urlsplit(url).hostname} cannot be reached ({type(error).__name__})"
        return "" if 200 <= response.status_code < 300 else f"{urlsplit(url).hostname} answered HTTP {response.status_code}"


def _plain(notice: Notice, link: str) -> dict[str, Any]:
    more = {"snooze_url": link} if link else {}
    return {
        "event": notice.event,
        "machine": notice.machine,
        "name": notice.name,
        "text": notice.text,
        "at": notice.at,
        **more,
    }


def _slack(notice: Notice, link: str) -> dict[str, Any]:
    # Nobody but a person may follow the link: https://docs.slack.dev/messaging/unfurling-links-in-messages
    action = f" <{link}|Keep it awake for two hours>" if link else ""
    name, text = (html.escape(part, quote=False) for part in (notice.name, notice.text))
    return {"text": f"*{name}*: {text}{action}", "unfurl_links": False, "unfurl_media": False}


def _teams(notice: Notice, link: str) -> dict[str, Any]:
    # https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "weight": "Bolder", "text": MARKS.sub(r"\\\1", notice.name)},
            {"type": "TextBlock", "wrap": True, "text": MARKS.sub(r"\\\1", notice.text)},
        ],
    }
    if link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Keep it awake for two hours", "url": link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


FORMS = {"webhook": _plain, "slack": _slack, "teams": _teams}
