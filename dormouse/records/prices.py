"""Prices that were used, with the day from which each was in force: Azure's price list shows no past prices."""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import pairwise

from dormouse.clock import parse_moment, rfc3339
from dormouse.records.documents import read_document, read_each
from dormouse.records.table import Row, Table, TableService
from dormouse.resources.sizes.price_rows import Price

PRICES = "prices"
AFTER_EVERY_MOMENT = "~"


class PriceRecords:
    """The prices that were used, by region, key and the moment from which they were in force.

    A key is that of a VM size, on demand or Spot, or of a meter. A price holds until the next one of its key.
    """

    def __init__(self, service: TableService) -> None:
        """Use the table of this service, which is created on first use."""
        self._table = Table(service, PRICES)

    async def keep(self, region: str, key: str, price: Price, now: float) -> None:
        """Keep a price unless it is the one that was kept last; raises CloudUnavailable.

        A price that differs although the list says that nothing has changed holds from now on.
        """
        rows = await self._table.range(region, f"{key} ", f"{key} {AFTER_EVERY_MOMENT}")
        known = sorted(read_each(PRICES, rows, _price_in).readable.values(), key=_began)
        if known and (known[-1].per_hour, known[-1].currency) == (price.per_hour, price.currency):
            return
        if known and _began(price) <= _began(known[-1]):
            price = replace(price, effective_since=rfc3339(now))
        document = json.dumps(asdict(price))
        await self._table.insert(region, f"{key} {price.effective_since}", document, SeenAt=rfc3339(now))

    async def of_region(self, region: str) -> Mapping[str, Sequence[Price]]:
        """The prices of a region by key, oldest first; what cannot be read is left out. Raises CloudUnavailable."""
        rows = await self._table.range(region, " ", AFTER_EVERY_MOMENT)
        found: dict[str, list[Price]] = defaultdict(list)
        for key, price in read_each(PRICES, rows, _price_in).readable.items():
            found[_subject(key)].append(price)
        return {key: sorted(prices, key=_began) for key, prices in found.items()}

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


def _price_in(row: Row) -> Price:
    return read_document(PRICES, Price, row)


def _began(price: Price) -> float:
    return parse_moment(price.effective_since)


def _subject(key: str) -> str:
    return key.rpartition(" ")[0]


def _since(key: str) -> float:
    """Since when the price with a key has been in force; never, if that cannot be read."""
    try:
        return parse_moment(key.rpartition(" ")[2])
    except ValueError:
        return math.inf
