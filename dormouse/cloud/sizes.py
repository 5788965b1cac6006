"""The VM sizes that a subscription can use in a region, with their prices and the quota that is left."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.day_cache import DayCache
from dormouse.cloud.sdk_errors import ReadRefused, list_all
from dormouse.errors import CloudUnavailable
from dormouse.resources.sizes.size_offers import SizeOffer, SizePrices, offers_of
from dormouse.resources.sizes.sku_rows import SkuRow, sku_rows

MOST_REGIONS = 12


@dataclass(frozen=True, slots=True)
class RegionSizes:
    """The sizes of a region, cheapest first, and what could not be read about them."""

    offers: Sequence[SizeOffer]
    problems: tuple[str, ...]


class Sizes:
    """The sizes by region: what they can do is read once a day, quotas each time."""

    def __init__(self, cloud: Cloud) -> None:
        """Query through these clients."""
        self._cloud = cloud
        self._skus = DayCache[str, Sequence[SkuRow]](MOST_REGIONS, "Azure's list of VM sizes")

    async def in_region(self, region: str) -> RegionSizes:
        """The sizes in a region (such as "westeurope"); without prices or quotas if these cannot be read.

        Raises CloudUnavailable or ReadRefused if the sizes themselves cannot be read.
        """
        skus, (prices, no_prices), (left, no_quotas) = await asyncio.gather(
            self._skus.get(region, lambda: self._read(region)), self._prices(region), self._left(region)
        )
        return RegionSizes(offers_of(skus, prices, left), tuple(filter(None, (no_prices, no_quotas))))

    async def _read(self, region: str) -> Sequence[SkuRow]:
        return sku_rows(await list_all(self._cloud.compute.resource_skus.list(filter=f"location eq '{region}'")), region)

    async def _prices(self, region: str) -> tuple[Mapping[str, SizePrices], str]:
        try:
            return await self._cloud.prices.of_region(region), ""
        except CloudUnavailable as error:
            return {}, f"Prices are not known: {error}"

    async def _left(self, region: str) -> tuple[Mapping[str, int] | None, str]:
        """The vCPUs that each quota still allows, by its name in lower case."""
        try:
            usages: Sequence[Any] = await list_all(self._cloud.compute.usage.list(region))
        except (CloudUnavailable, ReadRefused) as error:
            return None, f"Quotas are not known: {error}"
        return {str(each["name"]["value"]).lower(): int(each["limit"]) - int(each["currentValue"]) for each in usages}, ""
