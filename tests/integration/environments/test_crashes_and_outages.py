"""The host is killed, Azure throttles, responses are lost: every operation is completed all the same, and once."""

from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest

from local.plain_http import NO_TLS
from local.sandbox import Ground, temporary_ground
from tests.support import AzureSide, ControlPlane

ONCE = (
    *("virtualMachines", "networkInterfaces", "publicIPAddresses", "virtualNetworks", "networkSecurityGroups"),
    *("storageAccounts", "containers", "extensions", "roleAssignments", "disks", "resourceGroups"),
)


@pytest.fixture(scope="module")
def shaky() -> Iterator[Ground]:
    """A sandbox of its own that is killed; slow enough to be hit in the middle of an operation."""
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
def test_a_provision_continues_after_the_host_was_killed(
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


def test_a_provision_succeeds_although_the_host_is_killed_repeatedly(
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


def test_a_provision_succeeds_after_host_and_azure_were_restarted(
    shaky: Ground, plane: ControlPlane, side: AzureSide, name: str
) -> None:
    accepted = plane.put(name).json()["operation"]
    plane.until_step(accepted, "vm", "running")
    shaky.stop()
    shaky.start()
    assert plane.wait(accepted)["outcome"] == "succeeded"
    assert_whole(side, name)


def test_a_cancelled_provision_is_rolled_back_although_the_host_is_killed(
    shaky: Ground, plane: ControlPlane, side: AzureSide, name: str
) -> None:
    accepted = plane.put(name).json()["operation"]
    plane.until_step(accepted, "vm", "running")
    plane.cancel(accepted)
    kill_and_restart(shaky)
    assert plane.wait(accepted)["outcome"] == "cancelled"
    assert side.resources(name) == []


def test_throttling_every_third_call_only_takes_longer(plane: ControlPlane, side: AzureSide, name: str) -> None:
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
def test_server_errors_are_retried(plane: ControlPlane, side: AzureSide, name: str, status: int) -> None:
    side.spoil(path=f"rg-dormouse-{name}", every=4, status=status, code="InternalServerError")
    operation = plane.wait(patient(lambda: plane.put(name)).json()["operation"])
    assert operation["outcome"] == "succeeded", operation["reason"]
    side.behave()
    assert_whole(side, name)


def test_a_response_lost_after_its_effect_creates_no_duplicate(plane: ControlPlane, side: AzureSide, name: str) -> None:
    side.spoil(effect="lose", method="PUT", path=f"rg-dormouse-{name}", every=2)
    side.spoil(effect="lose", method="PUT", path=f"/secrets/dormouse-{name}", times=1)
    operation = plane.provision(name)
    assert operation["outcome"] == "succeeded", operation["reason"]
    assert sum(fault["spoilt"] for fault in side.faults()) >= 3
    assert_whole(side, name)


def test_an_unreachable_azure_is_a_503(plane: ControlPlane, side: AzureSide, name: str) -> None:
    plane.up(name)
    side.spoil(method="GET", path=f"rg-dormouse-{name}", status=503, code="ServerTimeout")
    answer = plane.client.get(f"/environments/{name}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0


def test_unreachable_records_are_a_503_and_leave_nothing_half_done(plane: ControlPlane, side: AzureSide, name: str) -> None:
    side.spoil(path="/operations", status=503, code="ServerBusy")
    assert plane.put(name).status_code == 503
    side.behave()
    assert plane.client.get(f"/environments/{name}").status_code == 404
    plane.up(name)


def test_the_lock_of_a_terminated_operation_is_taken_over(
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
    """Terminate an orchestration from outside, with the key of the durable management API."""
    url = f"http://127.0.0.1:{ground.port}/runtime/webhooks/durabletask/instances/{instance}/terminate"
    answer = httpx.post(url, headers={"x-functions-key": ground.keys["durable"]}, trust_env=False, verify=NO_TLS)
    assert answer.status_code == 202


def patient(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """A caller that retries after a 503."""
    for _ in range(20):
        answer = ask()
        if answer.status_code != 503:
            return answer
    raise AssertionError("still 503")
