"""The sizes of a region: what Azure lists, with prices and quotas where these can be read."""

import asyncio
from typing import Any

import pytest

from dormouse.cloud.sdk_errors import ReadRefused
from dormouse.cloud.sizes import RegionSizes, Sizes
from dormouse.errors import CloudUnavailable
from dormouse.resources.sizes.price_rows import Price
from dormouse.resources.sizes.size_offers import SizePrices
from tests.unit.azure import Azure, cloud_over
from tests.unit.builders import SUBSCRIPTION

REGION = "polandcentral"
COMPUTE = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute"
SKUS, USAGES = f"{COMPUTE}/skus", f"{COMPUTE}/locations/{REGION}/usages"
SKU = {
    "resourceType": "virtualMachines",
    "name": "Standard_NV6ads_A10_v5",
    "family": "StandardNVADSA10v5Family",
    "capabilities": [{"name": "vCPUs", "value": "6"}],
}
USAGE = {"name": {"value": "cores"}, "limit": 20, "currentValue": 4}
SHOWN: dict[str, Any] = {SKUS: {"value": [SKU]}, USAGES: {"value": [USAGE]}}
DENIED: tuple[int, Any, dict[str, str]] = (403, {"error": {"code": "AuthorizationFailed", "message": "not allowed"}}, {})
PRICE = Price(0.59, "USD", "", "")


class RegionPrices:
    """The prices of the region, or a price list that does not answer."""

    def __init__(self, known: dict[str, SizePrices] | None) -> None:
        self._known = known

    async def of_region(self, region: str) -> dict[str, SizePrices]:
        assert region == REGION
        if self._known is None:
            raise CloudUnavailable("no answer")
        return self._known


def sizes_of(azure: Azure, prices: dict[str, SizePrices] | None, times: int = 1) -> RegionSizes:
    cloud = cloud_over(azure)
    cloud.__dict__["prices"] = RegionPrices(prices)

    async def ask() -> RegionSizes:
        sizes = Sizes(cloud)
        return [await sizes.in_region(REGION) for _ in range(times)][-1]

    return asyncio.run(ask())


def test_a_size_has_its_price_and_the_quota_that_is_left() -> None:
    azure = Azure(SHOWN)
    found = sizes_of(azure, {"standard_nv6ads_a10_v5": SizePrices(PRICE)}, times=2)
    (offer,) = found.offers
    assert (offer.prices.on_demand, offer.quota_left, offer.problem, found.problems) == (PRICE, 16, "", ())
    assert azure.asked.count(f"GET {SKUS}") == 1, "sizes are read once a day"
    assert azure.asked.count(f"GET {USAGES}") == 2, "quotas are read each time"


def test_without_prices_or_quotas_the_sizes_are_still_listed_and_the_gaps_are_named() -> None:
    found = sizes_of(Azure({SKUS: SHOWN[SKUS]}, {f"GET {USAGES}": DENIED}), None)
    (offer,) = found.offers
    assert (offer.prices, offer.quota_left, offer.problem) == (SizePrices(), None, "")
    assert [problem.partition(":")[0] for problem in found.problems] == ["Prices are not known", "Quotas are not known"]
    assert "not allowed" in found.problems[1]


def test_without_the_sizes_there_is_no_answer() -> None:
    with pytest.raises(ReadRefused):
        sizes_of(Azure({}, {f"GET {SKUS}": DENIED}), {})
