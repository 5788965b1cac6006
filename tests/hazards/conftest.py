from typing import Any

import pytest

from tests.hazards.corpus import read_all
from tests.hazards.fleet import Name, fleet_on_a_ground
from tests.hazards.long_run import SPEEDS, LongRun, run
from tests.hazards.trials import SLOW, looked_at

NOT_SET = [hazard for hazard in read_all() if not hazard.setting]


@pytest.fixture(scope="package")
def verdicts() -> dict[Name, dict[str, Any]]:
    """The verdicts of one dry-run sweep over all hazards together."""
    with fleet_on_a_ground(speed=SLOW, timers=False) as fleet:
        return looked_at(fleet, NOT_SET)


@pytest.fixture(scope="package")
def long_run() -> LongRun:
    """The observations of a hundred minutes."""
    for speed in SPEEDS:
        with fleet_on_a_ground(speed=speed, timers=True) as fleet:
            seen = run(fleet, NOT_SET)
        if not seen.was_too_fast and not (seen.were_behind and _missed(seen)):
            break
    return seen


def _missed(seen: LongRun) -> set[Name]:
    """The idle machines that were not stopped: what their agents have not reported yet keeps them running."""
    return {(hazard.name, name) for hazard in NOT_SET for name in hazard.stopped} - set(seen.asleep_after)
