from collections.abc import Iterator
from typing import Any

import pytest

from tests.hazards.corpus import read_all
from tests.hazards.fleet import Name, fleet_on_a_ground

# As good as no time passes between a look at an estate and the verdict on it.
SLOW = 1.0


@pytest.fixture(scope="package")
def verdicts() -> Iterator[dict[Name, dict[str, Any]]]:
    """What one sweep that only looks finds, with all hazards side by side."""
    with fleet_on_a_ground(speed=SLOW, timers=False) as fleet:
        fleet.load(hazard for hazard in read_all() if not hazard.setting)
        tally = fleet.sweep(dry_run=True)["tally"]
        assert tally["problems"] == []
        yield fleet.lines()
        assert fleet.touched() == set()
