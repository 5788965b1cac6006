"""Schedules: the weekly on-hours in a time zone, and the times at which a machine starts or stops.

A schedule acts only at its transitions. A start or stop by a user between two transitions stays in effect until the next
one, a late sweep acts on the newest transition that it missed, and a new schedule does not apply past transitions.

When clocks change, a time of day can occur twice or never. It is then read in favour of the machine: on-hours begin at the
earlier and end at the later of the two readings (`fold` 0 and 1 of PEP 495), and a stop comes at the later one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# The value of a tag: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
LONGEST = 256  # characters
# A weekend is the longest time without a transition in most schedules; holidays can make it longer than a week.
HORIZONS = (timedelta(days=3), timedelta(days=9), timedelta(days=400))


@dataclass(frozen=True, slots=True)
class OnHours:
    """Hours that begin on some days of the week (0 is Monday), in minutes since midnight (past 1,440: next day)."""

    days: frozenset[int]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class OffAt:
    """A stop time on some days of the week, in minutes since midnight."""

    days: frozenset[int]
    at: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Weekly on-hours and stop times in an IANA time zone; on-hours do not begin on holidays."""

    hours: tuple[OnHours, ...]
    zone: str
    holidays: frozenset[date] = field(default_factory=frozenset)
    offs: tuple[OffAt, ...] = ()


@dataclass(frozen=True, slots=True)
class Transition:
    """The moment (UTC) at which a machine should start or stop."""

    at: datetime
    on: bool


@lru_cache(1024)
def read_schedule(text: str, holidays: frozenset[date] = frozenset()) -> Schedule:
    """Parse a schedule: `mon-fri 08:00-19:00 Europe/Berlin`, or `off at 19:00 UTC`, which never starts a machine.

    Raises ValueError with all errors in one sentence, also for a text that is too long for a tag.
    """
    # Imported on first use: compiling its expressions takes 5 ms of a cold start.
    from dormouse.idle.schedules.schedule_text import parse_schedule

    return parse_schedule(text, holidays)


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
    begins = dict.fromkeys((*(max(since, now - horizon) for horizon in HORIZONS), since))
    looks = (transitions(schedule, begin, now) for begin in begins)
    return next((missed[-1] for missed in looks if missed), None)


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
    for day in _days(since, until, zone):
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
