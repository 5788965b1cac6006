"""`keep_minutes`: an idle machine stays for a time after the last job of its CI agent."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.sandbox import Ground, temporary_ground
from tests.fleet import lines_of_the_report, sweep_ended
from tests.integration.environments.test_build_agent import SPEC, Pipelines
from tests.support import AzureSide, ControlPlane, until

# Slow enough for heartbeats that a loaded computer sends late.
SPEED = 60.0
IDLE = {"window": "5m", "grace": "0m", "lead": "0m"}
SHORT = {**SPEC, "region": "swedencentral", "count": 1, "size": "Standard_D2s_v5", "idle": IDLE, "keep_minutes": 12}


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A slower ground, in which machines report."""
    with temporary_ground(speed=SPEED, timers=False) as running:
        yield running


def test_a_machine_stays_after_its_last_job_and_is_stopped_after_that(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    Pipelines(azure)
    control_plane.up(name, SHORT)
    (machine,) = azure.of_type(name, "Microsoft.Compute/virtualMachines")

    def report(jobs: int) -> None:
        azure.client.put("/signals", json={"id": machine["id"], "inside": {"batch_jobs": jobs}}).raise_for_status()

    def seen() -> dict[str, Any]:
        sweep_ended(control_plane.client, control_plane.client.post("/sweeps", json={"dry_run": False}))
        return next(line for line in lines_of_the_report(control_plane.client) if line["environment"] == name)

    report(1)
    until(lambda: "1 job of a batch system or CI agent" in seen()["reason"], "the job is not seen")
    report(0)
    kept: list[dict[str, Any]] = []

    def stopped() -> bool:
        line = seen()
        kept.extend([line] if line["verdict"] == "idle" and line["state"] == "running" else [])
        return bool(line["state"] == "stopped")

    until(stopped, "it was not stopped")
    texts = [line["next_action_text"] for line in kept]
    assert any(text.startswith("Its last job ended at ") for text in texts), texts
