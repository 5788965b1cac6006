"""A sandbox of its own for existing machines, because a sweep sees all of them."""

from collections.abc import Iterator

import pytest

from local.sandbox import Ground, temporary_ground
from tests.fleet import FleetSide, side, warm_up

SPEED = 60.0


@pytest.fixture(scope="session")
def fleet_ground() -> Iterator[Ground]:
    with temporary_ground(speed=SPEED, timers=False) as running:
        with running.client() as client:
            warm_up(client)
        yield running


@pytest.fixture
def fleet(fleet_ground: Ground) -> Iterator[FleetSide]:
    with fleet_ground.client() as client, fleet_ground.simulation() as simulation:
        yield from side(client, simulation)
