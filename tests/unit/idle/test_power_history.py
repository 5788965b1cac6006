"""Power history: intervals, months, and money computed by hand."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dormouse.idle.power_history import (
    PowerInterval,
    Spent,
    by_month,
    ended_interval,
    last_interval,
    month_began,
    month_of,
    next_month,
    since,
    spent_in,
    together,
)
from dormouse.idle.tracking import TrackedMachine
from dormouse.lifecycle import State

HOUR = 3600.0
VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"


def at(*moment: int) -> float:
    return datetime(*moment, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


def tracked(state: State, since: float, vm_id: str = "1") -> TrackedMachine:
    return TrackedMachine(VM, at(2026, 10, 1), state, since, vm_id=vm_id)


RAN_FROM = at(2026, 10, 31, 20)
RAN = tracked(State.RUNNING, RAN_FROM)
STOPPED = tracked(State.STOPPED, at(2026, 11, 1, 4))


def test_an_interval_ends_when_the_state_changes() -> None:
    assert ended_interval(RAN, STOPPED) == PowerInterval(VM, State.RUNNING, RAN_FROM, STOPPED.state_since)
    assert ended_interval(RAN, replace(RAN, verdict="idle")) is None
    assert ended_interval(None, RAN) is None


def test_what_was_not_known_is_no_interval() -> None:
    assert ended_interval(tracked(State.UNKNOWN, RAN_FROM), STOPPED) is None
    assert ended_interval(RAN, tracked(State.STOPPED, at(2026, 11, 1), vm_id="2")) is None, "the end of the first is unknown"


def test_an_interval_never_ends_before_it_began() -> None:
    ended = ended_interval(RAN, tracked(State.STOPPED, RAN_FROM - 60))
    assert ended is not None
    assert ended.billed_hours == 0.0


def test_a_month_contains_only_its_own_hours() -> None:
    interval = ended_interval(RAN, STOPPED)
    assert interval is not None
    october, november = by_month(interval)
    assert (october.billed_hours, november.billed_hours) == (4.0, 4.0)
    assert (month_of(october.began), month_of(november.began)) == ("2026-10", "2026-11")
    (clipped,) = since(at(2026, 11, 1), [interval, replace(interval, ended=at(2026, 10, 31, 21))])
    assert clipped.billed_hours == 4.0


def test_an_interval_of_a_year_has_thirteen_parts_and_loses_no_second() -> None:
    interval = PowerInterval(VM, State.STOPPED, at(2025, 11, 15), at(2026, 11, 15))
    parts = list(by_month(interval))
    assert len(parts) == 13
    assert sum(part.ended - part.began for part in parts) == 365 * 24 * HOUR


@pytest.mark.parametrize(
    ("moment", "began", "following"),
    [
        (at(2026, 12, 31, 23, 59), at(2026, 12, 1), at(2027, 1, 1)),
        (at(2024, 2, 29), at(2024, 2, 1), at(2024, 3, 1)),
        (at(2026, 3, 1), at(2026, 3, 1), at(2026, 4, 1)),
    ],
)
def test_months_are_those_of_utc(moment: float, began: float, following: float) -> None:
    assert (month_began(moment), next_month(moment)) == (began, following)


@pytest.mark.parametrize(
    ("state", "hours"),
    [
        (State.RUNNING, 8.0),
        (State.STOPPED_BILLED, 8.0),
        (State.STARTING, 8.0),
        (State.STOPPED, 0.0),
        (State.ABSENT, 0.0),
        (State.UNKNOWN, 0.0),
    ],
)
def test_only_allocated_machines_are_billed(state: State, hours: float) -> None:
    assert last_interval(tracked(state, RAN_FROM), RAN_FROM + 8 * HOUR).billed_hours == hours


def test_each_interval_costs_what_was_in_force_and_an_unknown_price_is_not_zero() -> None:
    eight = PowerInterval(VM, State.RUNNING, 0.0, 8 * HOUR)
    spent = spent_in([replace(eight, per_hour=0.5), eight, replace(eight, state=State.STOPPED)], 0.25)
    assert (spent.hours, spent.amount) == (16.0, 8 * 0.5 + 8 * 0.25)
    assert spent_in([replace(eight, per_hour=0.5), eight], None).amount is None
    assert spent_in([replace(eight, state=State.STOPPED)], None).amount == 0.0
    assert together([Spent(1.0, 2.0), Spent(1.0, None)]) == Spent(2.0, None)
    assert together([]) == Spent(0.0, 0.0)
