"""A hundred minutes with the timer on: only idle machines are stopped, all of them, and soon enough."""

from tests.hazards.corpus import read_all
from tests.hazards.fleet import Name
from tests.hazards.long_run import GROUP, MANY, MINUTES, WINDOW, LongRun

NOT_SET = [hazard for hazard in read_all() if not hazard.setting]
QUIET_IN_TIME = {(GROUP, f"node-{number}") for number in range(MANY)}


def wanted() -> set[Name]:
    return {(hazard.name, name) for hazard in NOT_SET for name in hazard.stopped}


def test_only_idle_machines_change_their_power_state(long_run: LongRun) -> None:
    assert long_run.lasted >= MINUTES
    assert long_run.touched <= wanted() | QUIET_IN_TIME


def test_every_machine_that_is_idle_is_stopped(long_run: LongRun) -> None:
    assert wanted() | QUIET_IN_TIME <= set(long_run.asleep_after)


def test_an_idle_machine_is_found_within_window_sweep_interval_and_measurement_lag(long_run: LongRun) -> None:
    assert set(long_run.found_after) == QUIET_IN_TIME
    for name, minutes in long_run.found_after.items():
        assert WINDOW <= minutes <= long_run.latest, name


def test_no_machine_is_stopped_before_the_lead_has_passed(long_run: LongRun) -> None:
    lead, grace = 15, 30
    for name in QUIET_IN_TIME:
        assert long_run.asleep_after[name] > max(grace, long_run.found_after[name]) + lead
