"""Azure takes its time: slow network interfaces, operations that take longer than nine in ten, secrets that go slowly."""

from collections.abc import Iterator

import httpx
import pytest

from local.sandbox import Ground, temporary_ground
from tests.conftest import SPEED
from tests.support import AzureSide, ControlPlane

LONGEST = 0.99


@pytest.fixture(scope="module")
def slow() -> Iterator[Ground]:
    """A sandbox of its own, because how long Azure takes holds for all of it."""
    with temporary_ground(speed=SPEED, timers=False, agents=False) as ground:
        yield ground


@pytest.fixture
def simulation(slow: Ground) -> Iterator[httpx.Client]:
    with slow.simulation() as client:
        yield client
        client.delete("/durations").raise_for_status()
        client.delete("/network-cards").raise_for_status()


@pytest.fixture
def plane(slow: Ground) -> Iterator[ControlPlane]:
    with slow.client() as client:
        yield ControlPlane(client)


def seconds_of(simulation: httpx.Client, name: str, effect: str) -> list[float]:
    """How long the operations of an environment took that had this effect."""
    listed = simulation.get("/operations").json()["value"]
    return [one["seconds"] for one in listed if one["effect"] == effect and name in one["resource"]]


@pytest.mark.parametrize("created", ["at once", "polled", "slowly"])
def test_an_environment_is_built_however_its_network_interface_is_created(
    plane: ControlPlane, simulation: httpx.Client, name: str, created: str
) -> None:
    simulation.put("/network-cards", json={"created": created}).raise_for_status()
    plane.up(name)
    cards = [one for one in AzureSide(simulation).resources(name) if one["type"].endswith("networkInterfaces")]
    assert [one["properties"]["provisioningState"] for one in cards] == ["Succeeded"]
    assert plane.down(name)["outcome"] == "succeeded"


def test_an_environment_outlives_operations_that_take_as_long_as_the_slowest_in_a_hundred(
    plane: ControlPlane, simulation: httpx.Client, name: str
) -> None:
    simulation.put("/durations", json={"share": LONGEST}).raise_for_status()
    simulation.put("/network-cards", json={"created": "slowly"}).raise_for_status()
    plane.up(name)
    for verb in ("stop", "start"):
        assert plane.follow(plane.post(name, verb))["outcome"] == "succeeded"
    assert plane.down(name)["outcome"] == "succeeded"
    assert max(seconds_of(simulation, name, "machine created")) > 600
    assert max(seconds_of(simulation, name, "group deleted")) > 1200


def test_a_password_is_recovered_although_its_deletion_takes_time(
    plane: ControlPlane, simulation: httpx.Client, name: str
) -> None:
    azure = AzureSide(simulation)
    plane.up(name)
    secret = azure.secrets(name)
    simulation.put("/durations", json={"share": LONGEST}).raise_for_status()
    azure.delete_secret(secret[0])
    plane.up(name)
    assert azure.secrets(name) == secret
