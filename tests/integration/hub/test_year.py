"""A year in the task hub: what ended, failed or never ends is deleted by its age, and the hub stays as large as it was."""

from collections import Counter
from collections.abc import Iterator

import pytest

import orchestrators
from dormouse.clock import DAY
from local.leaps import HubSize, leap
from local.sandbox import temporary_ground
from tests.integration.hub.load import SETTINGS, Load

# In days; more than a year. Each ends early on a day on which what never ends is told to end.
LEAPS = (37.1, 285.1, 45.1)
# Azure answers more or less slowly, so that the same work has more or fewer polls. What is not deleted doubles the hub.
ROOM = 1.5


@pytest.fixture(scope="module")
def sizes() -> Iterator[list[HubSize]]:
    """The task hub after the same work at the beginning and after each leap."""
    with temporary_ground(speed=400.0, timers=False, agents=False, settings=SETTINGS) as ground:
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


def test_every_orchestrator_leaves_instances_and_every_status_occurs(sizes: list[HubSize]) -> None:
    for size in sizes:
        assert {name for name, _ in size.instances} == {one.__name__ for one in orchestrators.ALL}
        statuses = {status for _, status in size.instances}
        assert statuses == {"Completed", "Failed", "Terminated", "Pending", "Running", "Suspended"}


def test_in_a_year_the_task_hub_does_not_grow(sizes: list[HubSize]) -> None:
    assert sum(LEAPS) > 365
    first, month, *rest = (size.instances for size in sizes)
    more, fewer = [later - first for later in rest], [first - later for later in (month, *rest)]
    assert (more, fewer) == ([Counter()] * 2, [Counter()] * 3)
    assert month - first == Counter({("sweep_page", "Completed"): 1}), "the page that is younger than its deleted sweep"
    for size in sizes:
        assert size.events <= sizes[0].events * ROOM
        assert size.bytes <= sizes[0].bytes * ROOM


def test_no_message_and_no_event_is_without_its_instance(sizes: list[HubSize]) -> None:
    assert {(size.stray, size.waiting, size.entities) for size in sizes} == {(0, 0, 0)}
