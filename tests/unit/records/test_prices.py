"""Prices that were used: one row for each change, also of what the list changes without saying so."""

import asyncio
from dataclasses import replace
from typing import Any

from dormouse.clock import parse_moment
from dormouse.cloud.clients import Cloud
from dormouse.cloud.prices import Prices
from dormouse.records.prices import PRICES, PriceRecords
from dormouse.resources.billing.meters import ADDRESS, DNS_ZONE
from dormouse.resources.sizes.price_rows import Price
from tests.unit.cloud.test_prices import NOW, ROW, Pages
from tests.unit.twins import SETTINGS, MemoryTables, stopped_clock

FIRST = Price(0.5, "USD", "X", "2026-01-01T00:00:00Z")


def kept(*prices: Price, now: float = NOW) -> tuple[list[tuple[float, str]], int]:
    tables = MemoryTables()
    records = PriceRecords(tables)
    for price in prices:
        asyncio.run(records.keep("polandcentral", "standard_x", price, now))
    found = asyncio.run(records.of_region("polandcentral"))["standard_x"]
    return [(price.per_hour, price.effective_since) for price in found], len(tables.keys(PRICES))


def test_a_price_is_kept_once_until_it_changes() -> None:
    changed = replace(FIRST, per_hour=0.6, effective_since="2026-04-01T00:00:00Z")
    renewed = replace(FIRST, effective_since="2026-03-01T00:00:00Z")
    assert kept(FIRST, FIRST, renewed, changed, changed) == (
        [(0.5, "2026-01-01T00:00:00Z"), (0.6, "2026-04-01T00:00:00Z")],
        2,
    )


def test_a_price_that_changes_under_its_old_date_holds_from_now_on() -> None:
    cheaper = replace(FIRST, per_hour=0.4)
    assert kept(FIRST, cheaper, cheaper) == ([(0.5, "2026-01-01T00:00:00Z"), (0.4, "2026-05-01T00:00:00Z")], 2)
    assert parse_moment("2026-05-01T00:00:00Z") == NOW


def test_prices_of_sizes_spot_vms_and_meters_are_handed_over_once_each() -> None:
    handed: list[tuple[str, str, float]] = []

    async def keep(region: str, key: str, price: Price, _: float) -> None:
        handed.append((region, key, price.per_hour))

    spot = {**ROW, "skuName": "X Spot", "retailPrice": 0.1}
    address = {
        **{name: ROW[name] for name in ("currencyCode", "type", "effectiveStartDate", "armRegionName")},
        "serviceName": ADDRESS.service,
        "productName": ADDRESS.product,
        "skuName": ADDRESS.sku,
        "meterName": ADDRESS.name,
        "unitOfMeasure": "1 Hour",
        "retailPrice": 0.005,
    }
    cloud: Any = Cloud(replace(SETTINGS, retail_prices_url="https://prices.example"), stopped_clock(NOW))
    cloud.transport, cloud.keep_price = Pages(("", [ROW, spot]), ("", [address])), keep
    prices = Prices(cloud)

    async def used() -> None:
        await prices.of_machine("polandcentral", "Standard_X")
        await prices.of_machine("polandcentral", "Standard_X", spot=True)
        for _ in range(2):
            await prices.of_meter(ADDRESS, "polandcentral")

    asyncio.run(used())
    key = "meter virtual-network-ip-addresses-standard-standard-ipv4-static-public-ip"
    expected = [
        ("polandcentral", "standard_x", 0.5),
        ("polandcentral", "spot standard_x", 0.1),
        ("polandcentral", key, 0.005),
    ]
    assert handed == expected
    assert (DNS_ZONE.listed_in("polandcentral"), ADDRESS.listed_in("polandcentral")) == ("none", "polandcentral")
