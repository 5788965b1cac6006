"""Prices that were used, with the day from which each was in force: Azure's price list shows no past prices."""

import json
import math
from dataclasses import asdict
from itertools import pairwise

from dormouse.clock import parse_moment, rfc3339
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

    async def forget_superseded(self, moment: float) -> int:
        """Delete the prices that were no longer in force at a time (seconds since 1970); returns how many.

        The price that was in force then stays, and all later ones. Raises CloudUnavailable.
        """
        deleted = 0
        for region, keys in (await self._table.every_key()).items():
            old = [key for key, later in pairwise(keys) if _subject(key) == _subject(later) and _since(later) <= moment]
            await self._table.delete_all(region, old)
            deleted += len(old)
        return deleted


def _subject(key: str) -> str:
    return key.rpartition(" ")[0]


def _since(key: str) -> float:
    """Since when the price with a key has been in force; never, if that cannot be read."""
    try:
        return parse_moment(key.rpartition(" ")[2])
    except ValueError:
        return math.inf
