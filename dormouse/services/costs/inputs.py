"""What cost reports are computed from: the power history of some months, what runs now, fees, and prices.

The number of queries does not depend on the number of machines: one for each month and each region, and three more.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dormouse.costs.fees import FeeInterval, fees_of
from dormouse.costs.price_book import PriceBook
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import CloudUnavailable, RefusedByAzure
from dormouse.idle.power.history import PowerInterval, last_interval, month_of, next_month
from dormouse.idle.targets import target_ids, target_key
from dormouse.idle.tracking import TrackedMachine
from dormouse.lifecycle import State
from dormouse.resources.billing.billed_as import machine_price_key
from dormouse.resources.billing.meters import Meter
from dormouse.resources.kinds import PriceQuery
from dormouse.resources.sizes.price_rows import Price
from dormouse.services.dependencies import Dependencies

FIRST_KEY, LAST_KEY = "0", "~"
GROUP_PARTS = 2  # of a key: its subscription and its resource group
ASKED_AT_ONCE = 8
OLD_PRICES = "The price list did not answer for {}; the last prices that are known count."
UNREADABLE = "The records of {} machines cannot be read and are not counted."


@dataclass(frozen=True, slots=True)
class CostInputs:
    """Everything that costs follow from; `current` are the machines that are tracked now, by the ID of their intervals.

    `confirmed`: the price list has answered for everything, so that no price in it may be out of date.
    """

    now: float
    power: Sequence[PowerInterval]
    fees: Sequence[FeeInterval]
    open_fees: Sequence[FeeInterval]
    current: Mapping[str, TrackedMachine]
    environments: Mapping[str, EnvironmentRecord]
    book: PriceBook
    problems: tuple[str, ...] = ()
    confirmed: bool = True


async def read_inputs(began: float, ended: float, dependencies: Dependencies) -> CostInputs:
    """Read what is needed for the time from one moment to another, and for what exists now; raises CloudUnavailable."""
    now, machines = dependencies.now(), dependencies.machines
    (known, missed, records), months = await asyncio.gather(
        asyncio.gather(
            machines.tracked_between(FIRST_KEY, LAST_KEY), machines.missed(), dependencies.records.all_environments()
        ),
        asyncio.gather(*(dependencies.power.whole_month(month) for month in _months(began, max(ended, now)))),
    )
    current = {key: stored.tracked for key, stored in known.readable.items() if stored.tracked.billed}
    power = [*(one for intervals, _ in months for one in intervals), *_running(current, missed, now)]
    open_fees = [fees_of(record, now) for record in records]
    fees = [*(one for _, kept in months for one in kept), *open_fees]
    book, old = await _book(power, fees, dependencies)
    problems = [OLD_PRICES.format(", ".join(sorted(old)))] if old else []
    problems += [UNREADABLE.format(len(known.unreadable))] if known.unreadable else []
    by_id = {tracked.id.lower(): tracked for tracked in current.values()}
    environments = {record.name: record for record in records}
    return CostInputs(now, power, fees, open_fees, by_id, environments, book, tuple(problems), not old)


async def inputs_of(
    records: Sequence[EnvironmentRecord], tracked: Mapping[str, TrackedMachine], dependencies: Dependencies
) -> CostInputs:
    """The same for some environments only, for the current month (UTC); `tracked` are their machines, by key.

    The number of queries does not depend on how many there are; raises CloudUnavailable.
    """
    now, power = dependencies.now(), dependencies.power
    environments = {record.name: record for record in records}
    kept, fees, missed = await asyncio.gather(
        _kept(month_of(now), [key for record in records for key in _keys(record)], dependencies),
        power.fees_of_month(month_of(now), min(environments), max(environments)),
        dependencies.machines.missed(),
    )
    current = {key: one for key, one in tracked.items() if one.billed}
    intervals = [*(one for one in kept if one.environment in environments), *_running(current, missed, now)]
    open_fees = [fees_of(record, now) for record in records]
    every_fee = [*(one for one in fees if one.environment in environments), *open_fees]
    book, old = await _book(intervals, every_fee, dependencies)
    by_id = {one.id.lower(): one for one in current.values()}
    return CostInputs(now, intervals, every_fee, open_fees, by_id, environments, book, confirmed=not old)


def _keys(record: EnvironmentRecord) -> list[str]:
    return [target_key(one) for one in target_ids(record.resources)]


async def _kept(month: str, keys: Sequence[str], dependencies: Dependencies) -> list[PowerInterval]:
    """The intervals of a month in the resource groups of these machines, and in those between."""
    if not keys:
        return []
    first, last = (":".join(key.split(":")[:GROUP_PARTS]) for key in (min(keys), max(keys)))
    found = await dependencies.power.of_month(month, f"{first}:", f"{last}:{LAST_KEY}")
    return [one for intervals in found.values() for one in intervals]


def _running(current: Mapping[str, TrackedMachine], missed: Mapping[str, float], now: float) -> list[PowerInterval]:
    """What goes on, as if it ended now; a machine that is gone ended when it was missed."""
    return [
        last_interval(tracked, min(now, missed.get(key, now)))
        for key, tracked in current.items()
        if tracked.state is not State.UNKNOWN
    ]


def _months(began: float, ended: float) -> list[str]:
    found = []
    while began < ended:
        found.append(month_of(began))
        began = next_month(began)
    return found


async def _book(
    power: Sequence[PowerInterval], fees: Sequence[FeeInterval], dependencies: Dependencies
) -> tuple[PriceBook, set[str]]:
    """Today's prices of everything, which are kept as they are read, and all that were kept before.

    Also what has no answer now: by the last price that is known of it.
    """
    needed, old = _needed(power, fees), set[str]()
    today = await _look_up(needed, old, dependencies)
    names = sorted({region for region, _ in needed})
    kept = await asyncio.gather(*(dependencies.price_records.of_region(region) for region in names))
    prices: dict[tuple[str, str], Sequence[Price]] = {place: [price] for place, price in today.items()}
    for region, known in zip(names, kept, strict=True):
        prices |= {(region, key): found for key, found in known.items()}
    return PriceBook(prices), old


def _needed(power: Sequence[PowerInterval], fees: Sequence[FeeInterval]) -> dict[tuple[str, str], Meter | PriceQuery]:
    """What prices are needed, by region and key; the region of a meter that is listed under none is in its key."""
    needed: dict[tuple[str, str], Meter | PriceQuery] = {}
    for interval in power:
        if interval.size and interval.region:
            query = PriceQuery(interval.size, spot=interval.spot)
            needed[interval.region, machine_price_key(interval.size, spot=interval.spot)] = query
    for fee in fees:
        meters = [one.charge.meter for one in fee.charges if one.charge.meter]
        needed |= {(meter.listed_in(fee.region), meter.price_key): meter for meter in meters}
        needed |= {(fee.region, machine_price_key(node.size, spot=node.spot)): node for node in fee.nodes}
    return needed


async def _look_up(
    needed: Mapping[tuple[str, str], Meter | PriceQuery], old: set[str], dependencies: Dependencies
) -> dict[tuple[str, str], Price]:
    """Today's prices, a few at once; each is read once a day. Those that are not answered are added to `old`."""
    found: dict[tuple[str, str], Price] = {}
    waiting = iter(needed.items())

    async def ask() -> None:
        for (region, key), wanted in waiting:
            try:
                price = await _price_of(wanted, region, dependencies)
            except (CloudUnavailable, RefusedByAzure):
                old.add(wanted.name if isinstance(wanted, Meter) else wanted.size)
                continue
            if price is not None:
                found[region, key] = price

    await asyncio.gather(*(ask() for _ in range(ASKED_AT_ONCE)))
    return found


async def _price_of(wanted: Meter | PriceQuery, region: str, dependencies: Dependencies) -> Price | None:
    if isinstance(wanted, Meter):
        return await dependencies.prices.of_meter(wanted, region)
    return await dependencies.prices.of_machine(region, wanted.size, spot=wanted.spot)
