"""How far an environment is on the way to being used: never called ready without checks since the last boot."""

from dataclasses import replace

import pytest

from dormouse.clock import HOUR, MINUTE, parse_moment, rfc3339
from dormouse.environments.open_link import open_link
from dormouse.environments.opening import BootHealth, Phase, SeenBoot, health_of, last_power_change, phase_of, usual_seconds
from dormouse.environments.operations import OperationRecord
from dormouse.environments.results import Check, HealthCheckResult, Outcome, OutcomeStatus
from dormouse.lifecycle import State, Verb
from tests.unit.builders import environment_record

NOON = parse_moment("2026-05-01T12:00:00Z")
PASSED, FAILED = HealthCheckResult("gpu", Check.PASSED, "A10"), HealthCheckResult("gpu", Check.FAILED, "no driver")
RECORD = environment_record(ready=True, health_checks=(PASSED,))
DONE = OutcomeStatus.SUCCEEDED


def operation(
    verb: Verb, status: OutcomeStatus | None = DONE, *, checked: bool = True, seconds: float = 120
) -> OperationRecord:
    checks = (PASSED if status is DONE else FAILED,) if checked else ()
    outcome = Outcome(status, "", health_checks=checks) if status else None
    began = rfc3339(NOON - seconds)
    return OperationRecord(
        f"ml1-{verb}", "ml1", verb, "alice", began, began_at=began, ended_at=rfc3339(NOON), outcome=outcome
    )


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("health", BootHealth)
def test_only_what_runs_and_was_checked_is_ready(state: State, health: BootHealth) -> None:
    ready = state in (State.RUNNING, State.READY) and health is BootHealth.PASSED
    assert (phase_of(state, None, health) is Phase.READY) is ready
    for verb in Verb:
        assert phase_of(state, verb, health) in (Phase.STARTING, Phase.BUSY, Phase.UNAVAILABLE), verb


@pytest.mark.parametrize(
    ("state", "running", "phase"),
    [
        (State.STOPPED, None, Phase.ASLEEP),
        (State.STOPPED_BILLED, None, Phase.ASLEEP),
        (State.PARTIAL, None, Phase.ASLEEP),
        (State.STARTING, None, Phase.STARTING),
        (State.STOPPED, Verb.START, Phase.STARTING),
        (State.RUNNING, Verb.STOP, Phase.BUSY),
        (State.STOPPING, None, Phase.BUSY),
        (State.RUNNING, Verb.DELETE, Phase.UNAVAILABLE),
        (State.ABSENT, None, Phase.UNAVAILABLE),
        (State.INCOMPLETE, None, Phase.UNAVAILABLE),
        (State.UNKNOWN, None, Phase.UNAVAILABLE),
    ],
)
def test_each_state_has_its_phase(state: State, running: Verb | None, phase: Phase) -> None:
    assert phase_of(state, running, BootHealth.PASSED) is phase


@pytest.mark.parametrize(
    ("last", "health"),
    [
        (operation(Verb.START), BootHealth.PASSED),
        (operation(Verb.PROVISION), BootHealth.PASSED),
        (operation(Verb.START, OutcomeStatus.UNHEALTHY), BootHealth.FAILED),
        (operation(Verb.START, OutcomeStatus.FAILED), BootHealth.UNKNOWN),
        (operation(Verb.START, checked=False), BootHealth.UNKNOWN),
        (operation(Verb.RESIZE, checked=False), BootHealth.UNKNOWN),
        (operation(Verb.STOP, checked=False), BootHealth.UNKNOWN),
        (operation(Verb.HIBERNATE, checked=False), BootHealth.UNKNOWN),
        (None, BootHealth.PASSED),
    ],
)
def test_a_boot_that_no_check_followed_is_unknown(last: OperationRecord | None, health: BootHealth) -> None:
    assert health_of(RECORD, last, []) is health


def test_without_operations_on_record_its_checks_decide() -> None:
    assert health_of(replace(RECORD, health_checks=(PASSED, FAILED)), None, []) is BootHealth.FAILED
    assert health_of(replace(RECORD, ready=False), None, []) is BootHealth.FAILED


@pytest.mark.parametrize(
    ("since", "first_seen", "health"),
    [
        (NOON + 5 * MINUTE, NOON - HOUR, BootHealth.PASSED),  # the sweep after the start
        (NOON + HOUR, NOON - HOUR, BootHealth.UNKNOWN),  # stopped and started in the portal
        (NOON + HOUR, NOON + HOUR, BootHealth.PASSED),  # the first sweep ever
    ],
)
def test_a_later_boot_seen_by_sweeps_makes_it_unknown(since: float, first_seen: float, health: BootHealth) -> None:
    assert health_of(RECORD, operation(Verb.START), [SeenBoot(since, first_seen)]) is health


def test_what_changed_nothing_is_no_power_change() -> None:
    start = operation(Verb.START)
    void = [operation(Verb.STOP, OutcomeStatus.REFUSED), operation(Verb.PROVISION, OutcomeStatus.CANCELLED)]
    later = [operation(Verb.STOP, None), operation(Verb.ROTATE_PASSWORD), object(), *void]
    assert last_power_change([*later, start, operation(Verb.STOP)]) is start
    assert last_power_change(later) is None


def test_usual_time_is_the_median_of_checked_starts() -> None:
    took = [operation(Verb.START, seconds=seconds) for seconds in (100.0, 900.0, 140.0)]
    others = [
        operation(Verb.START, OutcomeStatus.FAILED, seconds=5.0),
        operation(Verb.START, checked=False, seconds=9.0),
        operation(Verb.STOP, seconds=7.0),
    ]
    assert usual_seconds([*others, *took]) == 140.0
    assert usual_seconds(others) is None


def test_a_link_is_known_with_the_address_of_the_control_plane_only() -> None:
    assert open_link("https://a.example/api/", "ml1") == "https://a.example/api/open/ml1"
    assert open_link("https://a.example/api", "../x?y") == "https://a.example/api/open/..%2Fx%3Fy"
    assert (open_link("", "ml1"), open_link("https://a.example/api", "")) == ("", "")
