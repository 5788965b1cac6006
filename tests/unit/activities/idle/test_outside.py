"""Activity services are asked over HTTP: a call for a thousand machines, signed, guarded, and never waited for too long."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from activities.idle.outside import LARGEST_ANSWER, ask_activity
from dormouse.access.signatures import hub_signature, same
from dormouse.cloud.clients import Cloud
from dormouse.cloud.egress import NoNameError
from dormouse.idle.outside.answers import ServiceAnswer
from dormouse.idle.outside.services import ActivityService
from dormouse.lifecycle import State
from dormouse.resources.compute.machines import VirtualMachine
from tests.unit.activities.idle import test_clusters as clusters
from tests.unit.builders import IDENTIFIER, NOW, machine
from tests.unit.twins import SETTINGS, stopped_clock

SECRET = "not-to-be-shown"
Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def not_busy(request: web.BaseRequest) -> web.StreamResponse:
    question = await request.json()
    said = [{"machine": one, "state": "not_busy"} for one in question["machines"]]
    return web.json_response({"id": question["id"], "machines": said})


def asked(
    machines: list[VirtualMachine], handle: Handle = not_busy, *, within: float = 5.0
) -> tuple[dict[str, ServiceAnswer], list[tuple[bytes, str]]]:
    """The answers of a service about machines, and the bodies and signatures of the questions."""
    questions: list[tuple[bytes, str]] = []

    async def noted(request: web.BaseRequest) -> web.StreamResponse:
        questions.append((await request.read(), request.headers["X-Hub-Signature-256"]))
        return await handle(request)

    async def ask() -> dict[str, ServiceAnswer]:
        application = web.Application(client_max_size=16 * 2**20)
        application.router.add_post("/busy/hidden", noted)
        async with TestServer(application) as server, aiohttp.ClientSession() as session:
            service = ActivityService("", str(server.make_url("/busy/hidden")))
            cloud = Cloud(replace(SETTINGS, activity_url=(service,), activity_url_secret=SECRET), stopped_clock(NOW))
            cloud.outside = session
            return await ask_activity(machines, cloud, within=within)

    return asyncio.run(ask()), questions


def fleet(count: int) -> list[VirtualMachine]:
    return [machine(id=f"{IDENTIFIER}{number}") for number in range(count)]


@pytest.mark.parametrize(("count", "calls"), [(0, 0), (1, 1), (1000, 1), (1001, 2), (2300, 3)])
def test_a_thousand_machines_are_asked_about_in_one_signed_call(count: int, calls: int) -> None:
    found, questions = asked(fleet(count))
    assert (len(questions), len(found)) == (calls, count)
    assert all(not one.unknown and not one.until for one in found.values())
    for body, signature in questions:
        assert same(signature, hub_signature(SECRET, body))
    ids = [json.loads(body)["id"] for body, _ in questions]
    assert len(set(ids)) == calls, "each question has its own id"


def test_only_running_machines_are_asked_about() -> None:
    found, questions = asked([machine(state=State.STOPPED), machine(id=f"{IDENTIFIER}2")])
    assert list(found) == [f"{IDENTIFIER}2".lower()]
    assert json.loads(questions[0][0])["machines"] == [f"{IDENTIFIER}2"]


async def late(request: web.BaseRequest) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


async def trickling(request: web.BaseRequest) -> web.StreamResponse:
    """The beginning of an answer, and no more."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b'{"id": ')
    await asyncio.Event().wait()
    return response


async def endless(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(LARGEST_ANSWER // 2**16 + 2):
        await response.write(b" " * 2**16)
    return response


@pytest.mark.parametrize(
    ("handle", "words"),
    [
        (late, "did not answer within 0.2 seconds"),
        (trickling, "did not answer within 0.2 seconds"),
        (endless, "gave an answer of more than 2,097,152 bytes"),
    ],
)
def test_late_and_endless_answers_are_none(handle: Handle, words: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found, _ = asked(fleet(2), handle, within=0.2 if handle is not endless else 5.0)
    assert {one.unknown for one in found.values()} == {f"the activity service 127.0.0.1 {words}"}
    assert all(one.failed for one in found.values())
    (event,) = [
        json.loads(record.getMessage()) for record in caplog.records if "activity service failed" in record.getMessage()
    ]
    assert (event["machines"], event["problem"]) == (2, words)
    assert "hidden" not in caplog.text
    assert SECRET not in caplog.text


def test_a_redirect_is_not_followed() -> None:
    seen: list[Any] = []

    async def elsewhere(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request)
        if len(seen) == 1:
            return web.Response(status=307, headers={"Location": str(request.url)})
        return await not_busy(request)

    found, questions = asked(fleet(1), elsewhere)
    assert {one.unknown for one in found.values()} == {"the activity service 127.0.0.1 answered HTTP 307"}
    assert len(questions) == 1


def test_a_failed_call_affects_only_its_own_machines() -> None:
    calls: list[Any] = []

    async def first_fails(request: web.BaseRequest) -> web.StreamResponse:
        calls.append(request)
        return web.Response(status=503) if len(calls) == 1 else await not_busy(request)

    found, _ = asked(fleet(1500), first_fails)
    assert sum(one.failed for one in found.values()) in (500, 1000)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://10.0.0.1/x", "was not asked: the URL must have a host name instead of an IP address"),
        ("https://localhost:1/x", "cannot be reached (ClientConnectorDNSError)"),
    ],
)
def test_no_private_address_is_asked(url: str, words: str) -> None:
    """By the session that the app uses: what the name resolves to is checked while connecting."""

    async def ask() -> dict[str, ServiceAnswer]:
        settings = replace(SETTINGS, activity_url=(ActivityService("", url),), activity_url_secret=SECRET)
        cloud = Cloud(settings, stopped_clock(NOW))
        try:
            return await ask_activity([machine()], cloud)
        finally:
            await cloud.close()

    (answer,) = asyncio.run(ask()).values()
    assert (words in answer.unknown, answer.failed) == (True, True)


class Unreachable:
    """A session that refuses every URL, as that of the app does for IP addresses."""

    def post(self, *_: Any, **__: Any) -> Any:
        raise NoNameError("the URL must have a host name")


def test_no_cluster_is_scaled_down_while_its_service_cannot_be_asked() -> None:
    place = clusters.Place(clusters.azure())
    place.settings = replace(SETTINGS, activity_url=(ActivityService("", "https://10.0.0.1"),))
    place.outside = Unreachable()  # type: ignore[assignment]
    begun = clusters.carried_out(place)
    assert (begun.begun, "was not asked: the URL must have a host name" in begun.why, place.begun) == (None, True, [])
