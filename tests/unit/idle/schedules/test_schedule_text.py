"""Schedules in common spellings: each is accepted, or rejected with the correct spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.idle.schedules.schedule import OffAt, OnHours, read_schedule

WORKDAYS, WEEKEND, EVERY_DAY = frozenset(range(5)), frozenset((5, 6)), frozenset(range(7))
OFFICE = "mon-fri 08:00-18:00 Europe/Berlin"
SAME_AS_OFFICE = [
    "mon-fri 8:00-18:00 Europe/Berlin",
    "MON-FRI 08:00-18:00 europe/berlin",
    "Monday-Friday 08:00-18:00 Europe/Berlin",
    "monday to friday from 8:00 to 18:00 Europe/Berlin",
    "mon - fri 08:00 - 18:00 Europe/Berlin",
    "mon\u2013fri 08:00\u201418:00 Europe/Berlin",
    "mon\u2011fri\u00a008:00\u221218:00\u00a0Europe/Berlin",
    "mon-fri: 08:00-18:00 Europe/Berlin",
    "weekdays 08:00-18:00 Europe/Berlin",
    "Workdays 8am-6pm Europe/Berlin",
    "MON-FRI 8AM-6PM EUROPE/BERLIN",
    "weekday 08:00-18:00 Europe/Berlin",
    "workday 08:00-18:00 Europe/Berlin",
    "mon-fri 8 am - 6 pm Europe/Berlin",
    "mon-fri 8:00 a.m. to 6:00 p.m. Europe/Berlin",
    "mo-fr 08.00-18.00 Europe/Berlin",
    "mon-fri 0800-1800 Europe/Berlin",
    "mon-fri 8h-18h Europe/Berlin",
    "mon-fri 08:00:00-18:00:00 Europe/Berlin",
    "mon,tue,wed,thu,fri 08:00-18:00 Europe/Berlin",
    "mon tue wed thurs fri 08:00-18:00 Europe/Berlin",
    "mon-wed, thu and fri 08:00-18:00 Europe/Berlin",
    "08:00-18:00 mon-fri Europe/Berlin",
    "mon-fri 08:00-18:00, Europe/Berlin",
    "mon-fri 08:00-18:00 W. Europe Standard Time",
    '"mon-fri 08:00-18:00 Europe/Berlin"',
    "'mon-fri 08:00-18:00 Europe/Berlin'",
    "\u201cmon-fri 08:00-18:00 Europe/Berlin\u201d",
    " mon-fri  08:00-18:00\tEurope/Berlin;",
]
OTHERS = {
    "daily 08:00-18:00 UTC": [(EVERY_DAY, 480, 1080)],
    "every day 08:00-18:00 UTC": [(EVERY_DAY, 480, 1080)],
    "everyday 08:00-18:00 UTC": [(EVERY_DAY, 480, 1080)],
    "weekend 10:00-14:00 UTC": [(WEEKEND, 600, 840)],
    "sat 08:00-09:00 and weekday 10:00-11:00 UTC": [({5}, 480, 540), (WORKDAYS, 600, 660)],
    "mon 08:00-09:00, 10:00-11:00, 12:00-13:00 UTC": [({0}, 480, 540), ({0}, 600, 660), ({0}, 720, 780)],
    "on mon from 08:00 to 12:00 UTC": [({0}, 480, 720)],
    "08:00-12:00 on mon, 13:00-14:00 on tue UTC": [({0}, 480, 720), ({1}, 780, 840)],
    "mon 1am-12am UTC": [({0}, 60, 1440)],
    "weekends 10:00-14:00 Z": [(WEEKEND, 600, 840)],
    "mon-fri 08:00-12:00,13:00-18:00 UTC": [(WORKDAYS, 480, 720), (WORKDAYS, 780, 1080)],
    "mon-fri 08:00-12:00 13:00-18:00 UTC": [(WORKDAYS, 480, 720), (WORKDAYS, 780, 1080)],
    "mon-fri 08:00-12:00 and 13:00-18:00 UTC": [(WORKDAYS, 480, 720), (WORKDAYS, 780, 1080)],
    "weekdays 08:00-18:00 UTC; weekends 10:00-14:00 UTC": [(WORKDAYS, 480, 1080), (WEEKEND, 600, 840)],
    "weekdays 08:00-18:00 utc; weekends 10:00-14:00 Zulu": [(WORKDAYS, 480, 1080), (WEEKEND, 600, 840)],
    "mon 08:00-12:00 tue 13:00-15:00 UTC": [({0}, 480, 720), ({1}, 780, 900)],
    "fri 10pm-6am UTC": [({4}, 1320, 1800)],
    "mon-fri 12am-12pm UTC": [(WORKDAYS, 0, 720)],
    "mon-fri 08:00-24:00 UTC": [(WORKDAYS, 480, 1440)],
    "mon-fri 08:00-00:00 UTC": [(WORKDAYS, 480, 1440)],
    "sun-tue 08:00-09:00 UTC": [({6, 0, 1}, 480, 540)],
}
OFFS = {
    "off at 19:00 Europe/Berlin": [(EVERY_DAY, 1140)],
    "mon-fri off at 19:00 Europe/Berlin": [(WORKDAYS, 1140)],
    "off at 7pm on weekdays America/New York": [(WORKDAYS, 1140)],
    "daily off 19:00 UTC": [(EVERY_DAY, 1140)],
    "Stop at 19.30 UTC": [(EVERY_DAY, 1170)],
    "mon-thu off at 19:00, fri off at 16:00 Europe/Berlin": [({0, 1, 2, 3}, 1140), ({4}, 960)],
    "mon, wed off at 19:00 UTC": [({0, 2}, 1140)],
    "mon-fri off at 24:00 UTC": [(WORKDAYS, 1440)],
    "off at 00:00 UTC": [(EVERY_DAY, 0)],
}
REFUSED = {
    "mon-fri 8-18 Europe/Berlin": "write 08:00-18:00",
    "mon-fri 8-6pm UTC": "cannot parse 'mon-fri 8-6pm UTC'; write it like 'mon-fri 08:00-19:00'",
    "mon-fri 8:00-6pm UTC": "has am or pm at only one of its times",
    "mon-fri 13pm-6pm UTC": "not between 1 and 12",
    "mon-fri 08:60-18:00 UTC": "write it like 'mon-fri 08:00-19:00'",
    "sat-sun 03:00-03:00 UTC": "a whole day is 00:00-24:00",
    "08:00-18:00 UTC": "'08:00-18:00' has no days; write 'daily' or 'mon-fri'",
    "Mon-Thrs 08:00-18:00 Europe/London": "did you mean 'thurs'?",
    "weekdys 08:00-18:00 UTC": "did you mean 'weekdays'?",
    "mon-fri 08:00-18:00": "the time zone is missing; add one like Europe/Berlin",
    "mon-fri 08:00-18:00 CEST": "write a zone name: Europe/Berlin",
    "mon-fri 08:00-18:00 EST": "write a zone name: America/New_York",
    "mon-fri 08:00-18:00 UTC+2": "'UTC+2' is a fixed offset",
    "mon-fri 08:00-18:00 UTC+02:00": "'UTC+02:00' is a fixed offset",
    "mon-fri 08:00-18:00 Etc/GMT+5": "it means UTC-5",
    "mon-fri 08:00-18:00 localtime": "unknown time zone 'localtime'",
    "mon-fri 08:00-18:00 Berlin": "did you mean 'Europe/Berlin'?",
    "mon 08:00-18:00 Europe/Berlin; tue 08:00-18:00 Europe/London": "more than one time zone: Europe/Berlin, Europe/London",
    "monday": "no hours for mon",
    "mon-fri 08:00-18:00, sat UTC": "cannot parse 'sat UTC'",
    "sat, mon-fri Europe/Berlin": "cannot parse 'mon-fri Europe/Berlin'",
    "Europe/Berlin": "neither hours like 08:00-19:00 nor a stop time like 'off at 19:00'",
    "0 8 * * 1-5": "cannot parse '0 8 * * 1-5'",
    "off=(M-F,19);on=(M-F,7);tz=et": "invalid schedule",
    "off at 25:00 UTC": "has a time after 24:00",
    "mon-fri off at 00:00 UTC": "write 24:00 for its end",
    "off UTC": "cannot parse 'off UTC'",
    "off at 19 UTC": "cannot parse 'off at 19 UTC'",
    "off at 19:00": "the time zone is missing",
}


CANNOT_PARSE = "cannot parse {!r}; write it like 'mon-fri 08:00-19:00' or 'off at 19:00'"
NO_ZONE = "the time zone is missing; add one like Europe/Berlin or UTC at the end"
NO_TIMES = "neither hours like 08:00-19:00 nor a stop time like 'off at 19:00'"
FAULTS = {
    "mon 25:00-26:00": "'mon 25:00-26:00' has a time after 24:00",
    "mon 24:00-06:00 UTC": "'mon 24:00-06:00' has a time after 24:00",
    "mon 08:00-25:00 UTC": "'mon 08:00-25:00' has a time after 24:00",
    "mon 0am-6am UTC": "'mon 0am-6am' has a time with am or pm that is not between 1 and 12",
    "mon 03:00-03:00, tue 25:00-26:00 UTC": (
        "'mon 03:00-03:00' begins and ends at the same time; a whole day is 00:00-24:00; "
        "'tue 25:00-26:00' has a time after 24:00"
    ),
    "mon 08:00-12:00 5 UTC": CANNOT_PARSE.format("mon 08:00-12:00 5 UTC"),
    "MON-FRI 8-18 UTC": f"{CANNOT_PARSE.format('MON-FRI 8-18 UTC')}; write 08:00-18:00",
    "mon-fri 8-6 UTC": f"{CANNOT_PARSE.format('mon-fri 8-6 UTC')}; write 08:00-06:00",
    "mon-fri 8h-6 UTC": CANNOT_PARSE.format("mon-fri 8h-6 UTC"),
    "sun sat fri thu wed tue": f"no hours for tue, wed, thu, fri, sat, sun; {NO_ZONE}; {NO_TIMES}",
}


@pytest.mark.parametrize(("text", "faults"), FAULTS.items())
def test_every_fault_is_named_once_with_an_example_of_a_valid_schedule(text: str, faults: str) -> None:
    with pytest.raises(ValueError, match="invalid schedule") as refusal:
        read_schedule(text)
    example = "(example: mon-fri 08:00-19:00, sat 10:00-14:00 Europe/Berlin)"
    assert str(refusal.value) == f"invalid schedule: {faults} {example}"


def test_a_schedule_has_at_most_256_characters() -> None:
    longest = OFFICE.ljust(256)
    assert read_schedule(longest) == read_schedule(OFFICE)
    with pytest.raises(ValueError, match=r"^a schedule has at most 256 characters$"):
        read_schedule(f"{longest} ")


DAY_NAMES = [
    *("mo mon monday mondays", "tu tue tues tuesday tuesdays", "we wed weds wednesday wednesdays"),
    *("th thu thur thurs thursday thursdays", "fr fri friday fridays", "sa sat saturday saturdays", "su sun sunday sundays"),
]


@pytest.mark.parametrize("number", range(7))
def test_every_name_of_a_day_is_understood(number: int) -> None:
    for name in DAY_NAMES[number].split():
        for text in (f"{name} 08:00-09:00 UTC", f"{name}.-{name} 08:00-09:00 UTC", f"08:00-09:00 {name} UTC"):
            assert read_schedule(text).hours == (OnHours(frozenset({number}), 480, 540),)


@pytest.mark.parametrize("text", SAME_AS_OFFICE)
def test_common_spellings_of_office_hours_are_accepted(text: str) -> None:
    assert read_schedule(text) == read_schedule(OFFICE)
    assert read_schedule(OFFICE).hours == (OnHours(WORKDAYS, 480, 1080),)


@pytest.mark.parametrize(("text", "hours"), OTHERS.items())
def test_common_spellings_of_other_hours_are_accepted(text: str, hours: list[tuple[set[int], int, int]]) -> None:
    schedule = read_schedule(text)
    assert schedule.hours == tuple(OnHours(frozenset(days), begin, end) for days, begin, end in hours)
    assert (schedule.zone, schedule.offs) == ("UTC", ())


@pytest.mark.parametrize(("text", "offs"), OFFS.items())
def test_off_times_are_accepted(text: str, offs: list[tuple[set[int], int]]) -> None:
    schedule = read_schedule(text)
    assert schedule.offs == tuple(OffAt(frozenset(days), at) for days, at in offs)
    assert schedule.hours == ()


def test_hours_and_off_times_can_be_combined() -> None:
    schedule = read_schedule("mon-fri 08:00-18:00, off at 23:00 UTC")
    assert schedule.hours == (OnHours(WORKDAYS, 480, 1080),)
    assert schedule.offs == (OffAt(EVERY_DAY, 1380),)


@pytest.mark.parametrize(("text", "says"), REFUSED.items())
def test_an_invalid_schedule_is_rejected_with_the_correct_spelling(text: str, says: str) -> None:
    with pytest.raises(ValueError, match="invalid schedule") as refusal:
        read_schedule(text)
    assert says in str(refusal.value)


WORDS = st.sampled_from(
    [
        *(
            "mon",
            "fri",
            "weekdays",
            "daily",
            "every",
            "day",
            "08:00",
            "18:00",
            "08:00-18:00",
            "8am",
            "6pm",
            "-",
            "to",
            "and",
        ),
        *(",", ";", "off", "at", "19:00", "UTC", "Europe/Berlin", "EST", "on", "from", "mon-fri", "24:00"),
    ]
)


@given(st.lists(WORDS | st.text(max_size=5), max_size=12))
def test_any_text_is_a_schedule_or_rejected(words: list[str]) -> None:
    try:
        schedule = read_schedule(" ".join(words))
    except ValueError:
        return
    assert schedule.hours or schedule.offs
    assert all(hours.days and 0 <= hours.begin < 1440 and hours.begin < hours.end <= 2880 for hours in schedule.hours)
    assert all(off.days and 0 <= off.at <= 1440 for off in schedule.offs)
