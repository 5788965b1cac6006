"""The public price list, for the sizes in the catalogue."""

import re
from typing import Any

from local.azure.core.responses import Answer
from local.azure.core.world import World

CONDITION = re.compile(r"(?P<field>\w+) eq '(?P<value>[^']*)'")
EFFECTIVE = "2026-06-18T00:00:00Z"


def answer(world: World, query: dict[str, str]) -> Answer:
    """One page of prices; conditions are equalities joined by "and"."""
    wanted = {match["field"]: match["value"] for match in CONDITION.finditer(query.get("$filter", ""))}
    items = [
        _item(size, facts["family"], region, price)
        for size, facts in world.catalogue.items()
        if wanted.get("armSkuName", size) == size
        for region, price in facts["usd_per_hour"].items()
        if wanted.get("armRegionName", region) == region
    ]
    return Answer(200, {"BillingCurrency": "USD", "Items": items, "NextPageLink": None, "Count": len(items)})


def _item(size: str, family: str, region: str, price: float) -> dict[str, Any]:
    name = size.removeprefix("Standard_").replace("_", " ")
    return {
        "currencyCode": "USD",
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": region,
        "armSkuName": size,
        "meterName": name,
        "skuName": name,
        "productName": f"Virtual Machines {family}",
        "serviceName": "Virtual Machines",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "effectiveStartDate": EFFECTIVE,
    }
