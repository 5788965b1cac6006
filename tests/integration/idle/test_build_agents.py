"""Sweeps and build agents: a machine whose agent runs a job is not stopped, whatever it looks like from outside."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.sandbox import Ground, temporary_ground
from tests.fleet import sweep_ended
from tests.integration.environments.test_build_agent import SPEC, Pipelines
from tests.support import AzureSide, ControlPlane, until

# A decision is valid for five minutes: at this speed they are long enough for what a sweep does.
SPEED = 60.0
WITHOUT_GPU = {**SPEC, "region": "swedencentral", "count": 1, "size": "Standard_D2s_v5"}
SOON = {**WITHOUT_GPU, "idle": {"window": "5m", "grace": "0m", "lead": "1m"}}


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A slower ground of these tests' own."""
    with temporary_ground(speed=SPEED, timers=False, agents=False) as running:
        yield running


def stops(control_plane: ControlPlane, name: str) -> list[dict[str, Any]]:
    trail = control_plane.client.get("/operations", params={"environment": name}).raise_for_status().json()["value"]
    return [operation for operation in trail if operation["verb"] == "stop"]


def test_a_sweep_does_not_stop_a_machine_whose_agent_runs_a_job_and_stops_it_after_that(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    pipelines = Pipelines(azure)
    control_plane.up(name, SOON)
    number = pipelines.queue()
    leased = control_plane.client.post(f"/environments/{name}/extend", json={"for": "2m", "then": "stop"})
    assert leased.status_code == 200, leased.text

    def swept_until(outcome: str, reason: str = "") -> bool:
        sweep_ended(control_plane.client, control_plane.client.post("/sweeps", json={"dry_run": False}))
        return any(one["outcome"] == outcome and one["reason"].startswith(reason) for one in stops(control_plane, name))

    until(lambda: swept_until("cancelled", "Nothing was stopped. suspend agent-1:"), "the agent refused nothing")
    assert pipelines.states(name) == {f"{name}-1": ("online", True)}, "it takes jobs again"
    assert "finishTime" not in pipelines.job(number)
    pipelines.finish(number)
    until(lambda: swept_until("succeeded"), "the machine was not stopped")
    assert control_plane.get(name)["state"] == "stopped"
    assert pipelines.states(name) == {f"{name}-1": ("offline", False)}
    started = control_plane.follow(control_plane.post(name, "start"))
    assert started["outcome"] == "succeeded", started["reason"]
    assert pipelines.states(name) == {f"{name}-1": ("online", True)}
