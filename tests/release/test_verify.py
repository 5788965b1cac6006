"""After a deployment: it answers, Azure knows every function, the triggers are synchronized, and the timer's sweep ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from local.sandbox import Ground
from release.arm import Arm, CheckFailed
from release.control_plane import ControlPlane
from release.deployment import Deployment
from release.verify import functions_in, verify
from tests.release.conftest import Time
from tests.release.resource_manager import SUBSCRIPTION, TOKEN, ResourceManager
from tests.support import ROOT, until

NAMES = [f"function_{number}" for number in range(20)]
Verify = Callable[[], list[str]]


def fire(ground: Ground) -> None:
    """Let the timer begin a sweep, and wait until it has ended."""
    with ground.client() as client:
        before = client.get("/machines/idle-report").raise_for_status().json()["sweep"]
        master = {"x-functions-key": ground.keys["master"]}
        fired = httpx.post(f"http://127.0.0.1:{ground.port}/admin/functions/sweep_timer", json={}, headers=master)
        assert fired.status_code == 202
        until(lambda: client.get("/machines/idle-report").json()["sweep"] != before, "the sweep has not ended")


@pytest.fixture
def verified(
    arm: Arm, plane: ControlPlane, deployment: Deployment, manager: ResourceManager, time: Time, ground: Ground
) -> Verify:
    """Verify while time passes at once; the timer fires in the second pause of the wait for a sweep."""
    manager.functions = list(NAMES)
    return lambda: list(verify(arm, plane, deployment, NAMES, time.patience(), time.patience()))


def test_a_sound_deployment_is_verified(verified: Verify, manager: ResourceManager, time: Time, ground: Ground) -> None:
    time.in_between = [lambda: None, lambda: fire(ground)]
    answers, knows, synchronized, swept, *_ = verified()
    assert answers == f"{ground.api} answers"
    assert knows == "Azure knows all 20 functions"
    assert synchronized == "the triggers are synchronized"
    assert swept.startswith("the sweep sweep-")
    assert swept.endswith("which the timer has begun, ended")
    asked = [one.rpartition("/")[2] for one in manager.asked if "/sites/" in one]
    assert asked == ["functions", "functions", "functions", "syncfunctiontriggers"], "three pages, and then the triggers"


def test_a_sweep_that_ended_before_proves_nothing(verified: Verify, time: Time, ground: Ground) -> None:
    fire(ground)
    with pytest.raises(CheckFailed, match="No sweep has ended since"):
        verified()
    assert time.now >= 45, "it waited for the next one"


def test_a_sweep_that_someone_else_began_proves_nothing(verified: Verify, time: Time, ground: Ground) -> None:
    def begin() -> None:
        with ground.client() as client:
            begun = client.post("/sweeps").raise_for_status().json()["sweep"]
            until(lambda: client.get("/machines/idle-report").json()["sweep"] == begun, "the sweep has not ended")

    time.in_between = [begin]
    with pytest.raises(CheckFailed, match="begun by function-key"):
        verified()


def test_functions_that_appear_late_are_waited_for(
    verified: Verify, manager: ResourceManager, time: Time, ground: Ground
) -> None:
    manager.functions = NAMES[:3]
    time.in_between = [lambda: manager.functions.extend(NAMES[3:]), lambda: fire(ground)]
    assert "Azure knows all 20 functions" in verified()


@pytest.mark.parametrize(
    ("known", "disabled", "words"),
    [
        (NAMES[1:], set(), "function_0 is missing"),
        ([*NAMES, "left_over"], set(), "left_over is not in the package"),
        (NAMES, {"function_7"}, "function_7 is disabled"),
    ],
)
def test_another_list_of_functions_fails(
    verified: Verify, manager: ResourceManager, known: list[str], disabled: set[str], words: str
) -> None:
    manager.functions, manager.disabled = list(known), disabled
    with pytest.raises(CheckFailed, match=rf"{words}.*after 60 s"):
        verified()
    assert not [one for one in manager.asked if "syncfunctiontriggers" in one]


def test_an_api_that_does_not_answer_fails(arm: Arm, deployment: Deployment, time: Time) -> None:
    with httpx.Client(trust_env=False) as client:
        plane = ControlPlane(client, "http://127.0.0.1:1/api", {})
        with pytest.raises(CheckFailed, match=r"health: no usable answer \(ConnectError\)"):
            list(verify(arm, plane, deployment, NAMES, time.patience(), time.patience()))


def test_a_build_without_a_list_of_functions_fails(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="Run `make package` first"):
        functions_in(tmp_path / "functions.json")


Start = Callable[[str, str], "subprocess.Popen[str]"]


@pytest.fixture
def start(manager: ResourceManager, tmp_path: Path) -> Start:
    """Start a command of the release in a process of its own, with a stand-in of `az` that gives the token."""
    az = tmp_path / "az"
    token = {"accessToken": TOKEN, "expires_on": 4102444800, "tokenType": "Bearer"}
    az.write_text(f"#!/bin/sh\necho '{json.dumps(token)}'\n")
    az.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
        "AZURE_RESOURCE_MANAGER_URL": manager.url,
    }

    def begin(module: str, stage: str) -> "subprocess.Popen[str]":
        words = [sys.executable, "-m", f"release.{module}", "--stage", stage, "--every", "0.2"]
        return subprocess.Popen(
            words, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    return begin


def test_the_command_verifies_a_stage_and_shows_no_secret(
    start: Start, manager: ResourceManager, ground: Ground, tmp_path: Path
) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "functions.json").write_text(json.dumps(NAMES))
    manager.functions = list(NAMES)
    running = start("verify", "int")
    while running.poll() is None:
        fire(ground)
    out, err = running.communicate()
    assert (running.returncode, len(out.splitlines())) == (0, 4), err
    assert not any(secret in out + err for secret in (TOKEN, manager.key))


@pytest.mark.parametrize(
    ("module", "status", "words"),
    [
        ("roles", 1, "DeploymentNotFound"),
        ("probe", 1, "DeploymentNotFound"),
        ("functional", 1, "DeploymentNotFound"),
        ("cleanup", 0, "nothing was ever deployed to pro"),
    ],
)
def test_a_stage_that_was_not_deployed(start: Start, module: str, status: int, words: str) -> None:
    running = start(module, "pro")
    out, err = running.communicate(timeout=60)
    assert (running.returncode, words in out + err) == (status, True), (out, err)
