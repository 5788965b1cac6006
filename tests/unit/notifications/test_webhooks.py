"""Webhooks over real HTTP: what is sent where, what is signed, and what is not followed."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dormouse.access.signatures import hub_signature
from dormouse.cloud.clients import Cloud
from dormouse.cloud.egress import open_external_session
from dormouse.errors import InvalidRequest
from dormouse.notifications.cards import Card
from dormouse.notifications.notification import Delivery, Notification
from dormouse.notifications.webhooks import DeliveryError, Webhooks
from tests.guest.fakes import Answer, Request, answered, serving
from tests.unit.twins import SETTINGS, stopped_clock

NOTICE = Notification("warned", "/id", "gpu1", "It is about to be stopped.", 1.0)
Respond = Callable[[Request], Answer]


def told(respond: Respond, *, channels: tuple[str, ...] = (), kinds: tuple[str, ...] = ("webhook",)) -> Delivery:
    """The result of a notification if all channels have the same server."""
    with serving(respond) as port:
        addresses: dict[str, Any] = {f"notify_{kind}_url": f"http://localhost:{port}/{kind}" for kind in kinds}

        async def tell() -> Delivery:
            async with open_external_session({"localhost"}) as session:
                cloud = Cloud(replace(SETTINGS, **addresses, notify_webhook_secret="s3cret"), stopped_clock(0.0))
                cloud.outside = session
                return await Webhooks(cloud).send(NOTICE, channels=channels)

        return asyncio.run(tell())


def test_only_the_plain_webhook_is_signed() -> None:
    seen: list[Request] = []

    def respond(request: Request) -> Answer:
        seen.append(request)
        return answered({})

    assert told(respond, kinds=("webhook", "slack", "teams")).delivered == ("webhook", "slack", "teams")
    signed = {request.path: request.headers.get("x-hub-signature-256") for request in seen}
    (plain,) = [request.content for request in seen if request.path == "/webhook"]
    assert signed == {"/webhook": hub_signature("s3cret", plain), "/slack": None, "/teams": None}
    assert json.loads(plain)["event"] == "warned"


def test_redirects_of_a_webhook_are_not_followed() -> None:
    asked: list[str] = []

    def respond(request: Request) -> Answer:
        asked.append(request.path)
        return 307, {"Location": "/elsewhere"}, b""

    assert told(respond).failed == ("webhook: localhost answered HTTP 307",)
    assert asked == ["/webhook"]


@pytest.mark.parametrize("status", [300, 400, 404, 500, 503])
def test_failed_deliveries_are_named_and_can_be_retried(status: int) -> None:
    delivery = told(lambda request: answered({}, status if request.path == "/slack" else 200), kinds=("webhook", "slack"))
    assert (delivery.delivered, delivery.again) == (("webhook",), ("slack",))
    assert delivery.failed == (f"slack: localhost answered HTTP {status}",)


def test_only_the_requested_channels_are_notified() -> None:
    assert told(lambda request: answered({}), channels=("slack",), kinds=("webhook", "slack")).delivered == ("slack",)


def test_proxy_settings_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert told(lambda request: answered({})).delivered == ("webhook",)


def answer_at(url: str, *, ours: bool = True) -> None:
    async def answer() -> None:
        async with open_external_session({"localhost"}) as session:
            hooks = url.removesuffix("/x") if ours else "https://hooks.slack.example"
            cloud = Cloud(replace(SETTINGS, slack_hooks_url=hooks), stopped_clock(0.0))
            cloud.outside = session
            await Webhooks(cloud).reply(url, Card("done"))

    asyncio.run(answer())


def test_slack_replies_are_ephemeral_and_failures_are_raised() -> None:
    seen: list[dict[str, Any]] = []

    def respond(request: Request) -> Answer:
        seen.append(json.loads(request.content))
        return answered({}, 200 if len(seen) == 1 else 500)

    with serving(respond) as port:
        answer_at(f"http://localhost:{port}/x")
        assert (seen[0]["response_type"], seen[0]["replace_original"]) == ("ephemeral", False)
        with pytest.raises(DeliveryError, match="answered HTTP 500"):
            answer_at(f"http://localhost:{port}/x")
        with pytest.raises(InvalidRequest, match="not a Slack URL"):
            answer_at(f"http://localhost:{port}/x", ours=False)
        for literal in (f"http://127.0.0.1:{port}/x", f"http://[::1]:{port}/x"):
            with pytest.raises(DeliveryError, match="must have a host name"):
                answer_at(literal)
    assert len(seen) == 2
