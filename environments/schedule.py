"""Schedules: the on-hours of a week in a time zone, and the moments at which a machine is to start or stop.

A schedule acts at its transitions only. Whatever a person does between two of them holds until the next one, a sweep that
comes late acts on the newest one it missed, and a schedule that was set a moment ago has no past.

When clocks change, a time of day can come twice or never. It is then read in favour of the machine: on-hours begin at the
earlier and end at the later of its two readings (PEP 495 names them `fold` 0 and 1).
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60  # minutes
HOURS = re.compile(rf"({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))? (\d\d):([0-5]\d)-(\d\d):([0-5]\d)", re.ASCII)
# The value of a tag: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
LONGEST = 256  # characters
HORIZONS = (timedelta(days=9), timedelta(days=400))  # holidays can push the next transition beyond the week
EXAMPLE = "mon-fri 08:00-19:00, sat 10:00-14:00 Europe/Berlin"


@dataclass(frozen=True, slots=True)
class OnHours:
    """Hours that begin on some days of the week (0 is Monday), in minutes since midnight; past 1,440 is a day later."""

    days: frozenset[int]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Weekly on-hours on the clocks of an IANA time zone; on-hours that would begin on a holiday are left out."""

    hours: tuple[OnHours, ...]
    zone: str
    holidays: frozenset[date] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Transition:
    """The moment (UTC) from which on a machine is to be on, or off."""

    at: datetime
    on: bool


def read_schedule(text: str, holidays: frozenset[date] = frozenset()) -> Schedule:
    """Read a schedule as people write it, `mon-fri 08:00-19:00, sat 10:00-14:00 Europe/Berlin`.

    Raises `ValueError`, with everything that is wrong in one sentence; texts longer than a tag can hold are not read.
    """
    if len(text) > LONGEST:
        raise ValueError(f"a schedule has {LONGEST} characters at most")
    written, _, zone = text.strip().rpartition(" ")
    parts = [" ".join(part.lower().split()) for part in written.split(",")]
    faults = [fault for part in parts if (fault := _fault(part))]
    if not _is_zone(zone):
        faults.append(f"{zone!r} is not a time zone like Europe/Berlin or UTC")
    if faults:
        raise ValueError(f"not a schedule like {EXAMPLE!r}: {'; '.join(faults)}")
    return Schedule(tuple(map(_hours, parts)), zone, holidays)


def is_on(schedule: Schedule, now: datetime) -> bool:
    """Whether the schedule wants a machine on at a moment."""
    return any(begin <= now < end for begin, end in _spans(schedule, now, now))


def transitions(schedule: Schedule, since: datetime, until: datetime) -> list[Transition]:
    """The transitions after one moment and not after another, oldest first."""
    return [
        Transition(at, on)
        for begin, end in _spans(schedule, since, until)
        for at, on in ((begin, True), (end, False))
        if since < at <= until
    ]


def due(schedule: Schedule, since: datetime, now: datetime) -> Transition | None:
    """The transition to act on: the newest one after `since`, when somebody last changed the machine or its schedule."""
    missed = transitions(schedule, since, now)
    return missed[-1] if missed else None


def next_transition(schedule: Schedule, now: datetime) -> Transition | None:
    """The first transition after a moment; none when the schedule never changes its mind within the next 400 days."""
    for horizon in HORIZONS:
        if coming := transitions(schedule, now, now + horizon):
            return coming[0]
    return None


def _fault(part: str) -> str | None:
    match = HOURS.fullmatch(part)
    if not match:
        return f"{part!r} is not like 'mon-fri 08:00-19:00'"
    begin, end = _minutes(match)
    if begin >= DAY or end > DAY:
        return f"{part!r} has a time beyond the end of its day"
    if begin == end:
        return f"{part!r} begins when it ends; a whole day is 00:00-24:00"
    return None


def _hours(part: str) -> OnHours:
    match = HOURS.fullmatch(part)
    assert match  # looked at by _fault
    first = DAYS.index(match[1])
    count = (DAYS.index(match[2] or match[1]) - first) % len(DAYS) + 1
    begin, end = _minutes(match)
    days = frozenset((first + number) % len(DAYS) for number in range(count))
    return OnHours(days, begin, end if end > begin else end + DAY)


def _minutes(match: re.Match[str]) -> tuple[int, int]:
    return int(match[3]) * 60 + int(match[4]), int(match[5]) * 60 + int(match[6])


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # LookupError: ZoneInfoNotFoundError; OSError: the name of a folder
        return False
    return True


def _spans(schedule: Schedule, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Times (UTC) of being on that can touch the time between two moments; what overlaps or adjoins is one."""
    zone = ZoneInfo(schedule.zone)
    # On-hours end on the day after they begin at the latest; where clocks change at midnight, a day more on each side.
    first = since.astimezone(zone).date() - timedelta(days=2)
    last = until.astimezone(zone).date() + timedelta(days=1)
    spans = sorted(
        (min(_readings(day, hours.begin, zone)), max(_readings(day, hours.end, zone)))
        for day in (first + timedelta(days=number) for number in range((last - first).days + 1))
        if day not in schedule.holidays
        for hours in schedule.hours
        if day.weekday() in hours.days
    )
    joined: list[tuple[datetime, datetime]] = []
    for begin, end in spans:
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


def _readings(day: date, minutes: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """What a time of day means in UTC: twice the same moment, except where clocks change."""
    local = datetime.combine(day, time()) + timedelta(minutes=minutes)
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first, second
