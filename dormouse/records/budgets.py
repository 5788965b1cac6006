"""Warnings about budgets: each is told once per month and threshold, by the sweep that takes it first."""

import asyncio
import json
from collections.abc import Sequence

from dormouse.clock import rfc3339
from dormouse.records.table import Row, Table, TableService

BUDGETS = "budgets"
MOST_AT_ONCE = 1000


class BudgetWarnings:
    """The warnings of months, as receipts: a partition of their table."""

    def __init__(self, service: TableService, table: str) -> None:
        """Use a table of this service, which is created on first use."""
        self._table = Table(service, table)

    async def add(self, key: str, name: str, text: str, now: float) -> bool:
        """Keep a warning to be told, unless there is one with this key; returns whether it is new."""
        return await self._table.insert(BUDGETS, key, json.dumps({"name": name, "text": text}), At=rfc3339(now), Told="")

    async def take(self, sweep: str, now: float) -> Sequence[tuple[str, str]]:
        """The names and texts of warnings that have not been told, or that this sweep has taken before.

        Raises CloudUnavailable or RefusedByAzure.
        """
        fresh = (await self._table.page(BUDGETS, limit=MOST_AT_ONCE, Told="")).rows
        again = (await self._table.page(BUDGETS, limit=MOST_AT_ONCE, Told=sweep)).rows
        taken = await asyncio.gather(*(self._take(row, sweep) for row in fresh))
        rows = [*again, *(row for row, is_ours in zip(fresh, taken, strict=True) if is_ours)]
        return [(str(told["name"]), str(told["text"])) for told in (json.loads(row.document) for row in rows)]

    async def _take(self, row: Row, sweep: str) -> bool:
        return await self._table.replace(BUDGETS, row.key, row.document, row.etag, At=row.columns.get("At", ""), Told=sweep)

    async def forget_before(self, moment: float) -> None:
        """Delete the warnings from before a moment."""
        old = await self._table.older(BUDGETS, "At", rfc3339(moment), limit=MOST_AT_ONCE)
        await self._table.delete_all(BUDGETS, [row.key for row in old])
