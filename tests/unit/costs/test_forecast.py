"""Forecasts: bounds, the hours of the week, schedules and leases."""

from decimal import Decimal

import pytest

from dormouse.clock import DAY, HOUR
from dormouse.costs.forecast import Calendar, Running, expected_hours, forecast_of, scheduled_hours, together
from dormouse.idle.power.history import PowerInterval
from dormouse.idle.schedules.schedule import read_schedule
from tests.unit.costs.months import WARSAW, at, ran, slept

# A Monday at midnight; April has 18 days left: two weeks, and Monday to Thursday.
NOW, END = at(2026, 4, 13), at(2026, 5, 1)


def weeks(zone: str = "UTC") -> list[PowerInterval]:
    """On from Monday to Friday, 08:00 to 18:00, for four weeks."""
    found = []
    for day in range(28):
        midnight = at(2026, 3, 16, zone=zone) + day * DAY
        works = day % 7 < 5
        found += (
            [ran(midnight + 8 * HOUR, midnight + 18 * HOUR)]
            if works
            else [slept(midnight + 8 * HOUR, midnight + 18 * HOUR, "idle")]
        )
        found += [slept(midnight, midnight + 8 * HOUR, "idle"), slept(midnight + 18 * HOUR, midnight + DAY, "idle")]
    return found


def test_a_machine_is_expected_on_in_the_hours_of_the_week_in_which_it_was_on() -> None:
    calendar = Calendar(NOW, END, "UTC")
    assert expected_hours(Running(Decimal(1), weeks()), calendar) == pytest.approx(14 * 10)


def test_hours_that_were_never_seen_count_as_the_mean_of_the_others() -> None:
    calendar = Calendar(NOW, END, "UTC")
    half = [ran(NOW - 4 * HOUR, NOW - 2 * HOUR), slept(NOW - 2 * HOUR, NOW, "people")]
    shares = calendar.shares(half)
    assert (shares[6 * 24 + 20], shares[6 * 24 + 23], shares[0]) == (1.0, 0.0, 0.5)
    assert calendar.shares([]) == [0.0] * 168


def test_a_schedule_with_hours_is_exact_across_a_change_of_clocks() -> None:
    schedule = read_schedule("mon-sun 00:00-06:00 Europe/Warsaw")
    began, ended = at(2026, 3, 28, zone=WARSAW), at(2026, 3, 31, zone=WARSAW)
    assert scheduled_hours(schedule, began, ended) == 6 + 5 + 6
    running = Running(Decimal(1), [], read_schedule("mon-fri 08:00-18:00 UTC"))
    assert expected_hours(running, Calendar(NOW, END, "UTC")) == 14 * 10
    assert expected_hours(
        Running(Decimal(1), weeks(), read_schedule("off at 19:00 UTC")), Calendar(NOW, END, "UTC")
    ) == pytest.approx(140)


def test_nothing_is_expected_after_the_end_of_a_lease() -> None:
    running = Running(Decimal(1), [ran(NOW - 28 * DAY, NOW)], ends=NOW + 2.5 * DAY)
    assert expected_hours(running, Calendar(NOW, END, "UTC")) == pytest.approx(60)
    assert expected_hours(Running(Decimal(1), [ran(NOW - DAY, NOW)], ends=NOW - DAY), Calendar(NOW, END, "UTC")) == 0


def test_the_bounds_are_everything_stopped_and_everything_on() -> None:
    machine = Running(Decimal("0.25"), weeks())
    forecast = forecast_of(Decimal(10), Decimal("0.01"), [machine, machine], Calendar(NOW, END, "UTC"))
    hours = 18 * 24
    assert forecast.least == 10 + hours * Decimal("0.01")
    assert forecast.most == forecast.least + 2 * hours * Decimal("0.25")
    assert forecast.expected == forecast.least + 2 * 140 * Decimal("0.25")
    assert forecast.spent <= forecast.least <= forecast.expected <= forecast.most
    assert together([forecast, forecast]).most == 2 * forecast.most
    assert together([]).expected == 0
