"""The commands of the README."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, WORKSTATION


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.demo", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_demo_shows_every_step_and_exits_with_0() -> None:
    done = demo("--speed", "60")
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    for part in ("Plan of ml1", "0.5991 USD an hour", "provision ml1: succeeded", "Makespan", "stop ml1: succeeded", "404"):
        assert part in said
    assert "The simulated Azure agrees: no resources, no secrets." in said
    asleep = "'forgotten': 'deallocated', 'silent': 'running', 'trainer': 'running'"
    assert f"The simulated Azure agrees: {{{asleep}}}." in said
    assert "Shown on the machine" in said


@pytest.mark.parametrize(
    ("blueprint", "way_in", "speed"),
    [
        ("data-science", "https://203.0.113.", "60"),
        ("build-agent", "ssh azureuser@", "60"),
        ("runner-cluster", "az aks get-credentials --resource-group rg-dormouse-ml1", "150"),
    ],
)
def test_the_demo_shows_the_life_of_the_example_of_a_blueprint(blueprint: str, way_in: str, speed: str) -> None:
    done = demo("--speed", speed, "--blueprint", blueprint)
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    for part in ("Plan of ml1", "provision ml1: succeeded", way_in, "stop ml1: succeeded", "start ml1: succeeded"):
        assert part in said
    assert "The simulated Azure agrees: no resources, no secrets." in said


@pytest.mark.parametrize("blueprint", ["ml-shared", "ml-workspace"])
def test_the_demo_shows_environments_that_nothing_can_stop(blueprint: str) -> None:
    done = demo("--speed", "60", "--blueprint", blueprint)
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    again = "PUT /environments/ml1 with the same spec: 200, nothing to change."
    for part in ("Plan of ml1", "provision ml1: succeeded", "ready, not billed", again, "delete ml1: succeeded"):
        assert part in said
    assert "The simulated Azure agrees: no resources, no secrets." in said


def test_the_demo_exits_with_1_and_shows_the_error_when_a_step_fails(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({**WORKSTATION, "size": "Standard_NV6ads_A10_v6"}))
    done = demo("--speed", "60", "--spec", str(wrong))
    assert done.returncode == 1
    assert "failed" in done.stdout
    assert "Standard_NV6ads_A10_v5" in done.stdout  # the suggestion


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make with a clean environment, even if make started these tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
    return subprocess.run(["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_make_without_a_target_lists_every_target() -> None:
    listed = make(ROOT).stdout
    named = [line.split()[1] for line in listed.splitlines()]
    assert named == [
        "help",
        "demo",
        "run",
        "test",
        "screenshots",
        "bench",
        "azure-cli",
        "custodian",
        "lock",
        "keep",
        "package",
        "azd-package",
        "validate",
        "whatif",
        "provision",
        "publish",
        "deploy",
        "verify",
        "functional",
        "roles",
        "probe",
        "cleanup",
        "uninstall",
        "format",
        "clean",
    ]


def test_make_names_the_required_python_versions_when_none_is_found(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "requirements-dev.txt").touch()
    done = make(tmp_path, "-f", str(ROOT / "Makefile"), "PYTHONS=nothing-of-that-name", "PYTHON=", "demo")
    assert done.returncode != 0
    assert "needs Python 3.11, 3.12, 3.13 or 3.14" in done.stderr
