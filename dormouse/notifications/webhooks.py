"""Where people are told what happens: webhooks, each in the form that it takes, and none that leads anywhere else."""

import asyncio
import json
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urlsplit

from dormouse.access.signatures import hub_signature
from dormouse.cloud.clients import Cloud
from dormouse.cloud.egress import NoNameError
from dormouse.errors import CloudUnavailable
from dormouse.notifications.cards import Button, Card, slack_message, teams_message
from dormouse.notifications.notification import Delivery, Notification

SECONDS = 8.0
SNOOZE_BUTTON = "Keep it awake for two hours"


class Webhooks:
    """The webhooks that the settings name, and the addresses at which chats take answers."""

    def __init__(self, cloud: Cloud) -> None:
        """Post over this cloud's connections to the outside; nothing of our identity goes along."""
        self._cloud, self._settings = cloud, cloud.settings

    async def send(self, notification: Notification, *, link: str = "", places: Collection[str] = ()) -> Delivery:
        """Tell everywhere, or in some kinds of places only; one that cannot be reached is named and spoils no other one.

        `link` is a secret.
        """
        urls = {kind: url for kind, url in self._settings.notify_urls.items() if not places or kind in places}
        secrets = {"webhook": self._settings.notify_webhook_secret}
        problems = await asyncio.gather(
            *(self._post(url, FORMS[kind](notification, link), secrets.get(kind, "")) for kind, url in urls.items())
        )
        told = dict(zip(urls, problems, strict=True))
        return Delivery(
            delivered=tuple(kind for kind, problem in told.items() if not problem),
            failed=tuple(f"{kind}: {problem}" for kind, problem in told.items() if problem),
            again=tuple(kind for kind, problem in told.items() if problem),
        )

    async def reply(self, url: str, card: Card) -> None:
        """Answer a command where Slack wants it answered, and nowhere else; raises CloudUnavailable."""
        if not self._settings.takes_slack_answers(url):
            raise CloudUnavailable("Slack's answers go to Slack only.")
        problem = await self._post(url, {"response_type": "ephemeral", "replace_original": False, **slack_message(card)}, "")
        if problem:
            raise CloudUnavailable(f"The answer did not arrive: {problem}.")

    async def _post(self, url: str, body: dict[str, Any], secret: str) -> str:
        """Post, and answer what went wrong; addresses are secrets, and redirects are not followed."""
        import aiohttp

        content, host = json.dumps(body).encode(), urlsplit(url).hostname
        headers = {
            "Content-Type": "application/json",
            **({"X-Hub-Signature-256": hub_signature(secret, content)} if secret else {}),
        }
        limit = aiohttp.ClientTimeout(total=SECONDS)
        try:
            session = self._cloud.outside
            async with session.post(url, data=content, headers=headers, allow_redirects=False, timeout=limit) as response:
                status = response.status
        except NoNameError as error:
            return str(error)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return f"{host} cannot be reached ({type(error).__name__})"
        return "" if 200 <= status < 300 else f"{host} answered HTTP {status}"


def _plain(notification: Notification, link: str) -> dict[str, Any]:
    more = {"snooze_url": link} if link else {}
    return {
        "event": notification.event,
        "machine": notification.machine,
        "name": notification.name,
        "text": notification.text,
        "at": notification.at,
        **more,
    }


def _card(notification: Notification, link: str) -> Card:
    return Card(notification.name, notification.text, buttons=(Button(SNOOZE_BUTTON, url=link),) if link else ())


FORMS: dict[str, Callable[[Notification, str], dict[str, Any]]] = {
    "webhook": _plain,
    "slack": lambda notification, link: slack_message(_card(notification, link)),
    "teams": lambda notification, link: teams_message(_card(notification, link)),
}
