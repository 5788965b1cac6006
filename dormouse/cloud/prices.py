"""Hourly prices of VMs and of other resources from the Azure Retail Prices API, cached for a day."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.day_cache import DayCache
from dormouse.cloud.price_list import CURRENCY, SOURCE, UNREADABLE, PriceList
from dormouse.errors import CloudUnavailable
from dormouse.resources.billing.billed_as import machine_price_key
from dormouse.resources.billing.meter_rows import meter_price_in
from dormouse.resources.billing.meters import OWN_REGION, Meter
from dormouse.resources.sizes.price_rows import SPOT, Price, price_in
from dormouse.resources.sizes.size_offers import SizePrices, prices_in

log = logging.getLogger(__name__)

# Of one size in one region, and of all sizes in one region: there are about nine thousand.
MOST_PAGES, MOST_PAGES_OF_A_REGION = 20, 60
REGION = re.compile(r"[a-z][a-z0-9]{2,30}", re.ASCII)
# All VM sizes in a dozen regions.
MOST_KNOWN, MOST_REGIONS = 1000, 12
# The products of a dozen regions, each a few hundred rows.
MOST_PRODUCTS = 200
# Prices that this process has kept; beyond, it looks once more whether they are.
MOST_KEPT = 10_000


class Prices:
    """Prices by region and size; each is fetched at most once a day, and after a failure at most once a minute.

    The cloud's `keep_price` gets each price that was used, once.
    """

    def __init__(self, cloud: Cloud) -> None:
        """Use the connections of this cloud, without its credential."""
        self._cloud, self._list = cloud, PriceList(cloud)
        self._machines = DayCache[tuple[str, str], SizePrices](MOST_KNOWN, SOURCE)
        self._regions = DayCache[str, Mapping[str, SizePrices]](MOST_REGIONS, SOURCE)
        self._kept: dict[tuple[str, str], Price] = {}
        self._products = DayCache[tuple[str, str, str], Sequence[Any]](MOST_PRODUCTS, SOURCE)

    async def of_machine(self, region: str, size: str, *, spot: bool = False) -> Price | None:
        """The price of a VM size in a region, or that of Spot VMs; None if it has none. Raises CloudUnavailable."""
        region = region.replace(" ", "").lower()
        if not REGION.fullmatch(region):
            return None
        prices = await self._machines.get((region, size.lower()), lambda: self._of_machine(region, size))
        return prices.spot if spot else prices.on_demand

    async def of_meter(self, meter: Meter, region: str) -> Price | None:
        """The price of a meter for a resource in a region; None if it has none. Raises CloudUnavailable.

        One request fetches all meters of a product, in one region or, for what is listed under none, in all.
        """
        region = region.replace(" ", "").lower()
        if not REGION.fullmatch(region):
            return None
        place = {"armRegionName": region} if meter.region == OWN_REGION else {}
        key = (meter.service, meter.product, place.get("armRegionName", ""))
        rows = await self._products.get(
            key,
            lambda: self._list.rows(most_pages=MOST_PAGES, service=meter.service, productName=meter.product, **place),
        )
        try:
            price = meter_price_in(rows, meter, region, CURRENCY, self._cloud.now())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CloudUnavailable(UNREADABLE) from error
        await self._keep_used(meter.listed_in(region), meter.price_key, price)
        return price

    async def of_region(self, region: str) -> Mapping[str, SizePrices]:
        """The prices of all VM sizes in a region (such as "westeurope") by name in lower case; raises CloudUnavailable."""
        return await self._regions.get(region, lambda: self._of_region(region))

    async def _of_machine(self, region: str, size: str) -> SizePrices:
        rows = await self._list.rows(most_pages=MOST_PAGES, armRegionName=region, armSkuName=size)
        try:
            price = price_in(rows, region, size, CURRENCY, self._cloud.now())
            spot = price_in(rows, region, size, CURRENCY, self._cloud.now(), offer=SPOT)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CloudUnavailable(UNREADABLE) from error
        await self._keep_used(region, machine_price_key(size, spot=False), price)
        await self._keep_used(region, machine_price_key(size, spot=True), spot)
        return SizePrices(price, spot)

    async def _of_region(self, region: str) -> Mapping[str, SizePrices]:
        rows = await self._list.rows(most_pages=MOST_PAGES_OF_A_REGION, armRegionName=region)
        try:
            return prices_in(rows, region, CURRENCY, self._cloud.now())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CloudUnavailable(UNREADABLE) from error

    async def _keep_used(self, region: str, key: str, price: Price | None) -> None:
        """Keep a price for the time when the list no longer shows it; if that fails, the next use of it does."""
        if price is None or self._cloud.keep_price is None or self._kept.get((region, key)) == price:
            return
        try:
            await self._cloud.keep_price(region, key, price, self._cloud.now())
        except CloudUnavailable as error:
            log.warning("The price %s in %s was not kept: %s", key, region, error)
            return
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[region, key] = price
