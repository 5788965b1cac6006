"""Operations as lists need them: some columns of thousands of rows, and the documents of those that are shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from dormouse.environments.operations import OperationRecord
from dormouse.errors import UnreadableRecord
from dormouse.ids import first_ulid
from dormouse.records.documents import read_each
from dormouse.records.operation_rows import (
    BY,
    ENVIRONMENT,
    NEWEST_FIRST,
    OPERATIONS,
    OUTCOME,
    VERB,
    UnreadableOperation,
    columns_of,
    operation_in,
    unreadable_operation,
)
from dormouse.records.table import LARGEST_PAGE, Row, RowPage, Table

SUMMARY = (ENVIRONMENT, VERB, BY, OUTCOME)


@dataclass(frozen=True, slots=True)
class OperationSummary:
    """What lists of operations are narrowed and sorted by; `outcome` is "" while it runs, or if it cannot be read."""

    key: str
    environment: str
    verb: str
    requested_by: str
    outcome: str

    @property
    def ulid(self) -> str:
        """The part of its ID that says when it was accepted: earlier ones sort before later ones."""
        return self.key.translate(NEWEST_FIRST)


class OperationLists:
    """Queries over many operations."""

    def __init__(self, operations: Table) -> None:
        """Query this table."""
        self._operations = operations

    async def summaries(
        self, *, environment: str = "", since: float = 0.0, limit: int
    ) -> tuple[list[OperationSummary], bool]:
        """The newest `limit` operations of one environment or all, accepted since a time, and whether these are all.

        Reads their columns alone, 1,000 in a request; rows of an earlier release have none, and are read whole.
        """
        found: list[OperationSummary] = []
        after = ""
        while len(found) < limit:
            page = await self._columns(environment, since, after, SUMMARY)
            rows = page.rows
            if any(VERB not in row.columns for row in rows):
                whole = await self._operations.range(OPERATIONS, rows[0].key, rows[-1].key)
                keys = {row.key for row in rows}
                rows = tuple(row for row in whole if row.key in keys)
            found += map(_summary_in, rows)
            if not (after := page.after):
                return found, True
        return found, False

    async def count(self, *, environment: str = "", since: float = 0.0, limit: int) -> int | None:
        """How many operations of one environment or all were accepted since a time; None if at least `limit`."""
        count, after = 0, ""
        while count < limit:
            page = await self._columns(environment, since, after, (ENVIRONMENT,))
            count += len(page.rows)
            if not (after := page.after):
                return count
        return None

    async def at(self, keys: Sequence[str]) -> list[OperationRecord | UnreadableOperation]:
        """The operations in the rows with these keys, in this order; those that were deleted since are missing."""
        rows = [row for row in await self._operations.read_all(OPERATIONS, keys) if row]
        found = read_each(OPERATIONS, rows, operation_in)
        return [found.readable.get(row.key) or unreadable_operation(row, found) for row in rows]

    async def _columns(self, environment: str, since: float, after: str, select: Sequence[str]) -> RowPage:
        until = first_ulid(int(since * 1000)).translate(NEWEST_FIRST) if since > 0 else ""
        columns = {ENVIRONMENT: environment} if environment else {}
        return await self._operations.page(
            OPERATIONS, limit=LARGEST_PAGE, after=after, until=until, select=select, **columns
        )


def _summary_in(row: Row) -> OperationSummary:
    """The summary of an operation, from its columns, or from its document if an earlier release has written it."""
    columns = dict(row.columns)
    if VERB not in columns:
        try:
            columns |= columns_of(operation_in(row))
        except UnreadableRecord:
            columns[VERB] = ""
    return OperationSummary(row.key, *(columns.get(name, "") for name in SUMMARY))
