"""Cached prices: only for valid regions, up to a limit, and requested once for concurrent callers."""

import asyncio
import gc
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_plus

import pytest
from azure.core.pipeline.transport import AioHttpTransport

from dormouse.clock import parse_moment
from dormouse.cloud.clients import Cloud
from dormouse.cloud.prices import MOST_KNOWN, MOST_PAGES, Prices
from dormouse.errors import CloudUnavailable
from dormouse.resources.billing.meters import PRIVATE_ENDPOINT, disk_meter
from dormouse.resources.sizes.price_rows import Price
from tests.unit.twins import SETTINGS, HttpAnswer, stopped_clock


class PriceList(AioHttpTransport):  # type: ignore[misc] # it has no types
    """A price list that counts the requests and has no prices."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def send(self, request: Any, **limits: Any) -> Any:
        self.asked.append(request.url)
        await asyncio.sleep(0)
        return HttpAnswer(200, {"Items": []})


def prices() -> tuple[Prices, PriceList]:
    listed, cloud = PriceList(), Cloud(replace(SETTINGS, retail_prices_url="https://prices.example"), stopped_clock(0.0))
    cloud.transport = listed
    return Prices(cloud), listed


def locks() -> int:
    """How many locks exist: one for every price that is being requested."""
    gc.collect()
    return sum(isinstance(one, asyncio.Lock) for one in gc.get_objects())


def test_prices_are_not_requested_for_invalid_regions() -> None:
    known, listed = prices()

    async def ask() -> None:
        for region in ("", "x", "a b' or 1 eq 1", "../x", "r" * 40, "région", "1east"):
            assert await known.of_machine(region, "Standard_D2s_v5") is None

    asyncio.run(ask())
    assert listed.asked == []


def test_a_price_is_requested_once_per_region_whatever_its_spelling() -> None:
    known, listed = prices()
    before = locks()

    async def ask() -> None:
        written = ("polandcentral", "Poland Central", "POLANDCENTRAL")
        await asyncio.gather(
            *(known.of_machine(region, size) for region in written for size in ("Standard_X", "standard_x"))
        )

    asyncio.run(ask())
    assert len(listed.asked) == 1
    assert locks() == before


def test_the_least_recently_used_price_is_evicted_first() -> None:
    known, listed = prices()

    async def ask() -> None:
        for number in range(MOST_KNOWN + 50):
            await known.of_machine(f"region{number}", "Standard_X")
            await known.of_machine("polandcentral", "Standard_X")
        assert len(listed.asked) == MOST_KNOWN + 51, "what is asked for all the time is kept"
        await known.of_machine("region0", "Standard_X")
        assert len(listed.asked) == MOST_KNOWN + 52

    asyncio.run(ask())


class Pages(AioHttpTransport):  # type: ignore[misc] # it has no types
    """A price list with these pages: URL of the next one, and rows."""

    def __init__(self, *pages: tuple[str, list[dict[str, Any]]]) -> None:
        self.asked: list[str] = []
        self._pages = list(pages)

    async def send(self, request: Any, **limits: Any) -> Any:
        self.asked.append(request.url)
        following, rows = self._pages.pop(0)
        return HttpAnswer(200, {"Items": rows, "NextPageLink": following or None})


ROW = {
    "currencyCode": "USD",
    "tierMinimumUnits": 0.0,
    "retailPrice": 0.5,
    "armRegionName": "polandcentral",
    "armSkuName": "Standard_X",
    "meterName": "X",
    "skuName": "X",
    "productName": "Virtual Machines X Series",
    "unitOfMeasure": "1 Hour",
    "type": "Consumption",
    "effectiveStartDate": "2026-01-01T00:00:00Z",
}
NOW = parse_moment("2026-05-01T00:00:00Z")


def asked(*pages: tuple[str, list[dict[str, Any]]], keep: Any = None) -> tuple[Price | None, list[str]]:
    """The price according to these pages, and the URLs that were requested."""
    listed = Pages(*pages)
    cloud = Cloud(replace(SETTINGS, retail_prices_url="https://prices.example"), stopped_clock(NOW))
    cloud.transport, cloud.keep_price = listed, keep
    return asyncio.run(Prices(cloud).of_machine("polandcentral", "Standard_X")), listed.asked


def test_the_price_of_spot_vms_is_another_row_of_the_same_answer() -> None:
    spot = {**ROW, "skuName": "X Spot", "retailPrice": 0.1}
    listed = Pages(("", [ROW, spot]))
    cloud = Cloud(replace(SETTINGS, retail_prices_url="https://prices.example"), stopped_clock(NOW))
    cloud.transport = listed
    known = Prices(cloud)

    async def both() -> list[Price | None]:
        return [await known.of_machine("polandcentral", "Standard_X", spot=spot) for spot in (False, True)]

    assert [price and price.per_hour for price in asyncio.run(both())] == [0.5, 0.1]
    assert len(listed.asked) == 1


def test_every_page_of_prices_is_followed() -> None:
    spot = {**ROW, "skuName": "X Spot", "retailPrice": 0.1}
    found, urls = asked(("https://prices.example/next?$skip=1", [spot]), ("", [ROW]))
    assert (found and found.per_hour, urls[1]) == (0.5, "https://prices.example/next?$skip=1")


def test_a_next_page_on_another_host_is_not_requested() -> None:
    for elsewhere in ("https://evil.example/next", "http://prices.example/next", "/relative"):
        with pytest.raises(CloudUnavailable, match="another host"):
            asked((elsewhere, [ROW]), ("", [ROW]))


def test_a_price_list_without_end_is_given_up() -> None:
    with pytest.raises(CloudUnavailable, match="more than 20 pages"):
        asked(*[("https://prices.example/next", [ROW])] * (MOST_PAGES + 1))


def test_a_price_that_is_used_is_kept_with_its_dates() -> None:
    kept: list[tuple[Any, ...]] = []

    async def keep(*price: Any) -> None:
        kept.append(price)

    found, _ = asked(("", [ROW]), keep=keep)
    assert kept == [("polandcentral", "standard_x", found, NOW)]
    assert asked(("", []), keep=keep)[0] is None
    assert len(kept) == 1


def test_a_price_that_cannot_be_kept_is_used_all_the_same() -> None:
    async def keep(*price: Any) -> None:
        raise CloudUnavailable("no tables")

    found, _ = asked(("", [ROW]), keep=keep)
    assert found is not None


def test_all_meters_of_a_product_are_fetched_by_one_request_and_what_is_in_no_region_without_one() -> None:
    known, listed = prices()

    async def ask() -> None:
        for region in ("westeurope", "West Europe", "eastus"):
            for meter in (disk_meter("Premium_LRS", 64), disk_meter("Premium_LRS", 128), PRIVATE_ENDPOINT):
                assert meter is not None
                assert await known.of_meter(meter, region) is None
        assert await known.of_meter(PRIVATE_ENDPOINT, "a' or 1 eq 1") is None

    asyncio.run(ask())
    asked = [unquote_plus(url) for url in listed.asked]
    assert len(asked) == 3
    assert "serviceName eq 'Storage'" in asked[0]
    assert "productName eq 'Premium SSD Managed Disks' and armRegionName eq 'westeurope'" in asked[0]
    assert "armRegionName" not in asked[1]
    assert "productName eq 'Virtual Network Private Link'" in asked[1]


def test_rows_of_another_form_are_an_error_and_no_price() -> None:
    cloud = Cloud(replace(SETTINGS, retail_prices_url="https://prices.example"), stopped_clock(NOW))
    cloud.transport = Pages(("", [{"serviceName": "Virtual Network"}]))
    with pytest.raises(CloudUnavailable):
        asyncio.run(Prices(cloud).of_meter(PRIVATE_ENDPOINT, "westeurope"))
