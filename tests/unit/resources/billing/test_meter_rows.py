"""Which row of the price list is the price of a meter."""

from typing import Any

import pytest

from dormouse.clock import parse_moment
from dormouse.resources.billing.meter_rows import meter_price_in
from dormouse.resources.billing.meters import ADDRESS, DNS_ZONE, PRIVATE_ENDPOINT, Meter, cluster_meter, registry_meter

NOW = parse_moment("2026-11-30T00:00:00Z")


def row(meter: Meter, price: float, region: str, **more: Any) -> dict[str, Any]:
    return {
        "serviceName": meter.service,
        "productName": meter.product,
        "skuName": meter.sku,
        "meterName": meter.name,
        "unitOfMeasure": meter.unit,
        "type": "Consumption",
        "currencyCode": "USD",
        "armRegionName": region,
        "retailPrice": price,
        "tierMinimumUnits": 0.0,
        "effectiveStartDate": "2026-01-01T00:00:00Z",
        **more,
    }


def price(meter: Meter, *rows: dict[str, Any]) -> float | None:
    found = meter_price_in(rows, meter, "westeurope", "USD", NOW)
    return round(found.per_hour, 6) if found else None


@pytest.mark.parametrize(
    ("meter", "amount", "region", "per_hour"),
    [
        (ADDRESS, 0.005, "westeurope", 0.005),
        (registry_meter("Standard"), 0.6666, "westeurope", 0.027775),
        (PRIVATE_ENDPOINT, 0.01, "Global", 0.01),
        (DNS_ZONE, 0.5, "", 0.000685),
    ],
)
def test_a_meter_is_priced_by_the_hour_whatever_its_unit_and_region(
    meter: Meter, amount: float, region: str, per_hour: float
) -> None:
    assert price(meter, row(meter, amount, region)) == per_hour


@pytest.mark.parametrize(
    "wrong",
    [
        {"armRegionName": "eastus"},
        {"armRegionName": "Global"},
        {"unitOfMeasure": "1/Month"},
        {"skuName": "Basic"},
        {"meterName": "Basic IPv4 Static Public IP"},
        {"productName": "Other"},
        {"serviceName": "Other"},
        {"type": "Reservation"},
        {"currencyCode": "EUR"},
        {"tierMinimumUnits": 25.0},
        {"isPrimaryMeterRegion": False},
        {"effectiveStartDate": "2027-01-01T00:00:00Z"},
        {"effectiveEndDate": "2026-06-01T00:00:00Z"},
    ],
)
def test_rows_of_something_else_are_no_price(wrong: dict[str, Any]) -> None:
    assert price(ADDRESS, row(ADDRESS, 9.0, "westeurope", **wrong)) is None
    assert price(ADDRESS, row(ADDRESS, 9.0, "westeurope", **wrong), row(ADDRESS, 0.005, "westeurope")) == 0.005


def test_a_row_without_a_region_may_leave_it_out() -> None:
    listed = {name: value for name, value in row(DNS_ZONE, 0.73, "").items() if name != "armRegionName"}
    assert price(DNS_ZONE, listed) == 0.001


def test_the_price_that_took_effect_last_counts() -> None:
    newer = row(ADDRESS, 0.006, "westeurope", effectiveStartDate="2026-10-01T00:00:00Z")
    assert price(ADDRESS, newer, row(ADDRESS, 0.005, "westeurope")) == 0.006


@pytest.mark.parametrize(("tier", "name"), [("Standard", "Standard Uptime SLA"), ("Free", None)])
def test_a_cluster_of_the_tier_free_costs_nothing_itself(tier: str, name: str | None) -> None:
    meter = cluster_meter(tier)
    assert (meter and meter.name) == name
