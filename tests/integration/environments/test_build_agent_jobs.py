"""Build agents with jobs: stops, starts, deletions and cancellations wait for what runs, and not for ever."""

from collections.abc import Iterator

import pytest

from local.sandbox import Ground, temporary_ground
from tests.integration.environments.test_build_agent import ONE, SPEC, Pipelines, gone, steps_of
from tests.support import AzureSide, ControlPlane, until

# A stop waits for five minutes for what runs inside: at this speed they are long enough for the requests of that time.
SPEED = 100.0


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with temporary_ground(speed=SPEED, timers=False, agents=False) as running:
        yield running


@pytest.fixture
def pipelines(azure: AzureSide) -> Pipelines:
    return Pipelines(azure)


def test_a_stop_waits_for_the_running_job_and_a_start_takes_jobs_again(
    control_plane: ControlPlane, pipelines: Pipelines, name: str
) -> None:
    control_plane.up(name, ONE)
    number, asked = pipelines.queue(), pipelines.requests()
    accepted = control_plane.post(name, "stop").json()["operation"]

    def waits_or_has_ended() -> bool:
        return pipelines.requests() > asked + 12 or control_plane.operation(accepted)["outcome"] is not None

    until(waits_or_has_ended, "the agent is not looked at again")
    assert control_plane.operation(accepted)["outcome"] is None
    assert pipelines.states(name) == {f"{name}-1": ("online", False)}
    pipelines.finish(number)
    stopped = control_plane.wait(accepted)
    assert (stopped["outcome"], "interrupted" in stopped["reason"]) == ("succeeded", False), stopped["reason"]
    assert steps_of(stopped)["suspend agent-1"]["ended_seconds"] <= steps_of(stopped)["stop vm-1"]["began_seconds"]
    assert (pipelines.job(number)["result"], pipelines.states(name)) == ("succeeded", {f"{name}-1": ("offline", False)})
    started = control_plane.follow(control_plane.post(name, "start"))
    assert started["outcome"] == "succeeded", started["reason"]
    assert pipelines.states(name) == {f"{name}-1": ("online", True)}
    assert control_plane.down(name)["outcome"] == "succeeded"


def test_a_job_that_does_not_end_within_five_minutes_is_interrupted_by_people_and_the_answer_says_so(
    control_plane: ControlPlane, pipelines: Pipelines, name: str
) -> None:
    control_plane.up(name, ONE)
    number = pipelines.queue()
    stopped = control_plane.follow(control_plane.post(name, "stop"))
    assert stopped["outcome"] == "succeeded", stopped["reason"]
    assert "Not suspended in time, and interrupted: agent-1." in stopped["reason"]
    assert control_plane.get(name)["state"] == "stopped"
    until(lambda: pipelines.job(number).get("result") == "abandoned", "the job was never given up")
    assert control_plane.down(name)["outcome"] == "succeeded"


def test_a_deletion_with_a_job_that_does_not_end_leaves_no_agent(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str
) -> None:
    control_plane.up(name, ONE)
    pipelines.queue()
    deleted = control_plane.down(name)
    assert (deleted["outcome"], deleted["leftovers"]) == ("succeeded", []), deleted["reason"]
    assert gone(azure, pipelines, name)


def test_a_session_that_outlives_its_machine_delays_the_start_only(
    control_plane: ControlPlane, pipelines: Pipelines, name: str
) -> None:
    control_plane.up(name, ONE)
    control_plane.follow(control_plane.post(name, "stop"))
    accepted = control_plane.post(name, "start").json()["operation"]

    def checks() -> bool:
        pipelines.cut(f"{name}-1")  # for the next five minutes
        return steps_of(control_plane.operation(accepted)).get("health", {}).get("state") == "running"

    until(checks, "the agent is not waited for")
    pipelines.cut(f"{name}-1")
    started = control_plane.wait(accepted)
    assert started["outcome"] == "succeeded", started["reason"]
    assert steps_of(started)["health"]["duration_seconds"] >= 300, "it was offline for so long, and is not called broken"
    assert pipelines.states(name) == {f"{name}-1": ("online", True)}
    assert control_plane.down(name)["outcome"] == "succeeded"


def test_a_cancelled_provision_leaves_no_agent(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str
) -> None:
    accepted = control_plane.put(name, SPEC).json()["operation"]
    control_plane.until_step(accepted, "registration-1", "done")
    control_plane.cancel(accepted)
    assert control_plane.wait(accepted)["outcome"] == "cancelled"
    assert gone(azure, pipelines, name)
