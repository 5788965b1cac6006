"""Forecasts of the current month: of everything, and of each environment, owner or blueprint."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from dormouse.costs.fees import FeeInterval
from dormouse.costs.forecast import Calendar, Forecast, Running, forecast_of, together
from dormouse.costs.ledger import UNATTRIBUTED
from dormouse.costs.price_book import PriceBook
from dormouse.costs.query import CostQuery, GroupBy
from dormouse.idle.power.history import PowerInterval
from dormouse.idle.schedules.schedule import Schedule, read_schedule
from dormouse.idle.tracking import TrackedMachine
from dormouse.lifecycle import BILLED, State
from dormouse.resources.billing.billed_as import BilledAs, machine_price_key
from dormouse.services.costs.inputs import CostInputs

EVERYTHING = ""
# A machine that is gone costs nothing more; one that is on its way costs as much as one that runs.
FORESEEN = BILLED | {State.STOPPED, State.CREATING}


def forecasts_of(
    inputs: CostInputs,
    query: CostQuery,
    spent: Mapping[str, Decimal],
    calendar: Calendar,
    holidays: frozenset[date],
) -> Mapping[str, Forecast]:
    """The forecasts by key of what rows stand for, with what each has spent so far; that of everything under ""."""
    recent: dict[str, list[PowerInterval]] = defaultdict(list)
    for one in inputs.power:
        if one.ended > calendar.looked_back_to:
            recent[one.machine.lower()].append(one)
    fees: dict[str, Decimal] = defaultdict(Decimal)
    for fee in inputs.open_fees:
        if (key := _key(fee, query)) is not None:
            fees[key] += _fees_per_hour(fee, inputs.book)
    machines: dict[str, list[Running]] = defaultdict(list)
    for identifier, tracked in inputs.current.items():
        billed = tracked.billed
        key = _key(billed, query) if billed and tracked.state in FORESEEN else None
        if billed and key is not None:
            machines[key].append(_running(tracked, billed, recent[identifier], inputs.book, holidays))
    keys = sorted({*spent, *fees, *machines})
    found = {key: forecast_of(spent.get(key, Decimal()), fees[key], machines[key], calendar) for key in keys}
    return {**found, EVERYTHING: together(found.values())}


def _running(
    tracked: TrackedMachine, billed: BilledAs, recent: list[PowerInterval], book: PriceBook, holidays: frozenset[date]
) -> Running:
    per_hour = book.latest(billed.region, machine_price_key(billed.size, spot=billed.spot)) or Decimal()
    ends = tracked.lease.until if tracked.lease else 0.0
    return Running(per_hour * billed.count, recent, _schedule(tracked.schedule, holidays), ends)


def _schedule(text: str, holidays: frozenset[date]) -> Schedule | None:
    try:
        return read_schedule(text, holidays) if text else None
    except ValueError:
        return None  # the sweep reports it, and follows none


def _fees_per_hour(fee: FeeInterval, book: PriceBook) -> Decimal:
    total = Decimal()
    for counted in fee.charges:
        if meter := counted.charge.meter:
            total += (book.latest(meter.listed_in(fee.region), meter.price_key) or Decimal()) * counted.count
    for node in fee.nodes:
        total += (book.latest(fee.region, machine_price_key(node.size, spot=node.spot)) or Decimal()) * node.count
    return total


def _key(one: FeeInterval | BilledAs, query: CostQuery) -> str | None:
    """The key of the row that something belongs to, or None if it is not asked for."""
    keys = {GroupBy.ENVIRONMENT: one.environment, GroupBy.OWNER: one.owner, GroupBy.BLUEPRINT: one.blueprint}
    asked = {GroupBy.ENVIRONMENT: query.environment, GroupBy.OWNER: query.owner, GroupBy.BLUEPRINT: query.blueprint}
    if any(wanted and wanted != (keys[name] or UNATTRIBUTED) for name, wanted in asked.items()):
        return None
    return keys[query.group_by] or UNATTRIBUTED
