"""The installed agent runs on this computer and reports to the control plane."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dormouse.guest.packaging import agent_archive
from local.sandbox import Ground, temporary_ground
from tests.fleet import CPU_SIZE, FleetSide, machine
from tests.guest.fakes import Answer, Request, answered, serving
from tests.support import until

AUDIENCE = "api://dormouse"


@pytest.fixture
def ground() -> Iterator[Ground]:
    """A sandbox in real time, because the agent uses real time."""
    with temporary_ground(speed=1, timers=False) as running:
        yield running


@pytest.fixture
def fleet(ground: Ground) -> Iterator[FleetSide]:
    with ground.client() as client, ground.simulation() as simulation:
        yield FleetSide(client, simulation)


def metadata_of(fleet: FleetSide, name: str, request: Request) -> Answer:
    """The metadata that a simulated machine gets from its host: its resource ID, and tokens of its identity."""
    if request.path == "/metadata/instance/compute":
        return answered({"resourceId": fleet.id(name)})
    body = {"id": fleet.id(name), "audience": request.query["resource"][0]}
    token = fleet.simulation.post("/machines/token", json=body).raise_for_status().json()["access_token"]
    return answered({"access_token": token, "expires_in": "86400", "expires_on": "99999999999"})


@contextmanager
def agent(root: Path, fleet: FleetSide, name: str) -> Iterator[list[str]]:
    """The program that cloud-init installs, started without systemd; yields the command line of dormouse-awake."""
    archive = root / "agent.pyz"
    archive.write_bytes(agent_archive())
    for folder in ("proc", "dev", "sys", "var", "home"):
        (root / folder).symlink_to(f"/{folder}")
    (root / "etc/dormouse").mkdir(parents=True)
    (root / "run/dormouse").mkdir(parents=True)
    address = {"control_plane": str(fleet.control_plane.base_url).rstrip("/"), "audience": AUDIENCE}
    (root / "etc/dormouse/agent.json").write_text(json.dumps(address))
    program = [sys.executable, "-I", str(archive), "--root", str(root)]
    with serving(lambda request: metadata_of(fleet, name, request)) as port, (root / "log").open("w") as log:
        words = ["--metadata", f"http://127.0.0.1:{port}", "--minute", "2"]
        running = subprocess.Popen([*program, *words], stdout=log, stderr=log, env={"PATH": os.environ["PATH"]})
        try:
            yield [*program, "awake"]
        finally:
            running.terminate()
            running.wait(10)


def test_heartbeats_and_holds_of_the_real_agent_reach_the_control_plane(fleet: FleetSide, tmp_path: Path) -> None:
    fleet.load(here=machine(size=CPU_SIZE, agent=False))
    assert "logins" not in fleet_line(fleet, "here")["measurements"]
    with agent(tmp_path, fleet, "here") as awake:
        # A hold is reported at once, together with the finished minutes; without one the agent waits for its next heartbeat.
        until(
            lambda: subprocess.run([*awake, "2h", "a long proof"], check=False).returncode == 0, "the hold was not accepted"
        )
        until(lambda: fleet_line(fleet, "here")["verdict"] == "held", "the hold was not received")
        assert "a long proof" in fleet_line(fleet, "here")["reason"]

        def told() -> bool:
            for wish in ("1h", "off"):  # each is reported at once, with the minutes finished by then
                assert subprocess.run([*awake, wish], check=False).returncode == 0
                time.sleep(0.5)
            signals = set(fleet_line(fleet, "here")["measurements"])
            return {"cpu_percent", "cpu_cores", "jobs", "kernels", "containers", "terminal_jobs"} <= signals

        until(told, "the agent's minutes never arrive")
    assert "Bearer" not in (tmp_path / "log").read_text()


def fleet_line(fleet: FleetSide, name: str) -> dict[str, Any]:
    fleet.sweep(dry_run=True)
    return fleet.lines()[name]
