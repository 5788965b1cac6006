"""The power history of machines, and the fees of environments: one row for each month that an interval touches."""

from collections import defaultdict
from collections.abc import Iterable

from dormouse import serialization
from dormouse.costs.fees import FeeInterval, fees_by_month
from dormouse.idle.power.history import PowerInterval, by_month, month_of
from dormouse.idle.targets import target_key
from dormouse.records.documents import read_document, read_each
from dormouse.records.table import Table, TableService
from dormouse.records.transactions import RowChange

POWER = "power"
AFTER_EVERY_KEY = "~"


class PowerRecords:
    """The intervals in which machines were in one state, by month and machine."""

    def __init__(self, service: TableService) -> None:
        """Use the table of this service, which is created on first use."""
        self._table = Table(service, POWER)

    async def add(self, intervals: Iterable[PowerInterval]) -> None:
        """Keep intervals; one that is added again replaces its earlier row. Raises CloudUnavailable."""
        parts = [part for interval in intervals for part in by_month(interval)]
        rows = {_key(part): serialization.text_of(part) for part in parts}
        await self._table.write_all(POWER, [RowChange(key, document) for key, document in rows.items()])

    async def add_fees(self, interval: FeeInterval) -> None:
        """Keep what an environment was billed for as long as it existed; safe to repeat. Raises CloudUnavailable."""
        parts = fees_by_month(interval)
        rows = [RowChange(f"{month_of(part.began)} {_fees_key(part)}", serialization.text_of(part)) for part in parts]
        await self._table.write_all(POWER, rows)

    async def whole_month(self, month: str) -> tuple[list[PowerInterval], list[FeeInterval]]:
        """All intervals in a month (2026-11), and all fees; what cannot be read is left out. Raises CloudUnavailable."""
        rows = await self._table.range(POWER, f"{month} ", f"{month} {AFTER_EVERY_KEY}{AFTER_EVERY_KEY}")
        fees = [row for row in rows if row.key.startswith(f"{month} {AFTER_EVERY_KEY}")]
        power = [row for row in rows if not row.key.startswith(f"{month} {AFTER_EVERY_KEY}")]
        return (
            list(read_each(POWER, power, lambda row: read_document(POWER, PowerInterval, row)).readable.values()),
            list(read_each(POWER, fees, lambda row: read_document(POWER, FeeInterval, row)).readable.values()),
        )

    async def of_month(self, month: str, first: str, last: str) -> dict[str, list[PowerInterval]]:
        """The intervals in a month (2026-11) of the machines between two keys, by key; what cannot be read is left out."""
        rows = await self._table.range(POWER, f"{month} {first}", f"{month} {last} {AFTER_EVERY_KEY}")
        found: dict[str, list[PowerInterval]] = defaultdict(list)
        read = read_each(POWER, rows, lambda row: read_document(POWER, PowerInterval, row))
        for interval in read.readable.values():
            found[target_key(interval.machine)].append(interval)
        return found

    async def fees_of_month(self, month: str, first: str, last: str) -> list[FeeInterval]:
        """The fees in a month (2026-11) of the environments between two names; what cannot be read is left out."""
        begin, end = f"{month} {AFTER_EVERY_KEY}{first} ", f"{month} {AFTER_EVERY_KEY}{last} {AFTER_EVERY_KEY}"
        rows = await self._table.range(POWER, begin, end)
        return list(read_each(POWER, rows, lambda row: read_document(POWER, FeeInterval, row)).readable.values())

    async def forget_before(self, moment: float, *, limit: int) -> int:
        """Delete up to `limit` rows of months before that of a moment; returns how many."""
        old = await self._table.page(POWER, limit=limit, until=f"{month_of(moment)} ")
        await self._table.delete_all(POWER, [row.key for row in old.rows])
        return len(old.rows)


def _fees_key(part: FeeInterval) -> str:
    """After the keys of all machines of the month."""
    return f"{AFTER_EVERY_KEY}{part.environment} {part.began:.0f}"


def _key(part: PowerInterval) -> str:
    return f"{month_of(part.began)} {target_key(part.machine)} {part.began:.0f}"
