"""A year in the task hub: what ended, failed or never ends is deleted by its age, and the hub stays as large as it was."""

from collections.abc import Iterator

import pytest

import orchestrators
from dormouse.clock import DAY
from local.leaps import HubSize, leap
from local.sandbox import temporary_ground
from tests.integration.hub.load import SETTINGS, Load

# Days. In the middle of the days on which what never ends is told to end: the second one, and the 256th.
LEAPS = (31.5, 31.5, 285.5, 31.5)
ROOM = 1.15


@pytest.fixture(scope="module")
def sizes() -> Iterator[list[HubSize]]:
    """The task hub after each leap and the same work again."""
    with temporary_ground(speed=120.0, timers=False, agents=False, settings=SETTINGS) as ground:
        load = Load(ground)
        load.begin()
        load.live()
        found = [HubSize.of(ground)]
        for days in LEAPS:
            leap(ground, days * DAY)
            load.retain()
            load.live()
            found.append(HubSize.of(ground))
        yield found


def test_every_orchestrator_leaves_instances_and_every_state_occurs(sizes: list[HubSize]) -> None:
    for size in sizes:
        assert {name for name, _ in size.instances} == {one.__name__ for one in orchestrators.ALL}
        states = {state for _, state in size.instances}
        assert states == {"Completed", "Failed", "Terminated", "Pending", "Running", "Suspended"}


def test_in_a_year_the_task_hub_does_not_grow(sizes: list[HubSize]) -> None:
    print(*[(size.count, size.events, size.bytes, size.waiting) for size in sizes])
    assert sum(LEAPS) > 365
    first, *later = sizes[1:]
    assert [size.instances for size in later] == [first.instances] * len(later)
    for size in later:
        assert size.events <= first.events * ROOM
        assert size.bytes <= first.bytes * ROOM


def test_nothing_waits_in_it_and_it_has_no_entities(sizes: list[HubSize]) -> None:
    assert {(size.waiting, size.entities) for size in sizes} == {(0, 0)}
