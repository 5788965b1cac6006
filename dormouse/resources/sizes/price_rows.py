"""Which row of the Azure Retail Prices API is the price of a VM. Pure.

One size in one region has rows for Linux, Windows, Spot, Low Priority, Cloud Services (at the price of Windows), dedicated
hosts, savings plans, prices that are no longer or not yet in force, and other meter regions; only one of them counts.
https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dormouse.clock import parse_moment

log = logging.getLogger(__name__)

PRODUCT = "Virtual Machines "
HOUR_UNIT = "1 Hour"
HOURS_A_MONTH = 730
ON_DEMAND, SPOT = "", "spot"
LOW_PRIORITY = "low priority"


@dataclass(frozen=True, slots=True)
class Price:
    """An hourly price, before tax and discounts."""

    per_hour: float
    currency: str
    meter: str
    effective_since: str


def price_in(
    rows: Iterable[Mapping[str, Any]], region: str, size: str, currency: str, now: float, offer: str = ON_DEMAND
) -> Price | None:
    """The price of this offer in force at `now` (seconds since 1970), or None if there is none.

    Several rows that differ in price are logged, and the one that took effect last counts. Raises KeyError, TypeError or
    ValueError for rows in another format.
    """
    found = [
        _price(row)
        for row in rows
        if _is_linux(row, region, size, currency) and _offer_of(row) == offer and in_force(row, now)
    ]
    if len({price.per_hour for price in found}) > 1:
        log.warning("%s in %s has several prices: %s", size, region, sorted({price.per_hour for price in found}))
    return max(found, key=lambda price: (parse_moment(price.effective_since), -price.per_hour), default=None)


def _offer_of(row: Mapping[str, Any]) -> str:
    names = f"{row['skuName']} {row['meterName']}".lower()
    return next((offer for offer in (LOW_PRIORITY, SPOT) if offer in names), ON_DEMAND)


def _is_linux(row: Mapping[str, Any], region: str, size: str, currency: str) -> bool:
    product = str(row["productName"])
    return (
        product.startswith(PRODUCT)
        and not product.rstrip().endswith("Windows")
        and (row["type"], row["unitOfMeasure"], row["currencyCode"]) == ("Consumption", HOUR_UNIT, currency)
        and (str(row["armRegionName"]), str(row["armSkuName"]).lower()) == (region, size.lower())
        and not float(row.get("tierMinimumUnits") or 0)
        and row.get("isPrimaryMeterRegion") is not False
    )


def in_force(row: Mapping[str, Any], now: float) -> bool:
    """Whether a row is the price at this moment, in seconds since 1970."""
    end = row.get("effectiveEndDate")
    return parse_moment(str(row["effectiveStartDate"])) <= now and (not end or now < parse_moment(str(end)))


def _price(row: Mapping[str, Any]) -> Price:
    return Price(float(row["retailPrice"]), str(row["currencyCode"]), str(row["meterName"]), str(row["effectiveStartDate"]))
