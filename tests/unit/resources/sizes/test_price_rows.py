"""Which of the rows of the public price list is what a Linux VM costs now."""

import logging
from typing import Any

import pytest

from dormouse.clock import parse_moment
from dormouse.resources.sizes.price_rows import Price, price_in

NOW = parse_moment("2026-05-01T12:00:00Z")
ROW: dict[str, Any] = {
    "currencyCode": "USD",
    "tierMinimumUnits": 0.0,
    "retailPrice": 0.613,
    "armRegionName": "westeurope",
    "armSkuName": "Standard_D16s_v5",
    "meterName": "D16s v5",
    "skuName": "D16s v5",
    "productName": "Virtual Machines Dsv5 Series",
    "unitOfMeasure": "1 Hour",
    "type": "Consumption",
    "isPrimaryMeterRegion": True,
    "effectiveStartDate": "2026-01-01T00:00:00Z",
}
PRICE = Price(0.613, "USD", "D16s v5", "2026-01-01T00:00:00Z")


def found(*rows: dict[str, Any]) -> Price | None:
    return price_in(rows, "westeurope", "standard_d16s_v5", "USD", NOW)


OTHERS = [
    {"productName": "Virtual Machines Dsv5 Series Windows"},
    {"productName": "Dsv5 Series Cloud Services"},
    {"productName": "Dsv5 Series Dedicated Host"},
    {"skuName": "D16s v5 Spot"},
    {"skuName": "D16s v5 Low Priority"},
    {"meterName": "D16s v5 Spot"},
    {"meterName": "D16s v5/D16as v5 Low Priority"},
    {"type": "Reservation"},
    {"type": "DevTestConsumption"},
    {"unitOfMeasure": "1 GB"},
    {"tierMinimumUnits": 500.0},
    {"isPrimaryMeterRegion": False},
    {"effectiveStartDate": "2026-06-01T00:00:00Z"},
    {"effectiveStartDate": "2025-01-01T00:00:00Z", "effectiveEndDate": "2026-01-01T00:00:00Z"},
    {"currencyCode": "EUR"},
    {"armRegionName": "northeurope"},
    {"armSkuName": "Standard_D8s_v5"},
]


@pytest.mark.parametrize("changed", OTHERS)
@pytest.mark.parametrize("price", [0.001, 99.0])
def test_a_row_for_something_else_is_never_the_price(changed: dict[str, Any], price: float) -> None:
    other = {**ROW, **changed, "retailPrice": price}
    assert found(other) is None
    assert found(other, ROW) == found(ROW, other) == PRICE


def test_a_row_may_lack_what_azure_leaves_out() -> None:
    optional = ("tierMinimumUnits", "isPrimaryMeterRegion")
    assert found({name: value for name, value in ROW.items() if name not in optional}) == PRICE
    assert found({**ROW, "effectiveEndDate": "2027-01-01T00:00:00Z"}) == PRICE


def test_of_several_prices_the_one_that_took_effect_last_counts_and_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    newer = {**ROW, "retailPrice": 0.7, "effectiveStartDate": "2026-04-01T00:00:00Z"}
    with caplog.at_level(logging.WARNING):
        for rows in ((ROW, newer), (newer, ROW)):
            price = found(*rows)
            assert price is not None
            assert price.per_hour == 0.7
    assert "has several prices: [0.613, 0.7]" in caplog.text


def test_the_same_price_twice_is_no_ambiguity(caplog: pytest.LogCaptureFixture) -> None:
    assert found(ROW, ROW) == PRICE
    assert caplog.text == ""


def test_without_rows_there_is_no_price_and_another_format_is_an_error() -> None:
    assert found() is None
    with pytest.raises(KeyError):
        found({"name": "x"})
