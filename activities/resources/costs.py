"""The check of what an environment would cost."""

import asyncio
from collections.abc import Sequence

from dormouse.cloud.clients import Cloud
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.errors import CloudUnavailable, RefusedByAzure
from dormouse.resources.billing.meters import Charge
from dormouse.resources.compute.spot import NO_LIMIT, is_spot, max_price_in
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.registry import kind_of, with_implied
from dormouse.resources.sizes.price_rows import HOURS_A_MONTH, Price

RAISE = "Raise `max_price`, or leave it out to pay up to the pay-as-you-go price."
UNKNOWN = "Retry later, or leave `max_hourly_cost` out of the spec."


async def cost_is_allowed(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The refusal of a plan that costs more per hour than it allows while it runs, or of which a price is unknown.

    A limit of costs excludes a price that is not known.
    """
    if not plan.max_hourly_cost:
        return []
    billed = [query for resource in plan.resources if (query := kind_of(resource).billing(resource, None))]
    step = next((one.name for one in absent if kind_of(one).billing(one, None) or kind_of(one).charges), "")
    offers = list(dict.fromkeys((query.size, query.spot) for query in billed))
    found = await asyncio.gather(*(_price(plan.region, size, cloud, spot=spot) for size, spot in offers))
    prices = dict(zip(offers, found, strict=True))
    fees, unknown = await _fees(plan, cloud)
    missing = [f"{size} as a Spot VM" if spot else size for (size, spot), price in prices.items() if price is None]
    missing += unknown
    if missing:
        detail = (
            f"The price of {missing[0]} in {plan.region} is unknown, so it cannot be compared with max_hourly_cost "
            f"({plan.max_hourly_cost:g} per hour)."
        )
        return [Refusal(RefusalReason.TOO_EXPENSIVE, detail, step=step, advice=UNKNOWN)]
    cost = sum(price.per_hour * query.count for query in billed if (price := prices[query.size, query.spot]))
    cost += sum(fee.per_hour for fee in fees)
    if cost <= plan.max_hourly_cost:
        return []
    currency = next((price.currency for price in (*prices.values(), *fees) if price), "")
    monthly = f"{cost * HOURS_A_MONTH:,.2f} per month of {HOURS_A_MONTH} hours"
    detail = f"It costs {round(cost, 4):g} {currency} per hour ({monthly}), and max_hourly_cost is {plan.max_hourly_cost:g}."
    return [Refusal(RefusalReason.TOO_EXPENSIVE, detail, step=step)]


async def max_price_suffices(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The refusals of Spot VMs that Azure does not start, because their size costs more than their maximum price now.

    An unknown price refuses nothing. https://learn.microsoft.com/azure/virtual-machines/spot-vms
    """
    refusals = []
    for one in absent:
        size, limit = one.settings.get("size", ""), max_price_in(one)
        if not is_spot(one) or limit == NO_LIMIT:
            continue
        price = await _price(plan.region, size, cloud, spot=True)
        if price is not None and price.per_hour > limit:
            costs = f"{price.per_hour:g} {price.currency} per hour in {plan.region}"
            detail = f"{size} as a Spot VM costs {costs}, and max_price is {limit:g}."
            refusals.append(Refusal(RefusalReason.TOO_EXPENSIVE, detail, step=one.name, advice=RAISE))
    return refusals


async def _fees(plan: Plan, cloud: Cloud) -> tuple[list[Price], list[str]]:
    """The prices of what is billed as long as it exists, and what has no known price."""
    charges = [
        charge for one in with_implied(plan) if (charges := kind_of(one).charges) is not None for charge in charges(one)
    ]
    found = await asyncio.gather(*(_fee(charge, plan.region, cloud) for charge in charges))
    unknown = [charge.label for charge, price in zip(charges, found, strict=True) if price is None]
    return [price for price in found if price is not None], unknown


async def _fee(charge: Charge, region: str, cloud: Cloud) -> Price | None:
    try:
        return await cloud.prices.of_meter(charge.meter, region) if charge.meter else None
    except (CloudUnavailable, RefusedByAzure):
        return None


async def _price(region: str, size: str, cloud: Cloud, *, spot: bool) -> Price | None:
    try:
        return await cloud.prices.of_machine(region, size, spot=spot)
    except (CloudUnavailable, RefusedByAzure):
        return None
