"""Hourly VM prices from the Azure Retail Prices API, cached for a day.

https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

import asyncio
import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from weakref import WeakValueDictionary

from dormouse.clock import DAY, MINUTE
from dormouse.cloud.clients import Cloud
from dormouse.errors import CloudUnavailable

CURRENCY = "USD"
REGION = re.compile(r"[a-z][a-z0-9]{2,30}", re.ASCII)
# All VM sizes in a dozen regions.
MOST_KNOWN = 1000


@dataclass(frozen=True, slots=True)
class Price:
    """The hourly pay-as-you-go price of a Linux VM, before tax and discounts."""

    per_hour: float
    currency: str
    meter: str
    effective_since: str


class Prices:
    """Prices by region and size; each is fetched at most once a day, and after a failure at most once a minute."""

    def __init__(self, cloud: Cloud) -> None:
        """Use the connections of this cloud, without its credential."""
        self._cloud = cloud
        self._known = OrderedDict[tuple[str, str], tuple[float, Price | None]]()
        # A lock exists as long as a request waits for it.
        self._locks = WeakValueDictionary[tuple[str, str], asyncio.Lock]()
        self._failed_until = 0.0

    async def of_machine(self, region: str, size: str) -> Price | None:
        """The price of a VM size in a region, or None if it has none; raises CloudUnavailable."""
        region = region.replace(" ", "").lower()
        if not REGION.fullmatch(region):
            return None
        key = (region, size.lower())
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:  # concurrent requests for the same price share one call
            return await self._cached_or_fetched(key, region, size)

    async def _cached_or_fetched(self, key: tuple[str, str], region: str, size: str) -> Price | None:
        now = time.monotonic()
        good_until, price = self._known.get(key, (-DAY, None))
        if now < good_until:
            self._known.move_to_end(key)
            return price
        if now < self._failed_until:
            raise CloudUnavailable("The Azure Retail Prices API did not answer within the last minute; retry later.")
        try:
            price = await self._fetch(region, size)
        except CloudUnavailable:
            self._failed_until = now + MINUTE
            raise
        self._known[key] = (now + DAY, price)
        self._known.move_to_end(key)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return price

    async def _fetch(self, region: str, size: str) -> Price | None:
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest

        wanted = (
            f"serviceName eq 'Virtual Machines' and armRegionName eq '{region}' and armSkuName eq '{size}'"
            " and priceType eq 'Consumption'"
        )
        request = HttpRequest(
            "GET",
            f"{self._cloud.settings.retail_prices_url}/api/retail/prices",
            params={"api-version": "2023-01-01-preview", "currencyCode": CURRENCY, "$filter": wanted},
        )
        try:
            response = await self._cloud.transport.send(request, connection_timeout=5, read_timeout=10)
        except AzureError as error:
            raise CloudUnavailable("The Azure Retail Prices API did not answer; retry later.") from error
        if response.status_code != 200:
            raise CloudUnavailable(f"The Azure Retail Prices API answered HTTP {response.status_code}; retry later.")
        try:
            return _cheapest(response.json())
        except (ValueError, KeyError, TypeError) as error:
            raise CloudUnavailable(
                "The Azure Retail Prices API returned a response that cannot be parsed; retry later."
            ) from error


def _cheapest(answer: dict[str, list[dict[str, object]]]) -> Price | None:
    prices = [
        Price(float(str(item["retailPrice"])), CURRENCY, str(item["meterName"]), str(item["effectiveStartDate"]))
        for item in answer.get("Items", [])
        if not any(word in f"{item['productName']} {item['skuName']}" for word in ("Windows", "Spot", "Low Priority"))
    ]
    return min(prices, key=lambda price: price.per_hour, default=None)
