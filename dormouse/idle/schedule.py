"""Schedules: the on-hours of a week in a time zone, and the moments at which a machine is to start or stop.

A schedule acts at its transitions only. Whatever a person does between two of them holds until the next one, a sweep that
comes late acts on the newest one it missed, and a schedule that was set a moment ago has no past.

When clocks change, a time of day can come twice or never. It is then read in favour of the machine: on-hours begin at the
earlier and end at the later of its two readings (PEP 495 names them `fold` 0 and 1). So is a moment of stopping.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dormouse.idle.schedule_text import DAYS, LONGEST, OffAt, OnHours, Schedule, read_schedule

__all__ = [
    "DAYS",
    "LONGEST",
    "OffAt",
    "OnHours",
    "Schedule",
    "Transition",
    "due",
    "is_on",
    "next_transition",
    "read_schedule",
    "transitions",
]

HORIZONS = (timedelta(days=9), timedelta(days=400))  # holidays can push the next transition beyond the week


@dataclass(frozen=True, slots=True)
class Transition:
    """The moment (UTC) from which on a machine is to be on, or off."""

    at: datetime
    on: bool


def is_on(schedule: Schedule, now: datetime) -> bool:
    """Whether the schedule wants a machine on at a moment."""
    return any(begin <= now < end for begin, end in _spans(schedule, now, now))


def transitions(schedule: Schedule, since: datetime, until: datetime) -> list[Transition]:
    """The transitions after one moment and not after another, oldest first; moments of stopping may follow each other."""
    spans = _spans(schedule, since, until)
    found = {at: on for begin, end in spans for at, on in ((begin, True), (end, False))}
    for at in _offs(schedule, since, until):
        if not any(begin <= at <= end for begin, end in spans):  # within on-hours, their end is what counts
            found[at] = False
    return [Transition(at, on) for at, on in sorted(found.items()) if since < at <= until]


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


def _spans(schedule: Schedule, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Times (UTC) of being on that can touch the time between two moments; what overlaps or adjoins is one."""
    zone = ZoneInfo(schedule.zone)
    spans = sorted(
        (min(_readings(day, hours.begin, zone)), max(_readings(day, hours.end, zone)))
        for day in _days(since, until, zone)
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


def _offs(schedule: Schedule, since: datetime, until: datetime) -> Iterator[datetime]:
    """The moments (UTC) of stopping around the time between two moments; also on holidays, for nothing else stops then."""
    zone = ZoneInfo(schedule.zone)
    for day in _days(since, until, zone) if schedule.offs else ():
        for off in schedule.offs:
            if day.weekday() in off.days:
                yield max(_readings(day, off.at, zone))


def _days(since: datetime, until: datetime, zone: ZoneInfo) -> list[date]:
    """The days whose hours can touch the time between two moments.

    On-hours end on the day after they begin at the latest; where clocks change at midnight, a day more on each side.
    """
    first = since.astimezone(zone).date() - timedelta(days=2)
    last = until.astimezone(zone).date() + timedelta(days=1)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _readings(day: date, minutes: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """What a time of day means in UTC: twice the same moment, except where clocks change."""
    local = datetime.combine(day, time()) + timedelta(minutes=minutes)
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first, second
