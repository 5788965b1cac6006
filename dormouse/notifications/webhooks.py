"""Outgoing webhooks, each with the message format of its channel; redirects are not followed."""

import asyncio
import json
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urlsplit

from dormouse.access.signatures import hub_signature
from dormouse.clock import rfc3339
from dormouse.cloud.clients import Cloud
from dormouse.cloud.egress import NoNameError
from dormouse.environments.open_link import open_link
from dormouse.errors import InvalidRequest
from dormouse.notifications.cards import Button, Card, slack_message, teams_message
from dormouse.notifications.notification import Delivery, Notification

TIMEOUT_SECONDS = 8.0
SNOOZE_BUTTON, OPEN_BUTTON = "Keep it running for 2 hours", "Open it again"


class DeliveryError(Exception):
    """A message could not be delivered; another attempt may succeed."""


class Webhooks:
    """The webhooks in the settings, and the reply URLs of Slack commands."""

    def __init__(self, cloud: Cloud) -> None:
        """Post over the cloud's HTTP session for external hosts, without credentials of the app."""
        self._cloud, self._settings = cloud, cloud.settings

    async def send(self, notification: Notification, *, link: str = "", channels: Collection[str] = ()) -> Delivery:
        """Send a notification to all channels, or to some; a failed channel does not affect the others.

        `link` is the snooze link, which is a secret. A notification with an environment has its open link, too.
        """
        opens = open_link(self._settings.control_plane_url, notification.environment)
        urls = {kind: url for kind, url in self._settings.notify_urls.items() if not channels or kind in channels}
        secrets = {"webhook": self._settings.notify_webhook_secret}
        problems = await asyncio.gather(
            *(self._post(url, FORMS[kind](notification, link, opens), secrets.get(kind, "")) for kind, url in urls.items())
        )
        results = dict(zip(urls, problems, strict=True))
        return Delivery(
            delivered=tuple(kind for kind, problem in results.items() if not problem),
            failed=tuple(f"{kind}: {problem}" for kind, problem in results.items() if problem),
            again=tuple(kind for kind, problem in results.items() if problem),
        )

    async def reply(self, url: str, card: Card) -> None:
        """Post a reply to a Slack `response_url`; raises InvalidRequest for any other URL, and DeliveryError."""
        if not self._settings.takes_slack_answers(url):
            raise InvalidRequest("The response_url is not a Slack URL; the reply was not sent.")
        problem = await self._post(url, {"response_type": "ephemeral", "replace_original": False, **slack_message(card)}, "")
        if problem:
            raise DeliveryError(f"The reply was not delivered: {problem}.")

    async def _post(self, url: str, body: dict[str, Any], secret: str) -> str:
        """Post a message; returns the problem, or "". URLs are secrets and are not part of it."""
        import aiohttp

        content, host = json.dumps(body).encode(), urlsplit(url).hostname
        headers = {
            "Content-Type": "application/json",
            **({"X-Hub-Signature-256": hub_signature(secret, content)} if secret else {}),
        }
        limit = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            session = self._cloud.outside
            async with session.post(url, data=content, headers=headers, allow_redirects=False, timeout=limit) as response:
                status = response.status
        except NoNameError as error:
            return str(error)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return f"{host} cannot be reached ({type(error).__name__})"
        return "" if 200 <= status < 300 else f"{host} answered HTTP {status}"


def _plain(notification: Notification, link: str, opens: str) -> dict[str, Any]:
    more = {name: url for name, url in (("snooze_url", link), ("open_url", opens)) if url}
    return {
        "event": notification.event,
        "machine": notification.machine or None,
        "name": notification.name,
        "text": notification.text,
        "at": rfc3339(notification.at),
        **more,
    }


def _card(notification: Notification, link: str, opens: str) -> Card:
    buttons = tuple(Button(title, url=url) for title, url in ((SNOOZE_BUTTON, link), (OPEN_BUTTON, opens)) if url)
    return Card(notification.name, notification.text, buttons=buttons)


FORMS: dict[str, Callable[[Notification, str, str], dict[str, Any]]] = {
    "webhook": _plain,
    "slack": lambda notification, link, opens: slack_message(_card(notification, link, opens)),
    "teams": lambda notification, link, opens: teams_message(_card(notification, link, opens)),
}
