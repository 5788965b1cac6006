"""A chat command is carried out once and answered, wherever the host crashes."""

import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from dormouse.access.roles import Channel
from dormouse.access.signatures import slack_signature
from dormouse.chatops.intake import ChatMessage
from dormouse.cloud.clients import Cloud
from dormouse.records.deduplication import CHAT, Receipts
from dormouse.settings import Settings
from local.sandbox import SLACK_SECRET
from tests.conftest import PASSED
from tests.faults.harness import Checkpoint, Life, Recording, Workbench
from tests.support import AzureSide

# The SDK warns of values of unknown types, and of results that arrive after a task_any has ended.
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task")


@pytest.fixture(scope="module", autouse=True)
def window() -> Iterator[None]:
    """Replies are never too late: the half hour in which Slack takes them is two seconds of this computer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orchestrators.chat.command.TELLABLE", timedelta(hours=12))
        yield


@pytest.fixture(scope="module")
def restart(workbench: Workbench) -> Recording:
    """A restart from Slack without faults."""
    name = "chat-restart"
    workbench.command(name, "provision")
    recording = Recording(name, "restart", workbench.checkpoint())
    assert len(_restarted(workbench, recording, recording.begin)) == 2
    return recording


@pytest.mark.parametrize("written", [False, True], ids=["before its result is committed", "after its result is committed"])
def test_a_restart_from_slack_survives_a_host_crash_at_every_activity(
    workbench: Workbench, restart: Recording, written: bool
) -> None:
    cuts = restart.written if written else restart.unwritten
    assert len(cuts) > 5
    for place, cut in enumerate(cuts, 1):
        # A message that was sent but not committed is sent again; no message is missing.
        assert len(_restarted(workbench, restart, cut)) in (2, 3), place
        PASSED[f"restart from Slack: power cut at the n-th activity, {'after' if written else 'before'} it is written"] += 1


def _restarted(workbench: Workbench, recording: Recording, beginning: Checkpoint) -> list[dict[str, Any]]:
    """The messages about a restart that continues from there; Slack repeats a request that got no response."""
    path, trigger, recorded = "/commands/restart", "the-one-restart", bool(recording.written)

    async def restarted() -> None:
        async with workbench.life(None if recorded else recording) as life:
            await life.until_ended(await _said(life, workbench, recording.name, path, trigger))
            life.store.watcher = None
            answer = await life.ask("GET", f"/operations?environment={recording.name}&limit=200")
            assert [each["outcome"] for each in answer.json()["value"] if each["verb"] == "restart"] == ["succeeded"]

    workbench.restore(beginning)
    workbench.runner.run(restarted())
    messages = AzureSide(workbench.simulation).messages(path)
    assert "was restarted" in str(messages[-1])
    return messages


async def _said(life: Life, workbench: Workbench, name: str, path: str, trigger: str, word: str = "restart") -> str:
    """Send a command; repeat it in the next life, as Slack does after a missing response; returns the orchestration ID."""
    fields = {"text": f"{word} {name}", "user_id": "UOPERATOR", "trigger_id": trigger}
    fields["response_url"] = f"{workbench.ground.app_environment['SLACK_HOOKS_URL']}{path}"
    body, now = urlencode(fields).encode(), str(int(time.time()))
    headers = {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": slack_signature(SLACK_SECRET, now, body)}
    answer = await life.client.post("/chatops/slack", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return ChatMessage(Channel.SLACK, "UOPERATOR", "", trigger).id


def test_a_message_is_accepted_again_if_the_process_died_before_starting_its_command(
    workbench: Workbench, side: AzureSide
) -> None:
    path, trigger = f"/commands/{uuid.uuid4().hex}", uuid.uuid4().hex

    async def died() -> None:
        settings = Settings.from_environment()
        cloud = Cloud(settings, settings.clock)
        chat = ChatMessage(Channel.SLACK, "UOPERATOR", "", trigger).id
        place = f"{workbench.ground.app_environment['SLACK_HOOKS_URL']}{path}"
        assert await Receipts(cloud.tables).take(CHAT, chat, place, 1.0)
        await cloud.close()

    async def again() -> None:
        async with workbench.life() as life:
            await life.until_ended(await _said(life, workbench, "nothing-here", path, trigger))

    workbench.runner.run(died())
    workbench.runner.run(again())
    (told,) = side.messages(path)
    assert "There is no environment like" in str(told["body"])


def test_an_operation_longer_than_the_slack_reply_window_is_reported_as_still_running(
    workbench: Workbench, side: AzureSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrators.chat.command.TELLABLE", timedelta(seconds=30))
    path, trigger = f"/commands/{uuid.uuid4().hex}", uuid.uuid4().hex

    async def built() -> None:
        async with workbench.life() as life:
            await life.until_ended(await _said(life, workbench, "chat-slow", path, trigger, "up"))
            operation = (await life.ask("GET", "/operations?environment=chat-slow")).json()["value"][0]["id"]
            await life.until_ended(operation)

    workbench.runner.run(built())
    begun, still = (str(message["body"]) for message in side.messages(path))
    assert "up started" in begun
    assert "still running" in still
    assert "status chat-slow" in still
