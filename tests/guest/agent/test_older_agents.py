"""Agents of earlier releases against today's control plane, and today's agent against an earlier one."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dormouse import serialization
from dormouse.guest.agent.heartbeat import heartbeat, reply_in
from dormouse.guest.agent.minutes import Minute
from dormouse.idle.heartbeats.heartbeat import Heartbeat
from dormouse.services.views.heartbeats import HeartbeatAnswer, HeartbeatHold, WarningView
from release.keep import KEPT, unpack
from tests.guest.fakes import Agent, ControlPlane, Terminal, answered
from tests.support import eventually

RELEASES = sorted(KEPT.glob("*.json"))
PACK = "import sys; from dormouse.guest.packaging import agent_archive; sys.stdout.buffer.write(agent_archive())"
# What today's app answers, in the fields of its own view.
CALM = HeartbeatAnswer(300, confirmed=True, warning=None, hold=HeartbeatHold("ann", "a run", 3600.0))
WARNED = HeartbeatAnswer(60, confirmed=True, warning=WarningView("w1", "It stops.", 900.0), hold=None)
READ = "import sys; from dormouse.idle.heartbeats.heartbeat import Heartbeat as H; H.model_validate_json(sys.stdin.read())"


@pytest.fixture(scope="module", params=RELEASES, ids=lambda path: path.stem)
def earlier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a kept release."""
    folder = tmp_path_factory.mktemp("earlier")
    unpack(request.param, folder)
    return folder


@pytest.fixture
def archive(earlier: Path) -> Path:
    """The agent that an earlier release has installed."""
    path = earlier / "agent.pyz"
    if not path.exists():
        path.write_bytes(subprocess.run([sys.executable, "-c", PACK], cwd=earlier, check=True, capture_output=True).stdout)
    return path


def test_an_earlier_agent_follows_todays_intervals_and_shows_todays_warnings(
    start: Callable[[], Agent], alice: Terminal, control_plane: ControlPlane
) -> None:
    warned, calm = (answered(serialization.encode(one)) for one in (WARNED, CALM))
    # Its minute lasts 0.6 s; a pause of a sixth of it is the least, and 60 s are longer than this test.
    quick = answered({**serialization.encode(WARNED), "next_in_seconds": 0.1})
    control_plane.answers = [quick, quick, quick, calm, warned]
    start()
    assert eventually(lambda: len(control_plane.heartbeats) == 4)
    assert "It stops." in alice.seen()
    assert ["w1"] in [beat["shown"] for beat in control_plane.heartbeats]
    time.sleep(1.0)
    assert len(control_plane.heartbeats) == 4, "it waits for as long as the answer says"
    for beat in control_plane.heartbeats:
        Heartbeat.model_validate(beat)


def test_todays_heartbeats_are_understood_by_an_earlier_control_plane_and_its_answers_by_todays_agent(earlier: Path) -> None:
    minutes = [Minute(number, 60.0 * number, {"jobs": {"max": 1.0, "p95": 0.0}}) for number in range(5)]
    body = heartbeat(
        machine="/m", boot="0" * 32, minutes=minutes, gpu=("ok", ""), holds=[], shown=["w1"], moment=400.0, problems={}
    )
    subprocess.run([sys.executable, "-c", READ], cwd=earlier, input=body, check=True, capture_output=True)
    every_minute = json.dumps({"next_in_seconds": 60, "confirmed": True, "warning": None, "hold": None}).encode()
    assert reply_in(every_minute, 0.0).next_in_seconds == 60.0
