"""Jobs that wait in a pool start machines that sleep: as few as there are jobs, and only where the spec allows it."""

from collections.abc import Iterator
from typing import Any

import pytest

from dormouse.clock import parse_moment
from local.sandbox import Ground, temporary_ground
from tests.fleet import sweep_ended, until_moment
from tests.integration.environments.test_build_agent import SPEC, Pipelines
from tests.support import AzureSide, ControlPlane, until

# A decision is valid for five minutes: at this speed they are long enough for what a sweep does.
SPEED = 120.0
MACHINE = "Microsoft.Compute/virtualMachines"
WITHOUT_GPU = {**SPEC, "region": "swedencentral", "count": 2, "size": "Standard_D2s_v5", "wake_for_jobs": True}


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A slower ground of these tests' own."""
    with temporary_ground(speed=SPEED, timers=False, agents=False) as running:
        yield running


@pytest.fixture
def pipelines(azure: AzureSide, name: str) -> Pipelines:
    """An organization of each test's own, so that jobs do not start the machines of other tests."""
    return Pipelines(azure, f"org-{name}", f"token-{name}")


def spec_for(pipelines: Pipelines, **fields: Any) -> dict[str, Any]:
    where = {"organization": f"https://dev.azure.com/{pipelines.organization}", "token_secret": pipelines.secret}
    return {**WITHOUT_GPU, **where, "idle": {"enabled": False, "lead": "0m"}, **fields}


def sweep(control_plane: ControlPlane) -> dict[str, Any]:
    return sweep_ended(control_plane.client, control_plane.client.post("/sweeps", json={"dry_run": False}))


def starts(control_plane: ControlPlane, name: str) -> list[dict[str, Any]]:
    trail = control_plane.client.get("/operations", params={"environment": name}).raise_for_status().json()["value"]
    return [operation for operation in trail if operation["verb"] == "start"]


def fall_asleep(control_plane: ControlPlane, name: str) -> None:
    """Let a sweep stop all machines of an environment, at the end of a lease."""
    leased = control_plane.client.post(f"/environments/{name}/extend", json={"for": "1m", "then": "stop"})
    assert leased.status_code == 200, leased.text
    until_moment(control_plane.client, parse_moment(leased.json()["lease"]["until"]))

    def asleep() -> bool:
        sweep(control_plane)
        return bool(control_plane.get(name)["state"] == "stopped")

    until(asleep, "it was not stopped")


def test_a_waiting_job_starts_one_machine_once_and_runs_on_it(
    control_plane: ControlPlane, pipelines: Pipelines, name: str
) -> None:
    control_plane.up(name, spec_for(pipelines))
    fall_asleep(control_plane, name)
    pipelines.take("other-1", npm="/usr/bin/npm")
    impossible = pipelines.ask("npm")
    sweep(control_plane)
    assert starts(control_plane, name) == [], "no agent of ours can run the job"
    number = pipelines.ask("Agent.OS -equals Linux", "Agent.Version -gtVersion 2.163.1")
    sweep(control_plane)
    until(lambda: "assignTime" in pipelines.job(number), "the job still waits")
    sweep(control_plane)
    (start,) = starts(control_plane, name)
    assert (start["outcome"], start["requested_by"]) == ("succeeded", "sweep (jobs)")
    assert f"A job (request {number}) has waited in the pool" in start["reason"]
    assert control_plane.get(name)["state"] == "partial"
    assert sorted(pipelines.states(name).values()) == [("offline", False), ("online", True)]
    assert "assignTime" not in pipelines.job(impossible)
    pipelines.finish(number)
    assert control_plane.follow(control_plane.post(name, "stop"))["outcome"] == "succeeded"
    pipelines.ask()
    sweep(control_plane)
    assert len(starts(control_plane, name)) == 1, "a user has stopped the environment, of which one machine was asleep"


def test_a_pool_that_cannot_be_read_starts_nothing_and_is_a_problem_of_the_report(
    control_plane: ControlPlane, pipelines: Pipelines, name: str
) -> None:
    control_plane.up(name, spec_for(pipelines, count=1))
    fall_asleep(control_plane, name)
    pipelines.ask()
    pipelines.expire()
    (problem,) = [one for one in sweep(control_plane)["summary"]["problems"] if pipelines.organization in one]
    assert problem.startswith(f"Jobs that wait in the pool {SPEC['pool']} of {pipelines.organization} could not be read")
    assert f"does not accept the token in the Key Vault secret {pipelines.secret}" in problem
    assert starts(control_plane, name) == []
    pipelines.set_up()
    sweep(control_plane)
    assert len(starts(control_plane, name)) == 1


def test_an_environment_that_a_user_has_stopped_stays_stopped_and_says_that_a_job_waits(
    control_plane: ControlPlane, pipelines: Pipelines, name: str
) -> None:
    control_plane.up(name, spec_for(pipelines, count=1))
    assert control_plane.follow(control_plane.post(name, "stop"))["outcome"] == "succeeded"
    number = pipelines.ask()

    def said() -> str:
        sweep(control_plane)
        return str(control_plane.get(name)["problem"] or "")

    until(said, "the problem is not shown")
    assert f"A job (request {number}) has waited in the pool {SPEC['pool']} since" in said()
    assert "It was not a sweep that stopped it, so a waiting job does not start it." in said()
    assert len(starts(control_plane, name)) == 0
    assert control_plane.follow(control_plane.post(name, "start"))["outcome"] == "succeeded"
    until(lambda: not said(), "the problem is still shown")


def test_a_job_without_permission_starts_a_machine_once_and_the_status_names_the_step(
    control_plane: ControlPlane, pipelines: Pipelines, name: str
) -> None:
    control_plane.up(name, spec_for(pipelines, count=1))
    fall_asleep(control_plane, name)
    number = pipelines.ask(permitted=False)

    def said() -> str:
        sweep(control_plane)
        return str(control_plane.get(name)["problem"] or "")

    until(lambda: "choose Permit" in said(), "the step is not named")
    assert f"(request {number})" in said()
    fall_asleep(control_plane, name)
    until(lambda: "A machine was started for this job before" in said(), "it is not said that it was started before")
    assert len(starts(control_plane, name)) == 1, "a job that does not run starts a machine once only"
    second = pipelines.ask()
    sweep(control_plane)
    until(lambda: "assignTime" in pipelines.job(second), "the other job still waits")


def test_the_owner_is_told_once_about_a_job_that_the_spec_lets_wait(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str
) -> None:
    control_plane.up(name, spec_for(pipelines, count=1, wake_for_jobs=False))
    fall_asleep(control_plane, name)
    number = pipelines.ask()

    def told() -> list[str]:
        sweep(control_plane)
        texts = [str(message["body"]["text"]) for message in azure.messages("/dormouse")]
        return [text for text in texts if f"A job (request {number}) has waited" in text]

    until(told, "the owner is not told")
    for _ in range(3):
        assert len(told()) == 1, "one notification about one job"
    assert "Start it, or set wake_for_jobs in the spec of its environment." in told()[0]
    assert "set wake_for_jobs" in control_plane.get(name)["problem"]
    assert starts(control_plane, name) == []


def test_a_hold_and_a_spec_that_does_not_ask_for_it_keep_machines_asleep(
    control_plane: ControlPlane, pipelines: Pipelines, name: str
) -> None:
    spec = spec_for(pipelines, count=1, wake_for_jobs=False)
    control_plane.up(name, spec)
    fall_asleep(control_plane, name)
    pipelines.ask()
    sweep(control_plane)
    assert starts(control_plane, name) == [], "its spec does not ask for it"
    changed = control_plane.put(name, {**spec, "wake_for_jobs": True})
    control_plane.follow(changed)
    held = control_plane.client.post(f"/environments/{name}/hold", json={"for": "2h", "reason": "maintenance"})
    assert held.status_code == 200, held.text
    sweep(control_plane)
    assert starts(control_plane, name) == [], "it is on hold"
    ended = control_plane.client.post(f"/environments/{name}/hold", json={"for": "0m"})
    assert ended.status_code == 200, ended.text
    sweep(control_plane)
    assert len(starts(control_plane, name)) == 1


def test_a_machine_without_capacity_gets_another_size_alone_and_the_same_file_changes_nothing(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, name: str
) -> None:
    small, larger = WITHOUT_GPU["size"], "Standard_D4s_v5"
    spec = spec_for(pipelines, fallback={"sizes": [larger], "resize_at_start": True})
    control_plane.up(name, spec)
    fall_asleep(control_plane, name)
    azure.exhaust(WITHOUT_GPU["region"], small, code="SkuNotAvailable")
    number = pipelines.ask()
    until(lambda: sweep(control_plane) and starts(control_plane, name), "nothing was started")
    start = control_plane.wait(starts(control_plane, name)[0]["id"])
    azure.refill()
    assert (start["outcome"], start["requested_by"]) == ("succeeded", "sweep (jobs)"), start["reason"]
    assert start["reason"].endswith(f"It was resized to {larger} instead.")
    until(lambda: "assignTime" in pipelines.job(number), "the agent does not take the job")
    sizes = {one["name"]: one["properties"]["hardwareProfile"]["vmSize"] for one in azure.of_type(name, MACHINE)}
    assert sorted(sizes.values()) == [small, larger]
    seen = control_plane.get(name)
    assert (seen["placement"], seen["state"]) == (None, "partial"), "the environment is where it was"
    assert control_plane.put(name, spec, dry_run="true").json()["would"] == "nothing"
    assert control_plane.put(name, spec).status_code == 200
    pipelines.finish(number)

    # The other one starts as it is, and a size that the spec no longer allows is given up.
    sweep(control_plane)
    assert len(starts(control_plane, name)) == 1, "no request starts a machine twice"
    assert control_plane.follow(control_plane.post(name, "stop"))["outcome"] == "succeeded"
    without = spec_for(pipelines)
    assert control_plane.follow(control_plane.put(name, without))["outcome"] == "succeeded"
    assert {one["properties"]["hardwareProfile"]["vmSize"] for one in azure.of_type(name, MACHINE)} == {small}
