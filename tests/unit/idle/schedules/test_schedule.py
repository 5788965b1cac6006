from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.idle.schedules.schedule import (
    DAYS,
    OffAt,
    Schedule,
    Transition,
    due,
    is_on,
    next_transition,
    read_schedule,
    transitions,
)

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = read_schedule("mon-fri 08:00-19:00 Europe/Berlin")
MONDAY = datetime(2026, 11, 23, tzinfo=BERLIN)
WEEK = timedelta(days=7)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time in the week that begins on Monday, 23 November 2026, in Berlin."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


@st.composite
def schedules(draw: st.DrawFn, zone: str | None = None) -> Schedule:
    """Any schedule that users could write, in a zone with and without clock changes."""
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        days = f"{draw(st.sampled_from(DAYS))}-{draw(st.sampled_from(DAYS))}"
        begin, end = draw(st.lists(st.integers(0, 24 * 4 - 1), min_size=2, max_size=2, unique=True))
        parts.append(f"{days} {begin // 4:02}:{begin % 4 * 15:02}-{end // 4:02}:{end % 4 * 15:02}")
    zones = st.sampled_from(["UTC", "Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Kiritimati"])
    holidays = draw(st.frozensets(st.dates(date(2026, 1, 1), date(2027, 12, 31)), max_size=5))
    return read_schedule(f"{', '.join(parts)} {zone or draw(zones)}", frozenset() if zone else holidays)


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def test_a_schedule_is_on_during_its_hours_only() -> None:
    assert not is_on(OFFICE, at(0, 7, 59))
    assert is_on(OFFICE, at(0, 8))
    assert is_on(OFFICE, at(4, 18, 59))
    assert not is_on(OFFICE, at(4, 19))
    assert not is_on(OFFICE, at(5, 12))


def test_hours_that_end_before_they_begin_extend_into_the_next_day() -> None:
    night = read_schedule("fri 22:00-06:00 Europe/Berlin")
    assert transitions(night, MONDAY, MONDAY + WEEK) == [Transition(at(4, 22), True), Transition(at(5, 6), False)]


def test_days_wrap_around_the_weekend() -> None:
    weekend = read_schedule("Sat-Mon 09:00-10:00 Europe/Berlin")
    assert [is_on(weekend, at(day, 9)) for day in range(7)] == [True, False, False, False, False, True, True]


def test_adjacent_hours_are_merged_and_permanent_hours_have_no_transition() -> None:
    split = read_schedule("mon 08:00-12:00, mon 12:00-24:00, tue 00:00-01:00 Europe/Berlin")
    assert transitions(split, MONDAY, MONDAY + WEEK) == [Transition(at(0, 8), True), Transition(at(1, 1), False)]
    assert next_transition(read_schedule("mon-sun 00:00-24:00 Europe/Berlin"), MONDAY) is None


def test_a_holiday_has_no_on_hours_and_the_night_before_ends_as_usual() -> None:
    holiday = frozenset({at(1, 12).date()})
    night = read_schedule("mon-wed 22:00-06:00 Europe/Berlin", holiday)
    assert [one.at for one in transitions(night, MONDAY, at(3, 12))] == [at(0, 22), at(1, 6), at(2, 22), at(3, 6)]


def test_the_next_transition_is_found_after_two_weeks_of_holidays() -> None:
    closed = frozenset(at(day, 12).date() for day in range(14))
    schedule = read_schedule("mon-fri 08:00-19:00 Europe/Berlin", closed)
    assert next_transition(schedule, MONDAY) == Transition(at(14, 8), True)


def test_a_start_after_hours_holds_until_the_next_transition() -> None:
    started = at(0, 21)
    assert due(OFFICE, started, at(1, 7, 59)) is None
    assert due(OFFICE, started, at(1, 8)) == Transition(at(1, 8), True)


def test_a_late_sweep_acts_only_on_the_latest_transition() -> None:
    assert due(OFFICE, at(0, 7), at(2, 7)) == Transition(at(1, 19), False)


@given(schedules(), moments, st.integers(0, 500 * 24 * 60))
def test_the_newest_transition_is_found_however_long_ago_the_last_change_was(
    schedule: Schedule, now: datetime, minutes: int
) -> None:
    since = now - timedelta(minutes=minutes)
    assert due(schedule, since, now) == next(reversed(transitions(schedule, since, now)), None)


def test_a_schedule_set_after_hours_does_not_act_on_the_past() -> None:
    assert due(OFFICE, at(5, 12), at(5, 12, 5)) is None


@pytest.mark.parametrize(
    "night",
    [
        pytest.param(date(2026, 3, 29), id="02:00 becomes 03:00, and the time does not exist"),
        pytest.param(date(2026, 10, 25), id="03:00 becomes 02:00, and the time comes twice"),
    ],
)
def test_at_clock_changes_on_hours_begin_earlier_and_end_later(night: date) -> None:
    noon = datetime(night.year, night.month, night.day, 12, tzinfo=BERLIN)
    begin, end = transitions(read_schedule("sun 02:15-02:45 Europe/Berlin"), noon - timedelta(days=1), noon)
    change = datetime(night.year, night.month, night.day, 1, tzinfo=UTC)
    assert begin == Transition(change - timedelta(minutes=45), True)
    assert end == Transition(change + timedelta(minutes=45), False)


def test_on_hours_keep_their_local_time_when_clocks_change() -> None:
    spring, winter = datetime(2026, 3, 30, 7, tzinfo=BERLIN), datetime(2026, 3, 27, 7, tzinfo=BERLIN)
    for morning, utc in ((winter, 7), (spring, 6)):
        coming = next_transition(OFFICE, morning)
        assert coming == Transition(morning.replace(hour=8).astimezone(UTC), True)
        assert coming.at.hour == utc


EVENING = read_schedule("mon-fri off at 19:00 Europe/Berlin")


def test_an_off_time_stops_and_never_starts_or_keeps_a_machine_on() -> None:
    assert transitions(EVENING, MONDAY, MONDAY + WEEK) == [Transition(at(day, 19), False) for day in range(5)]
    assert not any(is_on(EVENING, at(day, hour)) for day in range(7) for hour in range(24))
    assert next_transition(EVENING, at(4, 20)) == Transition(at(7, 19), False)
    assert due(EVENING, at(0, 9), at(0, 18, 59)) is None
    assert due(EVENING, at(0, 9), at(1, 8)) == Transition(at(0, 19), False)
    assert due(EVENING, at(0, 19), at(1, 8)) is None, "who starts it afterwards has it until the next evening"


def test_an_off_time_within_on_hours_has_no_effect() -> None:
    mixed = read_schedule("mon-fri 08:00-18:00, off at 18:00, off at 12:00, off at 08:00, off at 23:00 Europe/Berlin")
    monday = [Transition(at(0, 8), True), Transition(at(0, 18), False), Transition(at(0, 23), False)]
    assert transitions(mixed, MONDAY, at(1, 0)) == monday
    saturday = [Transition(at(5, hour), False) for hour in (8, 12, 18, 23)]
    assert transitions(mixed, at(5, 0), at(6, 0)) == saturday
    assert is_on(mixed, at(0, 12, 30))


def test_an_off_time_applies_on_holidays_too() -> None:
    holiday = frozenset({at(1, 12).date()})
    both = read_schedule("mon-fri 08:00-18:00, off at 19:00 Europe/Berlin", holiday)
    assert transitions(both, at(1, 0), at(2, 0)) == [Transition(at(1, 19), False)]


def test_midnight_at_the_end_of_a_day_belongs_to_that_day() -> None:
    assert transitions(read_schedule("fri off at 24:00 Europe/Berlin"), MONDAY, MONDAY + WEEK) == [
        Transition(at(5, 0), False)
    ]


@pytest.mark.parametrize("night", [date(2026, 3, 29), date(2026, 10, 25)])
def test_at_clock_changes_an_ambiguous_off_time_is_the_later_one(night: date) -> None:
    noon = datetime(night.year, night.month, night.day, 12, tzinfo=BERLIN)
    change = datetime(night.year, night.month, night.day, 1, tzinfo=UTC)
    found = transitions(read_schedule("off at 02:30 Europe/Berlin"), noon - timedelta(days=1), noon)
    assert found == [Transition(change + timedelta(minutes=30), False)]


@pytest.mark.parametrize(
    ("hours", "joined"),
    [
        ("08:00-12:00, tue 10:00-14:00", [(8, 14)]),
        ("08:00-18:00, tue 10:00-12:00", [(8, 18)]),
        ("20:00-22:00, tue 08:00-10:00", [(8, 10), (20, 22)]),
        ("08:00-09:00, tue 09:00-10:00, tue 11:00-12:00, tue 11:00-13:00", [(8, 10), (11, 13)]),
    ],
)
def test_hours_are_sorted_and_overlapping_ones_are_joined(hours: str, joined: list[tuple[int, int]]) -> None:
    schedule = read_schedule(f"mon 09:00-10:00, tue {hours} Europe/Berlin")
    expected = [
        (0, 9, True),
        (0, 10, False),
        *((1, hour, on) for pair in joined for hour, on in zip(pair, (True, False), strict=True)),
    ]
    assert transitions(schedule, MONDAY, at(2, 0)) == [Transition(at(day, hour), on) for day, hour, on in expected]


@pytest.mark.parametrize(("closed", "found"), [(7, True), (400, True), (401, False)])
def test_a_transition_is_looked_for_within_400_days(closed: int, found: bool) -> None:
    now = datetime(2026, 11, 23, 8, tzinfo=UTC)
    holidays = frozenset(now.date() + timedelta(days=number) for number in range(closed))
    schedule = read_schedule("daily 08:00-09:00 UTC", holidays)
    assert next_transition(schedule, now) == (Transition(now + timedelta(days=closed), True) if found else None)


ST_JOHNS = ZoneInfo("America/St_Johns")


def test_where_clocks_went_back_from_a_minute_after_midnight_no_hours_are_missed() -> None:
    """On 7 November 2010 at 00:01 it became 23:01 of the day before, so that the dates went back as well."""
    ends_late = read_schedule("fri 23:45-23:40 America/St_Johns")
    first_midnight = datetime(2010, 11, 7, 0, 0, 30, tzinfo=ST_JOHNS)
    assert is_on(ends_late, first_midnight)
    assert transitions(ends_late, first_midnight, first_midnight + timedelta(hours=2)) == [
        Transition(datetime(2010, 11, 6, 23, 40, tzinfo=ST_JOHNS, fold=1).astimezone(UTC), False)
    ]
    begins_early = read_schedule("sun 00:00-08:00 America/St_Johns")
    assert is_on(begins_early, datetime(2010, 11, 6, 23, 30, tzinfo=ST_JOHNS, fold=1))
    assert not is_on(begins_early, datetime(2010, 11, 6, 23, 30, tzinfo=ST_JOHNS))


@given(schedules(), moments, st.integers(1, 60 * 24 * 20), st.integers(0, 1439))
def test_off_times_add_only_stops(schedule: Schedule, since: datetime, minutes: int, off: int) -> None:
    both = replace(schedule, offs=(OffAt(frozenset(range(7)), off),))
    until = since + timedelta(minutes=minutes)
    plain, mixed = transitions(schedule, since, until), transitions(both, since, until)
    assert [one for one in mixed if one.on] == [one for one in plain if one.on]
    assert set(plain) <= set(mixed)
    for one in set(mixed) - set(plain):
        assert not one.on
        assert not is_on(schedule, one.at)
    assert is_on(both, until) is is_on(schedule, until)
    middle = since + timedelta(minutes=minutes // 2)
    assert transitions(both, since, middle) + transitions(both, middle, until) == mixed


def test_every_error_is_reported_at_once() -> None:
    with pytest.raises(ValueError, match="schedule") as refusal:
        read_schedule("funday 08:00-19:00, mon 25:00-26:00, tue 08:00-08:00 Mars/Olympus")
    for wrong in ("'funday 08:00-19:00'", "'mon 25:00-26:00'", "'tue 08:00-08:00'", "'Mars/Olympus'"):
        assert wrong in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["", " ", "UTC", "mon 08:00-19:00", "mon 08:00-19:00 ../../etc/passwd", "mon 08:00-19:00 Europe"]
)
def test_an_invalid_schedule_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="invalid schedule"):
        read_schedule(text)


def test_a_text_longer_than_a_tag_is_rejected() -> None:
    with pytest.raises(ValueError, match="256 characters"):
        read_schedule("mon 08:00-19:00," * 100 + " UTC")


@given(schedules(), moments, st.integers(1, 60 * 24 * 20))
def test_transitions_alternate_and_agree_with_is_on(schedule: Schedule, since: datetime, minutes: int) -> None:
    until = since + timedelta(minutes=minutes)
    on = is_on(schedule, since)
    for transition in transitions(schedule, since, until):
        assert transition.on is not on
        assert is_on(schedule, transition.at) is transition.on
        on = transition.on
    assert is_on(schedule, until) is on


@given(schedules(), moments, st.integers(0, 5000), st.integers(0, 5000))
def test_no_sweep_misses_or_repeats_a_transition(schedule: Schedule, start: datetime, first: int, second: int) -> None:
    middle = start + timedelta(minutes=first)
    end = middle + timedelta(minutes=second)
    assert transitions(schedule, start, middle) + transitions(schedule, middle, end) == transitions(schedule, start, end)


@given(schedules(zone="UTC"), moments, st.integers(-52, 52))
def test_shifting_by_whole_weeks_changes_only_dates(schedule: Schedule, now: datetime, weeks: int) -> None:
    then = now + weeks * WEEK
    assert is_on(schedule, now) is is_on(schedule, then)
    assert [one.at + weeks * WEEK for one in transitions(schedule, now, now + WEEK)] == [
        one.at for one in transitions(schedule, then, then + WEEK)
    ]
