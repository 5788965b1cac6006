"""The lines of a bill: what each machine and fee cost in a window, at the prices in force. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from dormouse.costs.fees import FeeInterval
from dormouse.costs.months import days_of
from dormouse.costs.price_book import PriceBook, exact, hours_between
from dormouse.costs.query import DAILY, CostQuery
from dormouse.idle.power.history import EVICTION, PEOPLE, PowerInterval
from dormouse.lifecycle import BILLED, State
from dormouse.resources.billing.billed_as import machine_price_key
from dormouse.resources.compute.machines import MACHINE_ID
from dormouse.resources.naming import name_of

UNATTRIBUTED = "unattributed"
Priced: TypeAlias = tuple[Decimal, Decimal | None, bool]


class Sort(StrEnum):
    """What a line is about: money that was spent on computing or fees, or that was not spent, and thanks to whom."""

    COMPUTING = "computing"
    FEE = "fee"
    SAVED = "saved"
    STOPPED = "stopped by people"


@dataclass(frozen=True, slots=True)
class CostLine:
    """What one machine or fee cost, or did not, from one price to the next; `per_hour` is None if no price is known."""

    sort: Sort
    part: str
    environment: str
    owner: str
    blueprint: str
    day: str
    hours: Decimal
    per_hour: Decimal | None
    assumed: bool = False
    machine: str = ""
    label: str = ""

    @property
    def amount(self) -> Decimal:
        """Hours times price; zero if no price is known."""
        return self.hours * (self.per_hour or Decimal())


def lines_of_power(intervals: Iterable[PowerInterval], query: CostQuery, book: PriceBook) -> Iterator[CostLine]:
    """The lines of the power history within a window."""
    for one in intervals:
        sort = _sort_of(one)
        if sort is not None and _is_asked(one, query):
            part = f"{name_of(one.machine)} ({one.count} x {one.size})" if one.count != 1 else _part(one)
            machine = one.machine.lower() if MACHINE_ID.fullmatch(one.machine) else ""
            for day, began, ended in _days(one, query):
                for hours, price, assumed in _priced(one, began, ended, book):
                    owner = (one.environment, one.owner, one.blueprint, day)
                    yield CostLine(sort, part, *owner, hours * one.count, price, assumed, machine, _label(one))


def lines_of_fees(intervals: Iterable[FeeInterval], query: CostQuery, book: PriceBook) -> Iterator[CostLine]:
    """The lines of what was billed as long as environments existed, within a window."""
    for one in intervals:
        if not _is_asked(one, query):
            continue
        for day, began, ended in _days(one, query):
            owner = (one.environment, one.owner, one.blueprint, day)
            for counted in one.charges:
                meter, label = counted.charge.meter, counted.charge.label
                keys = (meter.listed_in(one.region), meter.price_key) if meter else ("", "")
                yield from _fee(label, keys, counted.count, owner, (began, ended), book)
            for node in one.nodes:
                keys = (one.region, machine_price_key(node.size, spot=node.spot))
                yield from _fee(f"nodes {node.size}", keys, node.count, owner, (began, ended), book)


def _fee(
    label: str,
    keys: tuple[str, str],
    count: int,
    owner: tuple[str, str, str, str],
    time: tuple[float, float],
    book: PriceBook,
) -> Iterator[CostLine]:
    part = label if count == 1 else f"{label} ({count})"
    found = False
    for period in book.periods(*keys, *time):
        found = True
        yield CostLine(Sort.FEE, part, *owner, period.hours * count, period.per_hour, period.assumed, label=label)
    if not found:
        yield CostLine(Sort.FEE, part, *owner, hours_between(*time) * count, None, label=label)


def _sort_of(one: PowerInterval) -> Sort | None:
    if one.state in BILLED:
        return Sort.COMPUTING
    if one.state is not State.STOPPED or not one.stopped_by:
        return None  # what stopped it was not recorded
    return Sort.STOPPED if one.stopped_by in (PEOPLE, EVICTION) else Sort.SAVED


def _part(one: PowerInterval) -> str:
    return f"{name_of(one.machine)} ({one.size}{', Spot' if one.spot else ''})"


def _label(one: PowerInterval) -> str:
    return f"{one.size} as a Spot VM" if one.spot else one.size or name_of(one.machine)


def _priced(one: PowerInterval, began: float, ended: float, book: PriceBook) -> Iterator[Priced]:
    """Hours, price, and whether it is assumed.

    The price that the interval recorded counts for clusters that sleep, and where no better one is known.
    """
    recorded = None if one.per_hour is None else exact(one.per_hour)
    asleep = one.state is State.STOPPED and not MACHINE_ID.fullmatch(one.machine) and recorded is not None
    key = machine_price_key(one.size, spot=one.spot)
    periods = [] if asleep else list(book.periods(one.region, key, began, ended))
    for period in periods:
        better = recorded if period.assumed else None
        yield period.hours, period.per_hour if better is None else better, period.assumed and better is None
    if not periods:
        yield hours_between(began, ended), recorded, False


def _is_asked(one: PowerInterval | FeeInterval, query: CostQuery) -> bool:
    given = ((query.environment, one.environment), (query.owner, one.owner), (query.blueprint, one.blueprint))
    return all(not asked or asked == (known or UNATTRIBUTED) for asked, known in given)


def _days(one: PowerInterval | FeeInterval, query: CostQuery) -> Iterator[tuple[str, float, float]]:
    """The part of an interval in the window, by day if rows are days."""
    began, ended = max(one.began, query.began), min(one.ended, query.ended)
    if began >= ended:
        return
    if query.group_by in DAILY:
        yield from days_of(began, ended, query.zone)
    else:
        yield "", began, ended
