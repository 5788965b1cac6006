"""What an environment costs per hour: while it runs, and while it sleeps."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from dormouse.errors import CloudUnavailable, RefusedByAzure
from dormouse.resources.billing.recorded import Billed, billed_in
from dormouse.resources.kinds import PriceQuery
from dormouse.resources.plan import Plan
from dormouse.resources.registry import with_implied
from dormouse.resources.sizes.price_rows import Price
from dormouse.services.dependencies import Dependencies
from dormouse.services.views.money import Money

DECIMALS = 6


@dataclass(frozen=True, slots=True)
class HourlyPrice:
    """The list price per hour while an environment runs, and while it sleeps; None if nothing of it is known.

    `unpriced` names what has no known price: then the sums are lower bounds.
    """

    running: Money | None = None
    asleep: Money | None = None
    unpriced: tuple[str, ...] = ()


def billed_in_plan(plan: Plan) -> Billed:
    """What a plan will be billed for, with what Azure creates along with its resources."""
    return billed_in(with_implied(plan))


async def price_of(region: str, billed: Billed, dependencies: Dependencies) -> HourlyPrice:
    """The list price of all of this per hour; absence of a price is not zero, but named."""
    metered = [charge for charge in billed.charges if charge.meter]
    found = await asyncio.gather(
        *(_or_none(dependencies.prices.of_machine(region, one.size, spot=one.spot)) for one in billed.machines),
        *(_or_none(dependencies.prices.of_meter(one.meter, region)) for one in metered if one.meter),
    )
    machines, charges = found[: len(billed.machines)], found[len(billed.machines) :]
    computing = [price.per_hour * one.count for one, price in zip(billed.machines, machines, strict=True) if price]
    fees = [price.per_hour for price in charges if price]
    unknown = [_machine_text(one) for one, price in zip(billed.machines, machines, strict=True) if price is None]
    unknown += [one.label for one, price in zip(metered, charges, strict=True) if price is None]
    unknown += [one.label for one in billed.charges if one.meter is None]
    currency = next((price.currency for price in found if price), "")
    if not currency:
        return HourlyPrice(unpriced=tuple(dict.fromkeys(unknown)))
    asleep = Money(round(sum(fees), DECIMALS), currency) if fees or not billed.charges else None
    return HourlyPrice(Money(round(sum([*computing, *fees]), DECIMALS), currency), asleep, tuple(dict.fromkeys(unknown)))


async def machine_price_of(region: str, billed: Sequence[PriceQuery], dependencies: Dependencies) -> Money | None:
    """The list price of machines per hour, or None if one of them is unknown or nothing is billed."""
    price = await price_of(region, Billed(tuple(billed)), dependencies)
    return None if price.unpriced else price.running


def _machine_text(query: PriceQuery) -> str:
    return f"{query.size} as a Spot VM" if query.spot else query.size


async def _or_none(asked: Awaitable[Price | None]) -> Price | None:
    try:
        return await asked
    except (CloudUnavailable, RefusedByAzure):
        return None  # a price list that does not answer must not hide an environment
