"""The host is killed, Azure throttles, answers are lost: what was asked for is done all the same, and once."""

from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest

from local.sandbox import Ground, temporary_ground
from tests.support import AzureSide, ControlPlane

ONCE = (
    *("virtualMachines", "networkInterfaces", "publicIPAddresses", "virtualNetworks", "networkSecurityGroups"),
    *("storageAccounts", "containers", "extensions", "roleAssignments", "disks", "resourceGroups"),
)


@pytest.fixture(scope="module")
def shaky() -> Iterator[Ground]:
    """A ground of its own, for it will be kicked; slow enough to be hit in the middle of things."""
    with temporary_ground(speed=100.0, seed=7) as ground:
        yield ground


@pytest.fixture
def side(shaky: Ground) -> Iterator[AzureSide]:
    with shaky.simulation() as client:
        yield AzureSide(client)
        client.delete("/faults")


@pytest.fixture
def plane(shaky: Ground) -> Iterator[ControlPlane]:
    with shaky.client() as client:
        yield ControlPlane(client)


def kill_and_restart(ground: Ground) -> None:
    ground.host.kill()
    ground.host.start()


def assert_whole(side: AzureSide, name: str) -> None:
    kinds = Counter(resource["type"].rsplit("/", 1)[-1] for resource in side.resources(name))
    assert kinds == Counter(ONCE)
    assert len(side.secrets(name)) == 1


@pytest.mark.parametrize("step", ["network", "storage", "vm", "driver", "health"])
def test_a_host_killed_while_building_goes_on_where_it_was(
    shaky: Ground, plane: ControlPlane, side: AzureSide, name: str, step: str
) -> None:
    accepted = plane.put(name).json()["operation"]
    plane.until_step(accepted, step, "running", "done")
    kill_and_restart(shaky)
    operation = plane.wait(accepted)
    assert operation["outcome"] == "succeeded", operation["reason"]
    assert_whole(side, name)
    assert plane.get(name)["operation"] is None
    assert plane.down(name)["outcome"] == "succeeded"


def test_a_host_killed_again_and_again_still_finishes(
    shaky: Ground, plane: ControlPlane, side: AzureSide, name: str
) -> None:
    accepted = plane.put(name).json()["operation"]
    for step in ("group", "nic", "vm", "driver", "health"):
        plane.until_step(accepted, step, "running", "done")
        kill_and_restart(shaky)
    assert plane.wait(accepted)["outcome"] == "succeeded"
    assert_whole(side, name)
    deleting = plane.delete(name).json()["operation"]
    plane.until_step(deleting, "group", "running", "done")
    kill_and_restart(shaky)
    assert plane.wait(deleting)["outcome"] == "succeeded"
    assert side.resources(name) == []
    assert side.secrets(name) == []


def test_both_killed_and_restarted_still_finish(shaky: Ground, plane: ControlPlane, side: AzureSide, name: str) -> None:
    accepted = plane.put(name).json()["operation"]
    plane.until_step(accepted, "vm", "running")
    shaky.stop()
    shaky.start()
    assert plane.wait(accepted)["outcome"] == "succeeded"
    assert_whole(side, name)


def test_a_cancelled_provision_is_taken_back_though_the_host_is_killed(
    shaky: Ground, plane: ControlPlane, side: AzureSide, name: str
) -> None:
    accepted = plane.put(name).json()["operation"]
    plane.until_step(accepted, "vm", "running")
    plane.cancel(accepted)
    kill_and_restart(shaky)
    assert plane.wait(accepted)["outcome"] == "cancelled"
    assert side.resources(name) == []


def test_every_third_call_throttled_only_takes_longer(plane: ControlPlane, side: AzureSide, name: str) -> None:
    throttled = {"status": 429, "code": "TooManyRequests", "message": "slow down", "retry_after": 2}
    side.spoil(path="/subscriptions/", every=3, **throttled)
    side.spoil(path="/secrets", every=3, **throttled)
    accepted = patient(lambda: plane.put(name)).json()["operation"]
    operation = plane.wait(accepted)
    assert operation["outcome"] == "succeeded", operation["reason"]
    assert sum(fault["spoilt"] for fault in side.faults()) > 10
    assert_whole(side, name)
    deleting = patient(lambda: plane.delete(name)).json()["operation"]
    assert plane.wait(deleting)["outcome"] == "succeeded"
    assert side.resources(name) == []


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_stumbles_is_asked_again(plane: ControlPlane, side: AzureSide, name: str, status: int) -> None:
    side.spoil(path=f"rg-dormouse-{name}", every=4, status=status, code="InternalServerError")
    operation = plane.wait(patient(lambda: plane.put(name)).json()["operation"])
    assert operation["outcome"] == "succeeded", operation["reason"]
    side.behave()
    assert_whole(side, name)


def test_an_answer_that_is_lost_after_the_effect_makes_nothing_twice(
    plane: ControlPlane, side: AzureSide, name: str
) -> None:
    side.spoil(effect="lose", method="PUT", path=f"rg-dormouse-{name}", every=2)
    side.spoil(effect="lose", method="PUT", path=f"/secrets/dormouse-{name}", times=1)
    operation = plane.provision(name)
    assert operation["outcome"] == "succeeded", operation["reason"]
    assert sum(fault["spoilt"] for fault in side.faults()) >= 3
    assert_whole(side, name)


def test_azure_that_cannot_be_asked_is_a_503_and_not_a_500(plane: ControlPlane, side: AzureSide, name: str) -> None:
    plane.up(name)
    side.spoil(method="GET", path=f"rg-dormouse-{name}", status=503, code="ServerTimeout")
    answer = plane.client.get(f"/environments/{name}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0


def test_records_that_cannot_be_reached_are_a_503_and_nothing_is_half_done(
    plane: ControlPlane, side: AzureSide, name: str
) -> None:
    side.spoil(path="/operations", status=503, code="ServerBusy")
    assert plane.put(name).status_code == 503
    side.behave()
    assert plane.client.get(f"/environments/{name}").status_code == 404
    plane.up(name)


def test_a_lock_whose_operation_is_gone_is_taken_over(
    shaky: Ground, plane: ControlPlane, side: AzureSide, name: str
) -> None:
    accepted = plane.put(name).json()["operation"]
    plane.until_step(accepted, "group", "done")
    terminate(shaky, accepted)
    lost = plane.wait(accepted)
    assert lost["outcome"] == "lost"
    assert plane.get(name)["operation"] is None
    assert plane.down(name)["outcome"] == "succeeded"
    assert side.resources(name) == []
    assert side.secrets(name) == []


def terminate(ground: Ground, instance: str) -> None:
    """Somebody ends an orchestration from outside, with the key of the durable interface."""
    url = f"http://127.0.0.1:{ground.port}/runtime/webhooks/durabletask/instances/{instance}/terminate"
    answer = httpx.post(url, headers={"x-functions-key": ground.keys["durable"]}, trust_env=False)
    assert answer.status_code == 202


def patient(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """A caller who comes back when told that Azure cannot be asked right now."""
    for _ in range(20):
        answer = ask()
        if answer.status_code != 503:
            return answer
    raise AssertionError("still 503")
