"""A ground whose app has the blueprints of the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.azure.services.authorization.assignments import ROLES
from local.sandbox import Ground, temporary_ground
from tests.support import AzureSide, ControlPlane

APP = Path(__file__).parent / "app"
SPEED = 400.0
# As a deployment has them, without the condition on role assignments: shelves are opened to people.
RIGHTS = [*({"role": role} for role in ("reader", "sweep", "adopt")), {"actions": ROLES["provision"]}]
PAIR: dict[str, Any] = {"blueprint": "pair", "region": "swedencentral"}


@contextmanager
def ground_at(speed: float) -> Iterator[Ground]:
    """A simulated Azure and a host with these blueprints, at this speed."""
    with temporary_ground(speed=speed, timers=False, agents=False, app=APP) as running:
        with running.simulation() as simulation:
            body = {"region": "swedencentral", "name": "cores", "limit": 10_000}
            simulation.put("/limits", json=body).raise_for_status()
            simulation.put("/permissions", json={"assignments": RIGHTS}).raise_for_status()
        yield running


@pytest.fixture(scope="session")
def several() -> Iterator[Ground]:
    """One simulated Azure and one host with these blueprints."""
    with ground_at(SPEED) as running:
        yield running


@pytest.fixture
def control_plane(several: Ground) -> Iterator[ControlPlane]:
    with several.client() as client:
        yield ControlPlane(client)


@pytest.fixture
def azure(several: Ground) -> Iterator[AzureSide]:
    with several.simulation() as client:
        side = AzureSide(client)
        yield side
        side.behave()


@pytest.fixture
def shelf(azure: AzureSide) -> dict[str, Any]:
    """The spec of a shelf that alice may read."""
    alice = azure.client.post("/people/token", json={"name": "alice"}).raise_for_status().json()["object_id"]
    return {"blueprint": "shelf", "region": "polandcentral", "reader": alice}
