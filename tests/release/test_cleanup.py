"""What a functional check has left is deleted by the product, and nothing with its tag is overlooked."""

import os
from collections.abc import Callable, Iterator

import httpx
import pytest

from local.sandbox import Ground
from release.arm import Arm, CheckFailed
from release.cleanup import PREFIX, clean_up, nothing_left
from release.control_plane import ControlPlane as Plane
from release.functional import selftest
from tests.release.conftest import Time
from tests.support import ROOT, WORKSTATION, AzureSide, ControlPlane

Run = Callable[[], object]


@pytest.fixture
def pause(control_plane: ControlPlane) -> Run:
    """A pause in which every operation that runs comes to its end."""

    def ended() -> None:
        for one in control_plane.client.get("/operations").raise_for_status().json()["value"]:
            if one["outcome"] is None:
                control_plane.wait(one["id"])

    return ended


@pytest.fixture
def left(control_plane: ControlPlane, name: str) -> Iterator[str]:
    """An environment that a functional check has left."""
    called = f"{PREFIX}{name}"
    control_plane.up(called)
    yield called
    deleted = control_plane.delete(called)
    if deleted.status_code == httpx.codes.ACCEPTED:  # else it is gone
        control_plane.follow(deleted)


def test_a_left_environment_is_deleted_and_others_are_kept(
    plane: Plane, azure_arm: Arm, control_plane: ControlPlane, left: str, name: str, time: Time, pause: Run
) -> None:
    other = f"x{name}"
    control_plane.up(other, {**WORKSTATION})
    time.in_between = [pause] * 20
    with pytest.raises(CheckFailed, match=f"Left, and billed: /subscriptions/.*{left}"):
        nothing_left(azure_arm, "main")
    assert list(clean_up(plane, time.patience(600))) == [f"deleted {left}"]
    nothing_left(azure_arm, "main")
    names = {one["name"] for one in control_plane.every_environment()}
    assert (other in names, left in names) == (True, False)
    control_plane.down(other)


def test_what_the_product_does_not_know_is_found_by_its_tag(
    azure_arm: Arm, azure: AzureSide, plane: Plane, time: Time
) -> None:
    tags = {"dormouse": f"{PREFIX}lost", "dormouse-deployment": "main"}
    azure.found_group("rg-lost", tags)
    with pytest.raises(CheckFailed, match="resourceGroups/rg-lost"):
        nothing_left(azure_arm, "main")
    address = azure.found_address("rg-lost", "ip", tags)
    with pytest.raises(CheckFailed, match=r"resourceGroups/rg-lost, .*publicIPAddresses/ip"):
        nothing_left(azure_arm, "main")
    nothing_left(azure_arm, "int")
    for identifier in (address, f"{address.partition('/providers/')[0]}"):
        azure.client.post("/resources/vanish", json={"id": identifier}).raise_for_status()
    assert list(clean_up(plane, time.patience())) == []
    nothing_left(azure_arm, "main")


def test_a_deletion_that_azure_refuses_is_not_taken_for_done(
    plane: Plane, azure: AzureSide, left: str, time: Time, pause: Run
) -> None:
    group = {"kind": "Microsoft.Resources/resourceGroups", "path": f"rg-dormouse-{left}"}
    azure.spoil(method="DELETE", code="ScopeLocked", times=1000, **group)
    time.in_between = [pause] * 20
    with pytest.raises(CheckFailed, match=r"after 90 s"):
        list(clean_up(plane, time.patience(90)))
    azure.behave()


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "cli"), "DORMOUSE_EVERY": "0.1"}


def test_the_functional_check_runs_the_selftest_under_its_cap(ground: Ground, azure_arm: Arm) -> None:
    selftest(ground.api, ground.key, "", "westeurope", 0.5, environment())
    nothing_left(azure_arm, "main")
    with pytest.raises(CheckFailed, match="dormouse selftest ended with status 1"):
        selftest(ground.api, ground.key, "", "westeurope", 0.01, environment())


def test_the_key_is_no_argument_of_the_functional_check(ground: Ground) -> None:
    with pytest.raises(CheckFailed, match="dormouse login ended with status"):
        selftest(ground.api, "", "api://nothing", "westeurope", 0.5, environment())


def test_the_list_of_environments_is_read_to_its_end(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {
        "/environments": {"value": [{"name": "a"}], "next": "/api/environments?after=a"},
        "/api/environments?after=a": {"value": [{"name": "selftest-b"}], "next": None},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        return httpx.Response(200, json=pages.get(path.removeprefix("/api") if "?" not in path else path))

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        assert list(Plane(client, "http://dormouse.example/api", {}).environments(PREFIX)) == ["selftest-b"]
