"""Receipts of received messages and requests, so that a repetition has no effect; old ones are deleted."""

import asyncio

from dormouse.clock import rfc3339
from dormouse.records.table import Row, Table, TableService

RECEIPTS = "receipts"
CHAT = "chat"  # accepted messages; the document is the reply URL while it is needed
ANSWERS = "answers"  # requests with an Idempotency-Key, and their responses
KINDS = (CHAT, ANSWERS)
ROTATIONS = "rotations"  # environments whose password is rotated by its age, and what has been tried
MOST_AT_ONCE, SIDE_BY_SIDE = 1000, 20


class Receipts:
    """Receipts by kind and by a key that is unique within the kind."""

    def __init__(self, service: TableService) -> None:
        """Use the table of this service, which is created on first use."""
        self._table = Table(service, RECEIPTS)

    async def take(self, kind: str, key: str, document: str, now: float) -> bool:
        """Write a receipt; returns False if this key already has one."""
        return await self._table.insert(kind, key, document, At=rfc3339(now))

    async def read(self, kind: str, key: str) -> Row | None:
        """The receipt with a key, or None."""
        return await self._table.read(kind, key)

    async def replace(self, kind: str, row: Row, document: str, now: float) -> bool:
        """Replace a receipt unless it was modified since it was read; returns whether it was replaced."""
        return await self._table.replace(kind, row.key, document, row.etag, At=rfc3339(now))

    async def forget(self, kind: str, key: str) -> None:
        """Delete a receipt, so that its message or request is accepted again."""
        await self._table.delete(kind, key)

    async def forget_older(self, kind: str, moment: float) -> int:
        """Delete up to 1,000 receipts from before a time (seconds since 1970); returns their number."""
        old = await self._table.older(kind, "At", rfc3339(moment), limit=MOST_AT_ONCE)
        for begin in range(0, len(old), SIDE_BY_SIDE):
            await asyncio.gather(*(self._table.delete(kind, row.key, row.etag) for row in old[begin : begin + SIDE_BY_SIDE]))
        return len(old)
