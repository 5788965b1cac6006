"""Power history: how long each machine was in which state, and what that cost. Pure; moments are seconds since 1970.

Months are those of UTC, by which Azure bills.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dormouse.clock import HOUR
from dormouse.idle.tracking import TrackedMachine
from dormouse.lifecycle import BILLED, State


@dataclass(frozen=True, slots=True)
class PowerInterval:
    """A time in which a machine was in one state, as sweeps have seen it.

    `per_hour` is the price that was in force when the interval ended, or None if it was not known. Environment, owner and
    blueprint are those of that time ("" for an adopted machine). `spot`: the price is that of Spot VMs.
    """

    machine: str
    state: State
    began: float
    ended: float
    size: str = ""
    region: str = ""
    environment: str = ""
    owner: str = ""
    blueprint: str = ""
    per_hour: float | None = None
    currency: str = ""
    spot: bool = False

    @property
    def billed_hours(self) -> float:
        """For how many hours computing was billed: stopped from inside, a machine stays allocated."""
        return max(self.ended - self.began, 0.0) / HOUR if self.state in BILLED else 0.0


@dataclass(frozen=True, slots=True)
class Spent:
    """The billed hours of some intervals, and what they cost; `amount` is None if a price is not known."""

    hours: float
    amount: float | None


def ended_interval(before: TrackedMachine | None, after: TrackedMachine) -> PowerInterval | None:
    """The interval that ended between two tracked states of a machine, or None if its state is the same.

    It is not known when a machine ended that was created again under the same ID, so its last interval is left out.
    """
    if before is None or before.state is State.UNKNOWN or before.state is after.state:
        return None
    if before.vm_id and after.vm_id and before.vm_id != after.vm_id:
        return None
    return PowerInterval(after.id, before.state, before.state_since, max(after.state_since, before.state_since))


def last_interval(tracked: TrackedMachine, now: float) -> PowerInterval:
    """The interval that has not ended yet, as if it ended now."""
    return PowerInterval(tracked.id, tracked.state, min(tracked.state_since, now), now)


def by_month(interval: PowerInterval) -> Iterator[PowerInterval]:
    """The parts of an interval in each month that it touches."""
    began = interval.began
    while began < interval.ended:
        ended = min(next_month(began), interval.ended)
        yield replace(interval, began=began, ended=ended)
        began = ended


def since(moment: float, intervals: Iterable[PowerInterval]) -> list[PowerInterval]:
    """The parts of intervals from a moment on."""
    return [replace(one, began=max(one.began, moment)) for one in intervals if one.ended > moment]


def spent_in(intervals: Iterable[PowerInterval], per_hour: float | None) -> Spent:
    """What the billed hours of intervals cost; `per_hour` is the price of those that have none."""
    hours, amount, known = 0.0, 0.0, True
    for one in intervals:
        price = per_hour if one.per_hour is None else one.per_hour
        hours += one.billed_hours
        known = known and (price is not None or one.billed_hours == 0.0)
        amount += one.billed_hours * (price or 0.0)
    return Spent(hours, amount if known else None)


def together(spent: Iterable[Spent]) -> Spent:
    """The sum; unknown if a part of it is."""
    every = list(spent)
    amounts = [one.amount for one in every if one.amount is not None]
    return Spent(sum(one.hours for one in every), sum(amounts) if len(amounts) == len(every) else None)


def month_of(moment: float) -> str:
    """The month of a moment, as 2026-11."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m}"


def month_began(moment: float) -> float:
    """When the month of a moment began."""
    return datetime.fromtimestamp(moment, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()


def next_month(moment: float) -> float:
    """When the month after that of a moment begins."""
    began = datetime.fromtimestamp(month_began(moment), UTC)
    years, month = divmod(began.month, 12)
    return began.replace(year=began.year + years, month=month + 1).timestamp()
