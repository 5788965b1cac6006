"""Schedules: the weekly on-hours in a time zone, and the times at which a machine starts or stops.

A schedule acts only at its transitions. A start or stop by a user between two transitions stays in effect until the next
one, a late sweep acts on the newest transition that it missed, and a new schedule does not apply past transitions.

When clocks change, a time of day can occur twice or never. It is then read in favour of the machine: on-hours begin at the
earlier and end at the later of the two readings (`fold` 0 and 1 of PEP 495), and a stop comes at the later one.
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
    """The moment (UTC) at which a machine should start or stop."""

    at: datetime
    on: bool


def is_on(schedule: Schedule, now: datetime) -> bool:
    """Whether a moment is within the on-hours."""
    return any(begin <= now < end for begin, end in _spans(schedule, now, now))


def transitions(schedule: Schedule, since: datetime, until: datetime) -> list[Transition]:
    """The transitions after `since` and up to `until`, oldest first; several stops may follow each other."""
    spans = _spans(schedule, since, until)
    found = {at: on for begin, end in spans for at, on in ((begin, True), (end, False))}
    for at in _offs(schedule, since, until):
        if not any(begin <= at <= end for begin, end in spans):  # within on-hours, only their end stops the machine
            found[at] = False
    return [Transition(at, on) for at, on in sorted(found.items()) if since < at <= until]


def due(schedule: Schedule, since: datetime, now: datetime) -> Transition | None:
    """The transition to act on: the newest one after `since`, the last change of the machine or of its schedule."""
    missed = transitions(schedule, since, now)
    return missed[-1] if missed else None


def next_transition(schedule: Schedule, now: datetime) -> Transition | None:
    """The first transition after a moment; None if there is none within 400 days."""
    for horizon in HORIZONS:
        if coming := transitions(schedule, now, now + horizon):
            return coming[0]
    return None


def _spans(schedule: Schedule, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """The on-hours (UTC) that can overlap the time between two moments; overlapping or adjacent ones are joined."""
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
    """The times of `off at` (UTC) around the time between two moments, including those on holidays."""
    zone = ZoneInfo(schedule.zone)
    for day in _days(since, until, zone) if schedule.offs else ():
        for off in schedule.offs:
            if day.weekday() in off.days:
                yield max(_readings(day, off.at, zone))


def _days(since: datetime, until: datetime, zone: ZoneInfo) -> list[date]:
    """The days whose hours can overlap the time between two moments.

    On-hours end at the latest on the day after they begin; one more day on each side covers clock changes at midnight.
    """
    first = since.astimezone(zone).date() - timedelta(days=2)
    last = until.astimezone(zone).date() + timedelta(days=1)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _readings(day: date, minutes: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The two readings of a time of day in UTC, which differ only where clocks change."""
    local = datetime.combine(day, time()) + timedelta(minutes=minutes)
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first, second
