"""Chats as the control plane meets them: what they send, with their signatures, and what they receive."""

import html
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
from slack_sdk.signature import Clock, SignatureVerifier

from dormouse.access.signatures import hub_signature, teams_signature
from local.clock import timestamp
from local.sandbox import CHATOPS_SECRET, SLACK_SECRET, TEAMS_SECRET, Ground
from tests.support import AzureSide, until

ALICE = {"id": "29:1abc", "name": "Alice", "aadObjectId": "0d0e5e00-0000-4000-8000-00000000a11c"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(slots=True)
class Slack:
    """A Slack user: each command has a trigger ID and a response URL."""

    ground: Ground
    client: httpx.Client
    azure: AzureSide

    def say(self, text: str, user: str = "UOPERATOR", **fields: str) -> tuple[httpx.Response, Callable[[int], list[str]]]:
        """Send a command; returns the first response, and a function that waits for the given number of later ones."""
        return self.raw(written_in_slack(text), user, **fields)

    def raw(self, text: str, user: str = "UOPERATOR", **fields: str) -> tuple[httpx.Response, Callable[[int], list[str]]]:
        """A command as Slack sends it, with its encoding of links and mentions."""
        path = f"/commands/{uuid.uuid4().hex}"
        reply_to = f"{self.ground.app_environment['SLACK_HOOKS_URL']}{path}"
        given = {
            "command": "/gpu",
            "text": text,
            "user_id": user,
            "trigger_id": uuid.uuid4().hex,
            "response_url": reply_to,
        }
        return self.post("slack", {**given, **fields}), lambda count: self.answers(path, count)

    def click(self, command: str, user: str = "UOPERATOR") -> tuple[httpx.Response, Callable[[int], list[str]]]:
        """Click a button that sends a command."""
        path = f"/actions/{uuid.uuid4().hex}"
        payload = {
            "type": "block_actions",
            "user": {"id": user},
            "trigger_id": uuid.uuid4().hex,
            "response_url": f"{self.ground.app_environment['SLACK_HOOKS_URL']}{path}",
            "actions": [{"action_id": "say-0", "type": "button", "value": written_in_slack(command)}],
        }
        response = self.post("slack/interactions", {"payload": json.dumps(payload)})
        return response, lambda count: self.answers(path, count)

    def post(self, door: str, fields: dict[str, str], *, age: float = 0.0, secret: str = SLACK_SECRET) -> httpx.Response:
        """Post a form with a signature of Slack's own library, made some seconds ago."""
        body = urlencode(fields)
        signed_at = str(int(self.ground.clock.seconds() - age))
        signature = SignatureVerifier(secret, Clock()).generate_signature(timestamp=signed_at, body=body)
        headers = {**FORM, "X-Slack-Request-Timestamp": signed_at, "X-Slack-Signature": str(signature)}
        return self.client.post(f"/chatops/{door}", content=body, headers=headers)

    def answers(self, path: str, count: int) -> list[str]:
        """The given number of received replies, each as readable text."""
        until(lambda: len(self.azure.messages(path)) >= count, f"Slack did not get {count} messages")
        return [text_of(message["body"]) for message in self.azure.messages(path)]


def written_in_slack(text: str) -> str:
    """A text as Slack passes it on."""
    return html.escape(text, quote=False)


def text_of(message: dict[str, Any]) -> str:
    """All visible text of a Slack message, and the commands of its buttons."""
    words: list[str] = []
    for block in message["blocks"]:
        words += [block["text"]["text"]] if "text" in block else []
        words += [each["text"] for each in block.get("fields", [])]
        words += [f"[{each['text']['text']}: {each['value']}]" for each in block.get("elements", [])]
    return "\n".join(words)


@dataclass(slots=True)
class Teams:
    """A user of a Teams outgoing webhook."""

    ground: Ground
    client: httpx.Client

    def say(
        self, text: str, *, age: float = 0.0, secret: str = TEAMS_SECRET, sender: Any = ALICE, **fields: Any
    ) -> httpx.Response:
        activity = {
            "type": "message",
            "id": uuid.uuid4().hex,
            "timestamp": timestamp_ago(self.ground, age),
            "from": sender,
            "conversation": {"id": "19:team@thread.skype"},
            "text": f"<at>Dormouse</at>&nbsp;{text}\n",
            **fields,
        }
        body = json.dumps(activity).encode()
        return self.client.post("/chatops/teams", content=body, headers={"Authorization": teams_signature(secret, body)})


def card_of(response: httpx.Response) -> dict[str, Any]:
    """The Adaptive Card in a response to Teams."""
    assert response.status_code == 200, response.text
    (attachment,) = response.json()["attachments"]
    content: dict[str, Any] = attachment["content"]
    return content


@dataclass(slots=True)
class Script:
    """A script that has the secret of the generic endpoint."""

    ground: Ground
    client: httpx.Client

    def say(
        self, text: str, user: str = "operator", *, age: float = 0.0, secret: str = CHATOPS_SECRET, **fields: Any
    ) -> httpx.Response:
        message = {"id": uuid.uuid4().hex, "at": timestamp_ago(self.ground, age), "user": user, "text": text, **fields}
        return self.send(json.dumps(message).encode(), secret)

    @property
    def now(self) -> str:
        """The present simulated time."""
        return timestamp_ago(self.ground, 0.0)

    def send(self, body: bytes, secret: str = CHATOPS_SECRET) -> httpx.Response:
        headers = {"X-Hub-Signature-256": hub_signature(secret, body)}
        return self.client.post("/chatops/generic", content=body, headers=headers)


def timestamp_ago(ground: Ground, seconds: float) -> str:
    """A simulated timestamp in the format of Teams."""
    return timestamp(ground.clock.now() - timedelta(seconds=seconds))
