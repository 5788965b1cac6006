"""The public price list: machines of the sizes in the catalogue, and the fees of other resources."""

import re
from typing import Any
from urllib.parse import urlencode

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.world import World

CONDITION = re.compile(r"\s*(?P<field>\w+)\s+eq\s+'(?P<value>[^']*)'\s*")
DAY = 86400.0
EFFECTIVE = "2026-06-18T00:00:00Z"
LARGEST_PAGE = 1000
CURRENCY = "USD"
SPOT_SHARE = 5
MACHINES, EVERY_REGION = "Virtual Machines", "*"
# In filters, this field has another name. Names of fields are compared without regard to case, and values exactly:
# https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
IN_FILTERS = {"pricetype": "type"}


def answer(world: World, request: Request) -> Answer:
    """One page of prices; conditions are equalities joined by "and"."""
    request.check_query("$filter", "$skip", "currencycode")
    if request.query.get("currencyCode", CURRENCY).strip("'") != CURRENCY:
        raise not_simulated(f"prices in {request.query['currencyCode']}")
    wanted, skip = _conditions(request.query.get("$filter", "")), int(request.query.get("$skip", 0))
    machines = (
        row
        for size, facts in world.catalogue.items()
        if wanted.get("armskuname", size) == size
        for region, price in facts["usd_per_hour"].items()
        for row in _rows(world, size, facts["family"], region, price)
    )
    others = (row for fee in world.fees for row in _fee_rows(world, fee))
    services = wanted.get("servicename")
    listed = machines if services == MACHINES else others if services else (*machines, *others)
    items = [row for row in listed if _meets(row, wanted)]
    page = items[skip : skip + LARGEST_PAGE]
    more = {**request.query, "$skip": str(skip + LARGEST_PAGE)}
    following = f"{request.base}{request.path}?{urlencode(more)}" if len(items) > skip + LARGEST_PAGE else None
    return Answer(200, {"BillingCurrency": CURRENCY, "Items": page, "NextPageLink": following, "Count": len(page)})


def spot_price(world: World, size: str, region: str) -> float | None:
    """The price of a Spot VM per hour in USD, or None if there is none."""
    price = world.catalogue[size]["usd_per_hour"].get(region)
    return None if price is None else round(float(price) / SPOT_SHARE, 6)


def _rows(world: World, size: str, family: str, region: str, price: float) -> list[dict[str, Any]]:
    """Every kind of row that the real list has for a VM size: only the first is what a Linux VM costs now.

    Rows of Cloud Services have the price of Windows and no such word: https://github.com/opencost/opencost/issues/3230.
    Low priority stays in the list after its retirement: https://github.com/opencost/opencost/issues/3531.
    """
    linux = _item(size, family, region, price)
    name, dear = linux["skuName"], round(price * 1.9, 4)
    later, earlier = (world.text(world.seconds() + days * DAY) for days in (30, -30))
    return [
        linux,
        {**linux, "retailPrice": dear, "productName": f"{linux['productName']} Windows"},
        {**linux, "retailPrice": spot_price(world, size, region), "skuName": f"{name} Spot", "meterName": f"{name} Spot"},
        {
            **linux,
            "retailPrice": round(price / 4, 6),
            "skuName": f"{name} Low Priority",
            "meterName": f"{name} Low Priority",
        },
        {**linux, "retailPrice": round(price / 3, 6), "productName": f"{family} Cloud Services"},
        {**linux, "retailPrice": round(price / 2, 6), "effectiveStartDate": later},
        {
            **linux,
            "retailPrice": round(price / 2, 6),
            "effectiveStartDate": "2020-01-01T00:00:00Z",
            "effectiveEndDate": earlier,
        },
        {**linux, "retailPrice": round(price / 2, 6), "isPrimaryMeterRegion": False},
        {**linux, "retailPrice": price * 5000, "type": "Reservation", "reservationTerm": "1 Year"},
    ]


def _fee_rows(world: World, fee: list[Any]) -> list[dict[str, Any]]:
    """The row of a fee in each region where it is listed, one that is over, and one for a larger quantity."""
    service, product, sku, meter, unit, price, where = fee
    found = []
    for region in sorted(world.offering) if where == EVERY_REGION else [where]:
        row = {
            **_item("", "", region, price),
            "armSkuName": "",
            "meterName": meter,
            "skuName": sku,
            "productName": product,
            "serviceName": service,
            "unitOfMeasure": unit,
        }
        over = {"effectiveStartDate": "2020-01-01T00:00:00Z", "effectiveEndDate": world.text(world.seconds() - 30 * DAY)}
        found += [
            row,
            {**row, **over, "retailPrice": price * 2},
            {**row, "tierMinimumUnits": 25.0, "retailPrice": price / 5},
        ]
    return found


def _conditions(asked: str) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for part in re.split(r"\s+and\s+", asked) if asked else []:
        match = CONDITION.fullmatch(part)
        if match is None:
            raise not_simulated(f"the filter {asked!r} on prices")
        field = match["field"].lower()
        wanted[IN_FILTERS.get(field, field)] = match["value"]
    return wanted


def _meets(item: dict[str, Any], wanted: dict[str, str]) -> bool:
    fields = {name.lower(): value for name, value in item.items()}
    unknown = wanted.keys() - fields.keys()
    if unknown:
        raise not_simulated(f"filters on {min(unknown)} of prices")
    return all(fields[name] == value for name, value in wanted.items())


def _item(size: str, family: str, region: str, price: float) -> dict[str, Any]:
    name = size.removeprefix("Standard_").replace("_", " ")
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": region,
        "armSkuName": size,
        "meterName": name,
        "skuName": name,
        "productName": f"Virtual Machines {family}",
        "serviceName": MACHINES,
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "effectiveStartDate": EFFECTIVE,
    }
