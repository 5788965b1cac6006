"""Warnings about budgets, each told once per month and threshold, and the budgets that are used up."""

import asyncio
import json
import logging
from collections.abc import Sequence

from dormouse import serialization
from dormouse.clock import rfc3339
from dormouse.errors import UnreadableRecord
from dormouse.idle.budgets.overspent import OverspentBudgets
from dormouse.records.documents import read_document
from dormouse.records.table import Row, Table, TableService

BUDGETS = "budgets"
# After the keys of all warnings, which begin with a month.
OVERSPENT = "overspent"
MOST_AT_ONCE = 1000

log = logging.getLogger(__name__)


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

    async def keep_overspent(self, budgets: OverspentBudgets) -> None:
        """Keep which budgets are used up, in place of what was kept before. Raises CloudUnavailable."""
        document = serialization.text_of(budgets)
        await self._table.write(BUDGETS, OVERSPENT, document, At=rfc3339(budgets.at), Told=OVERSPENT)

    async def overspent(self) -> OverspentBudgets:
        """The budgets that were used up when that was looked at last; none if that cannot be read.

        Raises CloudUnavailable.
        """
        row = await self._table.read(BUDGETS, OVERSPENT)
        try:
            return read_document(BUDGETS, OverspentBudgets, row) if row else OverspentBudgets()
        except UnreadableRecord as error:  # not knowing is no reason to stop anything
            log.warning("%s", error)
            return OverspentBudgets()
