"""Hourly prices of what an environment uses."""

import asyncio
from collections.abc import Sequence

from dormouse.errors import CloudUnavailable, RefusedByAzure
from dormouse.resources.kinds import PriceQuery
from dormouse.services.dependencies import Dependencies
from dormouse.services.views.money import Money

COVERS = "computing while it is allocated; disks, public addresses, storage and traffic are billed on top"


async def price_of(region: str, billed: Sequence[PriceQuery], dependencies: Dependencies) -> Money | None:
    """The list price per hour of all of these together, or None if one of them is unknown or nothing is billed."""
    try:
        found = await asyncio.gather(
            *(dependencies.prices.of_machine(region, query.size, spot=query.spot) for query in billed)
        )
    except (CloudUnavailable, RefusedByAzure):
        return None  # a price list that does not answer must not hide a machine
    known = [price for price in found if price is not None]
    if len(known) < len(billed) or not known:
        return None
    per_hour = sum(price.per_hour * query.count for price, query in zip(known, billed, strict=True))
    return Money(per_hour, known[0].currency)
