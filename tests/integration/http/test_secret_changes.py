"""Keys and secrets are changed without refusing a valid request: for a while both are accepted, then only the new one."""

import base64
import json
import secrets
from collections.abc import Iterator

import httpx
import pytest

from local.plain_http import NO_TLS
from local.sandbox import CHATOPS_SECRET, SLACK_SECRET, TEAMS_SECRET, Ground, temporary_ground
from tests.integration.chat.chats import Script, Slack, Teams
from tests.support import AzureSide

SPEED = 60.0
NEW_SLACK, NEW_CHATOPS = "new-slack-secret", "new-chatops-secret"
NEW_TEAMS = base64.b64encode(b"new-teams-secret").decode()
NEW = {"SLACK_SIGNING_SECRET": NEW_SLACK, "TEAMS_WEBHOOK_SECRET": NEW_TEAMS, "CHATOPS_SECRET": NEW_CHATOPS}
OLD = {"SLACK_SIGNING_SECRET": SLACK_SECRET, "TEAMS_WEBHOOK_SECRET": TEAMS_SECRET, "CHATOPS_SECRET": CHATOPS_SECRET}
OK, UNAUTHORIZED = httpx.codes.OK, httpx.codes.UNAUTHORIZED


@pytest.fixture
def ground() -> Iterator[Ground]:
    with temporary_ground(speed=SPEED, timers=False, agents=False) as running:
        yield running


def restart(ground: Ground, settings: dict[str, str], keys: dict[str, object]) -> None:
    """Start the host with other settings and keys, as Azure does after a change of settings."""
    ground.host.kill()
    ground.host.environment |= settings
    (ground.home / "host" / "keys.json").write_text(json.dumps(keys))
    ground.host.start()


def answers(ground: Ground, azure: AzureSide, key: str, given: dict[str, str]) -> list[int]:
    """What the function key and the secrets of Slack, Teams and scripts bring, in this order."""
    with httpx.Client(base_url=ground.api, timeout=30, trust_env=False, verify=NO_TLS) as client:
        said = [
            client.get("/environments", headers={"x-functions-key": key}),
            Slack(ground, client, azure).post("slack", {"ssl_check": "1"}, secret=given["SLACK_SIGNING_SECRET"]),
            Teams(ground, client).say("help", secret=given["TEAMS_WEBHOOK_SECRET"]),
            Script(ground, client).say("help", secret=given["CHATOPS_SECRET"]),
        ]
    return [one.status_code for one in said]


def test_old_and_new_are_accepted_during_a_change_and_only_the_new_one_afterwards(ground: Ground, azure: AzureSide) -> None:
    keys, fresh = dict[str, object](ground.keys), secrets.token_urlsafe(32)
    old = str(keys["function"])
    assert answers(ground, azure, old, OLD) == [OK] * 4
    assert answers(ground, azure, fresh, NEW) == [UNAUTHORIZED] * 4
    both = {**NEW, **{f"{name}_PREVIOUS": value for name, value in OLD.items()}}
    restart(ground, both, {**keys, "others": {"new": fresh}})
    assert answers(ground, azure, old, OLD) == [OK] * 4
    assert answers(ground, azure, fresh, NEW) == [OK] * 4
    restart(ground, {f"{name}_PREVIOUS": "" for name in OLD}, {**keys, "function": fresh})
    assert answers(ground, azure, old, OLD) == [UNAUTHORIZED] * 4
    assert answers(ground, azure, fresh, NEW) == [OK] * 4
