"""VM sizes by price: their GPU, zones, restrictions, and the quota that is left."""

from typing import Any

import pytest

from dormouse.clock import parse_moment
from dormouse.resources.sizes.price_rows import Price
from dormouse.resources.sizes.size_offers import (
    SizeOffer,
    SizePrices,
    has_gpu_like,
    offers_of,
    prices_in,
)
from dormouse.resources.sizes.sku_rows import SkuRow, sku_rows
from dormouse.resources.sizes.vm_sizes import gpu_of

REGION = "westeurope"
NOW = parse_moment("2026-05-01T12:00:00Z")
ROW: dict[str, Any] = {
    "currencyCode": "USD",
    "tierMinimumUnits": 0.0,
    "retailPrice": 3.7,
    "armRegionName": REGION,
    "armSkuName": "Standard_NC24ads_A100_v4",
    "meterName": "NC24ads A100 v4",
    "skuName": "NC24ads A100 v4",
    "productName": "Virtual Machines NCads A100 v4 Series",
    "unitOfMeasure": "1 Hour",
    "type": "Consumption",
    "isPrimaryMeterRegion": True,
    "effectiveStartDate": "2026-01-01T00:00:00Z",
}


def sku(name: str, *restrictions: dict[str, Any], **can: object) -> dict[str, Any]:
    known = {"vCPUs": 24, "MemoryGB": 220, "GPUs": 1, **can}
    return {
        "resourceType": "virtualMachines",
        "name": name,
        "family": "StandardNCADSA100v4Family",
        "locationInfo": [{"location": "WestEurope", "zones": ["1", "2", "3"]}, {"location": "westus", "zones": ["9"]}],
        "capabilities": [{"name": key, "value": str(value)} for key, value in known.items()],
        "restrictions": list(restrictions),
    }


def row(name: str = "Standard_NC24ads_A100_v4", *restrictions: dict[str, Any], **can: object) -> SkuRow:
    return sku_rows([sku(name, *restrictions, **can)], REGION)[0]


def priced(per_hour: float | None) -> SizePrices:
    return SizePrices(Price(per_hour, "USD", "", "") if per_hour is not None else None)


def test_a_row_says_zones_capabilities_and_restrictions() -> None:
    shut = {
        "type": "Zone",
        "restrictionInfo": {"locations": [REGION], "zones": ["2"]},
        "reasonCode": "NotAvailableForSubscription",
    }
    one = row("Standard_NC24ads_A100_v4", shut)
    assert (one.vcpus, one.memory_gib, one.gpus, one.zones, one.restriction) == (24, 220.0, 1, ("1", "3"), "")
    closed = {"type": "Location", "values": [REGION], "reasonCode": "QuotaId"}
    assert row("Standard_NC24ads_A100_v4", shut, closed).restriction == "QuotaId"
    assert row("Standard_NC24ads_A100_v4", {"type": "Location"}).restriction == "Location", "never an empty reason"
    assert sku_rows([{**sku("P30"), "resourceType": "disks"}], REGION) == []


def test_a_sparse_row_is_read() -> None:
    (one,) = sku_rows([{"resourceType": "virtualMachines", "name": "Standard_X"}], REGION)
    assert (one.vcpus, one.memory_gib, one.gpus, one.zones, one.family) == (0, 0.0, 0, (), "")


def test_prices_are_those_on_demand_and_those_of_spot_by_size() -> None:
    spot = {**ROW, "skuName": "NC24ads A100 v4 Spot", "retailPrice": 0.9}
    low = {**ROW, "skuName": "NC24ads A100 v4 Low Priority", "retailPrice": 0.1}
    windows = {**ROW, "productName": "Virtual Machines NCads A100 v4 Series Windows", "retailPrice": 0.01}
    other = {**spot, "armSkuName": "Standard_NC48ads_A100_v4", "skuName": "NC48ads A100 v4 Spot", "retailPrice": 1.8}
    elsewhere = {**ROW, "armRegionName": "westus", "retailPrice": 0.001}
    found = prices_in([windows, low, other, elsewhere, spot, ROW], REGION, "USD", NOW)
    assert set(found) == {"standard_nc24ads_a100_v4", "standard_nc48ads_a100_v4"}
    one, two = found["standard_nc24ads_a100_v4"], found["standard_nc48ads_a100_v4"]
    assert (one.on_demand and one.on_demand.per_hour, one.spot and one.spot.per_hour) == (3.7, 0.9)
    assert (two.on_demand, two.spot and two.spot.per_hour) == (None, 1.8)


def test_the_cheapest_size_is_first_and_one_without_a_price_last() -> None:
    skus = [row("Standard_B"), row("Standard_Dear"), row("Standard_A"), row("Standard_Cheap")]
    prices = {"standard_dear": priced(9.0), "standard_cheap": priced(0.1)}
    assert [offer.sku.name for offer in offers_of(skus, prices, {})] == [
        "Standard_Cheap",
        "Standard_Dear",
        "Standard_A",
        "Standard_B",
    ]


@pytest.mark.parametrize(
    ("left", "quota", "problem"),
    [
        (None, None, ""),
        ({}, None, ""),
        ({"cores": 100}, 100, ""),
        ({"cores": 100, "standardncadsa100v4family": 24}, 24, ""),
        ({"cores": 100, "standardncadsa100v4family": 23}, 23, "The quota allows 23 more vCPUs; it needs 24."),
        ({"cores": 10, "standardncadsa100v4family": 48}, 10, "The quota allows 10 more vCPUs; it needs 24."),
        ({"cores": -6}, 0, "The quota allows 0 more vCPUs; it needs 24."),
    ],
)
def test_the_smaller_quota_decides_and_an_unknown_one_is_no_problem(
    left: dict[str, int] | None, quota: int | None, problem: str
) -> None:
    (offer,) = offers_of([row()], {}, left)
    assert (offer.quota_left, offer.problem) == (quota, problem)


def test_a_restriction_is_told_before_the_quota_and_a_retirement_after_it() -> None:
    closed = {"type": "Location", "reasonCode": "NotAvailableForSubscription"}
    (offer,) = offers_of([row("Standard_NC6s_v3", closed)], {}, {"cores": 0})
    assert offer.problem == "This subscription cannot use it in this region (NotAvailableForSubscription)."
    (offer,) = offers_of([row("Standard_NC6s_v3")], {}, {"cores": 100})
    assert offer.problem.startswith("NCv2 and NCv3 are retired")


@pytest.mark.parametrize(
    ("size", "model"),
    [
        ("Standard_NV6ads_A10_v5", "NVIDIA A10"),
        ("standard_nc4as_t4_v3", "NVIDIA T4"),
        ("Standard_NV4ads_V710_v5", "AMD V710"),
        ("Standard_ND96is_MI300X_v5", "AMD MI300X"),
        ("Standard_NC144lds_xl_RTXPRO6000BSE_v6", "NVIDIA RTXPRO6000BSE"),
        ("Standard_NC6", ""),
        ("Standard_ND40rs_v2", ""),
        ("Standard_M64_32_v3", ""),
        ("Standard_D4s_v5", ""),
    ],
)
def test_the_gpu_is_in_the_name_of_newer_sizes(size: str, model: str) -> None:
    assert gpu_of(size) == model


@pytest.mark.parametrize(
    ("asked", "size", "gpus", "meets"),
    [
        ("", "Standard_D4s_v5", 0, True),
        ("any", "Standard_D4s_v5", 0, False),
        ("ANY", "Standard_NC6s_v3", 1, True),
        ("any", "Standard_ND96is_MI300X_v5", 0, True),
        ("none", "Standard_D4s_v5", 0, True),
        ("none", "Standard_NV6ads_A10_v5", 1, False),
        ("a10", "Standard_NV6ads_A10_v5", 1, True),
        ("NVIDIA A10", "Standard_NV6ads_A10_v5", 1, True),
        ("a10", "Standard_NC24ads_A100_v4", 1, False),
        ("a1", "Standard_NV6ads_A10_v5", 1, False),
        ("MI300X", "Standard_ND96is_MI300X_v5", 0, True),
        (".*", "Standard_NV6ads_A10_v5", 1, False),
    ],
)
def test_a_gpu_is_asked_for_by_its_whole_model(asked: str, size: str, gpus: int, meets: bool) -> None:
    offer = SizeOffer(row(size, GPUs=gpus), gpu_of(size), SizePrices(), None)
    assert has_gpu_like(offer, asked) is meets
