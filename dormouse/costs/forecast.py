"""What the rest of a month will cost: bounds, and what the hours of the week in which machines were on let expect. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from dormouse.clock import DAY, HOUR
from dormouse.costs.price_book import exact, hours_between
from dormouse.idle.power.history import PowerInterval
from dormouse.idle.schedules.schedule import Schedule, is_on, transitions
from dormouse.lifecycle import BILLED

LOOKED_BACK_DAYS, HOURS_A_WEEK = 28, 168
Shares = Sequence[float]


@dataclass(frozen=True, slots=True)
class Running:
    """A machine that exists now: its price per hour, what it did of late, and what is known of what it will do.

    `ends` is when its lease ends (0.0: never).
    """

    per_hour: Decimal
    intervals: Sequence[PowerInterval]
    schedule: Schedule | None = None
    ends: float = 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a month will have cost: if everything is stopped from now on, as expected, and if everything runs."""

    spent: Decimal
    least: Decimal
    expected: Decimal
    most: Decimal


class Calendar:
    """The rest of a month and the last weeks, by hours of the week in a time zone."""

    def __init__(self, now: float, until: float, zone: str) -> None:
        """Look from `now` ahead to `until`, and back for 28 days; hours are those of UTC, named in the zone."""
        self.now, self.until, self._zone = now, until, ZoneInfo(zone)
        self.looked_back_to = (now - LOOKED_BACK_DAYS * DAY) // HOUR * HOUR
        count = int((now - self.looked_back_to) // HOUR) + 1
        self._classes = [self._class_of(self.looked_back_to + place * HOUR) for place in range(count)]
        self.ahead = lru_cache(1024)(self._ahead)

    def shares(self, intervals: Iterable[PowerInterval]) -> Shares:
        """How much of each hour of the week a machine was on; an hour that was never seen counts as the mean of the rest."""
        on, seen = [0.0] * HOURS_A_WEEK, [0.0] * HOURS_A_WEEK
        for one in intervals:
            began, ended = max(one.began, self.looked_back_to), min(one.ended, self.now)
            is_billed = one.state in BILLED
            while began < ended:
                place = int((began - self.looked_back_to) // HOUR)
                until = min(self.looked_back_to + (place + 1) * HOUR, ended)
                seen[self._classes[place]] += until - began
                on[self._classes[place]] += (until - began) if is_billed else 0.0
                began = until
        mean = sum(on) / sum(seen) if sum(seen) else 0.0
        return [on[each] / seen[each] if seen[each] else mean for each in range(HOURS_A_WEEK)]

    def _ahead(self, until: float) -> Shares:
        """How many of the coming hours up to a moment are in each hour of the week."""
        found, began = [0.0] * HOURS_A_WEEK, self.now
        while began < until:
            ended = min((began // HOUR + 1) * HOUR, until)
            found[self._class_of(began)] += (ended - began) / HOUR
            began = ended
        return found

    def _class_of(self, moment: float) -> int:
        local = datetime.fromtimestamp(moment, self._zone)
        return local.weekday() * 24 + local.hour


def expected_hours(machine: Running, calendar: Calendar) -> float:
    """How long a machine is expected to be on: exactly its schedule if it has hours, else as in the last weeks."""
    until = min(machine.ends, calendar.until) if machine.ends else calendar.until
    if machine.schedule is not None and machine.schedule.hours:
        return scheduled_hours(machine.schedule, calendar.now, until)
    shares = calendar.shares(machine.intervals)
    return sum(share * hours for share, hours in zip(shares, calendar.ahead(max(until, calendar.now)), strict=True))


def scheduled_hours(schedule: Schedule, now: float, until: float) -> float:
    """For how many hours a schedule has a machine on from one moment to another."""
    began, ended = datetime.fromtimestamp(now, UTC), datetime.fromtimestamp(max(now, until), UTC)
    on, since, hours = is_on(schedule, began), began, 0.0
    for change in transitions(schedule, began, ended):
        hours += (change.at - since).total_seconds() / HOUR if on else 0.0
        on, since = change.on, change.at
    return hours + ((ended - since).total_seconds() / HOUR if on else 0.0)


def forecast_of(spent: Decimal, fees_per_hour: Decimal, machines: Iterable[Running], calendar: Calendar) -> Forecast:
    """The forecast of a month that has cost so much so far."""
    left = hours_between(calendar.now, max(calendar.now, calendar.until))
    least = spent + left * fees_per_hour
    expected = most = least
    for machine in machines:
        most += left * machine.per_hour
        expected += min(exact(round(expected_hours(machine, calendar), 6)), left) * machine.per_hour
    return Forecast(spent, least, expected, most)


def together(forecasts: Iterable[Forecast]) -> Forecast:
    """The sum of forecasts."""
    every = list(forecasts)
    return Forecast(
        sum((one.spent for one in every), Decimal()),
        sum((one.least for one in every), Decimal()),
        sum((one.expected for one in every), Decimal()),
        sum((one.most for one in every), Decimal()),
    )
