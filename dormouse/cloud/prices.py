"""What machines cost by the hour, from Azure's public price list, remembered for a day.

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
# Every size that there is, in a dozen regions.
MOST_KNOWN = 1000


@dataclass(frozen=True, slots=True)
class Price:
    """What one machine costs by the hour, pay-as-you-go, Linux, before tax and discounts."""

    per_hour: float
    currency: str
    meter: str
    effective_since: str


class Prices:
    """Prices by region and size; each is asked for once a day at most, and in vain once a minute at most."""

    def __init__(self, cloud: Cloud) -> None:
        """Ask over the connections of this cloud; nothing of our identity goes along."""
        self._cloud = cloud
        self._known = OrderedDict[tuple[str, str], tuple[float, Price | None]]()
        # A lock is there for as long as somebody waits for it.
        self._asking = WeakValueDictionary[tuple[str, str], asyncio.Lock]()
        self._in_vain_until = 0.0

    async def of_machine(self, region: str, size: str) -> Price | None:
        """The price of a size in a region, or None when the list has none; raises CloudUnavailable."""
        region = region.replace(" ", "").lower()
        if not REGION.fullmatch(region):
            return None
        key = (region, size.lower())
        asking = self._asking.setdefault(key, asyncio.Lock())
        async with asking:  # who asks for the same at the same time gets the same answer
            return await self._known_or_asked(key, region, size)

    async def _known_or_asked(self, key: tuple[str, str], region: str, size: str) -> Price | None:
        now = time.monotonic()
        good_until, price = self._known.get(key, (-DAY, None))
        if now < good_until:
            self._known.move_to_end(key)
            return price
        if now < self._in_vain_until:
            raise CloudUnavailable("The price list could not be reached a moment ago.")
        try:
            price = await self._ask(region, size)
        except CloudUnavailable:
            self._in_vain_until = now + MINUTE
            raise
        self._known[key] = (now + DAY, price)
        self._known.move_to_end(key)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return price

    async def _ask(self, region: str, size: str) -> Price | None:
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
            raise CloudUnavailable("The price list cannot be reached right now.") from error
        if response.status_code != 200:
            raise CloudUnavailable(f"The price list cannot be read right now (HTTP {response.status_code}).")
        try:
            return _cheapest(response.json())
        except (ValueError, KeyError, TypeError) as error:
            raise CloudUnavailable("The price list says what nobody can read.") from error


def _cheapest(answer: dict[str, list[dict[str, object]]]) -> Price | None:
    prices = [
        Price(float(str(item["retailPrice"])), CURRENCY, str(item["meterName"]), str(item["effectiveStartDate"]))
        for item in answer.get("Items", [])
        if not any(word in f"{item['productName']} {item['skuName']}" for word in ("Windows", "Spot", "Low Priority"))
    ]
    return min(prices, key=lambda price: price.per_hour, default=None)
