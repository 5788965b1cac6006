"""Hazards in which a service or a user misbehaves: the verdict, and what is stopped by a sweep without lead."""

from collections.abc import Iterator

import pytest

from tests.hazards.corpus import Hazard, read_all
from tests.hazards.fleet import Fleet, fleet_on_a_ground
from tests.hazards.settings import SETTINGS
from tests.hazards.trials import FAST, tried

HAZARDS = [hazard for hazard in read_all() if hazard.setting]


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with fleet_on_a_ground(speed=FAST, timers=False) as fleet:
        yield fleet


def test_every_setting_is_used_by_a_hazard() -> None:
    assert {hazard.setting for hazard in HAZARDS} == set(SETTINGS)


@pytest.mark.parametrize("hazard", [pytest.param(one, id=one.name) for one in HAZARDS])
def test_only_idle_machines_are_stopped_while_something_misbehaves(hazard: Hazard, fleet: Fleet) -> None:
    outcome = tried(fleet, hazard)
    for name, expected in hazard.expect.items():
        assert outcome.verdicts[name] in expected.split("|"), outcome.sentences
    assert outcome.asleep == hazard.stopped, outcome.sentences
    assert all(outcome.sentences.values())
    for name, words in hazard.says.items():
        assert words in outcome.sentences[name]
