"""The check of what an environment would cost."""

import asyncio
from collections.abc import Sequence

from dormouse.cloud.clients import Cloud
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.errors import CloudUnavailable, RefusedByAzure
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.registry import kind_of
from dormouse.resources.sizes.price_rows import HOURS_A_MONTH, Price

UNKNOWN = "Retry later, or leave `max_hourly_cost` out of the spec."


async def cost_is_allowed(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The refusal of a plan whose computing costs more than the plan allows, or whose price is unknown.

    A limit of costs excludes a price that is not known.
    """
    if not plan.max_hourly_cost:
        return []
    billed = [query for resource in plan.resources if (query := kind_of(resource).billing(resource, None))]
    step = next((resource.name for resource in absent if kind_of(resource).billing(resource, None)), "")
    sizes = list(dict.fromkeys(query.size for query in billed))
    prices = dict(zip(sizes, await asyncio.gather(*(_price(plan.region, size, cloud) for size in sizes)), strict=True))
    missing = [size for size, price in prices.items() if price is None]
    if missing:
        detail = (
            f"The price of {missing[0]} in {plan.region} is unknown, so it cannot be compared with max_hourly_cost "
            f"({plan.max_hourly_cost:g} per hour)."
        )
        return [Refusal(RefusalReason.TOO_EXPENSIVE, detail, step=step, advice=UNKNOWN)]
    cost = sum(price.per_hour * query.count for query in billed if (price := prices[query.size]))
    if cost <= plan.max_hourly_cost:
        return []
    currency = next((price.currency for price in prices.values() if price), "")
    monthly = f"{cost * HOURS_A_MONTH:,.2f} per month of {HOURS_A_MONTH} hours"
    detail = f"It costs {cost:g} {currency} per hour ({monthly}), and max_hourly_cost is {plan.max_hourly_cost:g}."
    return [Refusal(RefusalReason.TOO_EXPENSIVE, detail, step=step)]


async def _price(region: str, size: str, cloud: Cloud) -> Price | None:
    try:
        return await cloud.prices.of_machine(region, size)
    except (CloudUnavailable, RefusedByAzure):
        return None
