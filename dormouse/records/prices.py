"""Prices that were used, with the day from which each was in force: Azure's price list shows no past prices."""

import json
from dataclasses import asdict

from dormouse.clock import rfc3339
from dormouse.records.table import Table, TableService
from dormouse.resources.sizes.price_rows import Price

PRICES = "prices"


class PriceRecords:
    """The prices that were used, by region, size and the moment from which they were in force."""

    def __init__(self, service: TableService) -> None:
        """Use the table of this service, which is created on first use."""
        self._table = Table(service, PRICES)

    async def keep(self, region: str, size: str, price: Price, now: float) -> None:
        """Keep a price, once; raises CloudUnavailable."""
        document = json.dumps(asdict(price))
        await self._table.insert(region, f"{size.lower()} {price.effective_since}", document, SeenAt=rfc3339(now))
