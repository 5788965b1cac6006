"""A command from a chat is carried out once and answered, wherever the power is cut."""

import time
import uuid
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

# The SDK warns of values whose types it does not know, and of answers that come after an "any of these" has ended.
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task")


@pytest.fixture(scope="module")
def restart(workbench: Workbench) -> Recording:
    """A machine is restarted from Slack, and nothing happens."""
    name = "chat-restart"
    workbench.command(name, "provision")
    recording = Recording(name, "restart", workbench.checkpoint())
    assert len(_restarted(workbench, recording, recording.begin)) == 2
    return recording


@pytest.mark.parametrize("written", [False, True], ids=["before it is written down", "after it is written down"])
def test_the_power_is_cut_while_a_machine_is_restarted_from_slack(
    workbench: Workbench, restart: Recording, written: bool
) -> None:
    cuts = restart.written if written else restart.unwritten
    assert len(cuts) > 5
    for place, cut in enumerate(cuts, 1):
        # What was told but could not be written down is told again; nothing is left unsaid.
        assert len(_restarted(workbench, restart, cut)) in (2, 3), place
        PASSED[f"restart from Slack: power cut at the n-th activity, {'after' if written else 'before'} it is written"] += 1


def _restarted(workbench: Workbench, recording: Recording, beginning: Checkpoint) -> list[dict[str, Any]]:
    """The messages about a restart that goes on from there; Slack says it again, as it does when it got no answer."""
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
    """Say it, again in the next life as Slack does when it got no answer; the orchestration that carries it out."""
    fields = {"text": f"{word} {name}", "user_id": "UOPERATOR", "trigger_id": trigger}
    fields["response_url"] = f"{workbench.ground.app_environment['SLACK_HOOKS_URL']}{path}"
    body, now = urlencode(fields).encode(), str(int(time.time()))
    headers = {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": slack_signature(SLACK_SECRET, now, body)}
    answer = await life.client.post("/chatops/slack", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return ChatMessage(Channel.SLACK, "UOPERATOR", "", trigger).id


def test_a_message_whose_taker_died_before_handing_it_over_is_taken_again(workbench: Workbench, side: AzureSide) -> None:
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


def test_what_lasts_longer_than_slack_listens_is_said_to_go_on(
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
