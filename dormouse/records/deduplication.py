"""Receipts: what has come in already, so that it has no second effect; each is forgotten when it is old."""

import asyncio

from dormouse.clock import iso_text
from dormouse.records.table import Row, Table, TableService

RECEIPTS = "receipts"
CHAT = "chat"  # messages that have been taken; the document is where they are answered, as long as that is needed
ANSWERS = "answers"  # requests with a key of their own, and how they were answered
KINDS = (CHAT, ANSWERS)
MOST_AT_ONCE, SIDE_BY_SIDE = 1000, 20


class Receipts:
    """Rows by what they are for and a key that is unique there."""

    def __init__(self, service: TableService) -> None:
        """Use the table of this service, which is created when first missed."""
        self._table = Table(service, RECEIPTS)

    async def take(self, kind: str, key: str, document: str, now: float) -> bool:
        """Write a receipt, and say whether it is the first one under this key."""
        return await self._table.insert(kind, key, document, At=iso_text(now))

    async def read(self, kind: str, key: str) -> Row | None:
        """The receipt under a key, or None."""
        return await self._table.read(kind, key)

    async def replace(self, kind: str, row: Row, document: str, now: float) -> bool:
        """Write something else into a receipt, unless somebody has since it was read; say whether that was so."""
        return await self._table.replace(kind, row.key, document, row.etag, At=iso_text(now))

    async def forget(self, kind: str, key: str) -> None:
        """Forget a receipt: what it was for may come again."""
        await self._table.delete(kind, key)

    async def forget_older(self, kind: str, moment: float) -> int:
        """Forget receipts from before a moment (seconds since 1970), up to a thousand; how many those were."""
        old = await self._table.older(kind, "At", iso_text(moment), limit=MOST_AT_ONCE)
        for begin in range(0, len(old), SIDE_BY_SIDE):
            await asyncio.gather(*(self._table.delete(kind, row.key, row.etag) for row in old[begin : begin + SIDE_BY_SIDE]))
        return len(old)
