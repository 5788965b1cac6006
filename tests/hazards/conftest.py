from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from tests.hazards.corpus import read_all
from tests.hazards.fleet import Name, fleet_on_a_ground
from tests.hazards.long_run import SPEED, LongRun, run
from tests.hazards.trials import SLOW, looked_at

NOT_SET = [hazard for hazard in read_all() if not hazard.setting]


@pytest.fixture(scope="package")
def verdicts() -> dict[Name, dict[str, Any]]:
    """What one sweep that only looks finds, with all hazards side by side."""
    with fleet_on_a_ground(speed=SLOW, timers=False) as fleet:
        return looked_at(fleet, NOT_SET)


@pytest.fixture(scope="package", autouse=True)
def running(request: pytest.FixtureRequest) -> Iterator["Future[LongRun] | None"]:
    """The long run, which mostly waits, while other tests of this package run; nothing if nobody asks for it."""
    if not any("long_run" in getattr(item, "fixturenames", ()) for item in request.session.items):
        yield None
        return
    enough = Event()
    with ThreadPoolExecutor(1) as elsewhere:
        yield elsewhere.submit(_long_run, enough)
        enough.set()


@pytest.fixture(scope="package")
def long_run(running: "Future[LongRun]") -> LongRun:
    """What was seen in a hundred minutes."""
    return running.result()


def _long_run(enough: Event) -> LongRun:
    with fleet_on_a_ground(speed=SPEED, timers=True) as fleet:
        return run(fleet, NOT_SET, enough)
