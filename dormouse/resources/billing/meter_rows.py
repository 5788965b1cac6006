"""Which row of the price list is the price of a meter now. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from dormouse.clock import parse_moment
from dormouse.resources.billing.meters import NO_REGION, OWN_REGION, Meter
from dormouse.resources.sizes.price_rows import Price, in_force


def meter_price_in(rows: Iterable[Mapping[str, Any]], meter: Meter, region: str, currency: str, now: float) -> Price | None:
    """The hourly price of a meter in force at `now` (seconds since 1970), or None if there is none.

    Of prices by quantity, that of the first unit counts. Raises KeyError, TypeError or ValueError for rows in another form.
    """
    place = region if meter.region == OWN_REGION else meter.region
    found = [_price(row, meter) for row in rows if _is_of(row, meter, place, currency) and in_force(row, now)]
    return max(found, key=lambda price: (parse_moment(price.effective_since), -price.per_hour), default=None)


def _is_of(row: Mapping[str, Any], meter: Meter, place: str, currency: str) -> bool:
    return (
        (row["serviceName"], row["productName"], row["skuName"], row["meterName"])
        == (meter.service, meter.product, meter.sku, meter.name)
        and (row["type"], row["unitOfMeasure"], row["currencyCode"]) == ("Consumption", meter.unit, currency)
        and str(row.get("armRegionName") or NO_REGION) == place
        and not float(row.get("tierMinimumUnits") or 0)
        and row.get("isPrimaryMeterRegion") is not False
    )


def _price(row: Mapping[str, Any], meter: Meter) -> Price:
    per_hour = float(row["retailPrice"]) / meter.hours
    return Price(per_hour, str(row["currencyCode"]), str(row["meterName"]), str(row["effectiveStartDate"]))
