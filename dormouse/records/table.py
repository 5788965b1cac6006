"""One table: rows of JSON text under two keys; the table is created on first use."""

import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dormouse.records.table_requests import TableMissing, filter_of, send, side_by_side
from dormouse.records.transactions import DOCUMENT, NEW, RowChange, text_in, transactions

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient

R = TypeVar("R")

LARGEST_PAGE = 1000


class TableService(Protocol):
    """The part of a table service client that records use."""

    def get_table_client(self, table_name: str) -> "TableClient":
        """The client of one table."""

    def create_table_if_not_exists(self, table_name: str) -> Awaitable[Any]:
        """Create a table if it does not exist."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as read: its key, JSON text, ETag and text columns.

    `written_at` is when it was last written (seconds since 1970, or 0.0 if unknown).
    """

    key: str
    document: str
    etag: str
    columns: Mapping[str, str] = field(default_factory=dict)
    written_at: float = 0.0
    partition: str = ""


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows in the order of their keys, and the start of the next page ("" at the end)."""

    rows: tuple[Row, ...]
    after: str


class Table:
    """A table whose rows hold one JSON document each, plus columns for filters."""

    def __init__(self, service: TableService, name: str) -> None:
        """Use a table of this service; it is created on first use."""
        self._service = service
        self._client = service.get_table_client(name)
        self._name = name

    async def insert(self, partition: str, key: str, document: str, **columns: str) -> bool:
        """Insert a row; returns False if a row with this key exists."""
        from azure.core.exceptions import ResourceExistsError

        entity = RowChange(key, document, columns=columns).entity(partition)
        try:
            await self._send(lambda: self._client.create_entity(entity))
        except ResourceExistsError:
            return False
        return True

    async def write(self, partition: str, key: str, document: str, **columns: str) -> None:
        """Insert or replace a row."""
        entity = RowChange(key, document, columns=columns).entity(partition)
        await self._send(lambda: self._client.upsert_entity(entity, mode=_replace()))

    async def replace(self, partition: str, key: str, document: str, etag: str, **columns: str) -> bool:
        """Replace a row if it still has this ETag; returns whether it was replaced."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        entity, unmodified = RowChange(key, document, columns=columns).entity(partition), MatchConditions.IfNotModified
        try:
            await self._send(
                lambda: self._client.update_entity(entity, mode=_replace(), etag=etag, match_condition=unmodified)
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            return False
        return True

    async def write_all(self, partition: str, rows: Sequence[RowChange]) -> list[bool]:
        """Write many rows, 100 per transaction; returns for each whether it was written; conflicts are per row."""
        sets = transactions(partition, rows)
        written: list[list[bool]] = [[] for _ in sets]

        async def write(place: int) -> None:
            written[place] = await self._write_together(partition, sets[place])

        await side_by_side(range(len(sets)), write)
        return list(itertools.chain.from_iterable(written))

    async def _write_together(self, partition: str, changes: list[RowChange]) -> list[bool]:
        from azure.core.exceptions import HttpResponseError

        operations = [change.operation(partition) for change in changes]
        try:
            await self._send(lambda: self._client.submit_transaction(operations))
        except HttpResponseError:  # one of the rows was changed, inserted or deleted
            return [await self._write_one(partition, change) for change in changes]
        return [True] * len(changes)

    async def _write_one(self, partition: str, change: RowChange) -> bool:
        if change.etag == NEW:
            return await self.insert(partition, change.key, change.document, **change.columns)
        if change.etag:
            return await self.replace(partition, change.key, change.document, change.etag, **change.columns)
        await self.write(partition, change.key, change.document, **change.columns)
        return True

    async def read(self, partition: str, key: str) -> Row | None:
        """The row with these keys, or None."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            entity = await self._send(lambda: self._client.get_entity(partition, key))
        except ResourceNotFoundError:
            return None
        return _row(entity)

    async def read_all(self, partition: str, keys: Sequence[str]) -> list[Row | None]:
        """The rows with these keys, in this order, None for a missing one; some are read side by side."""
        found: dict[str, Row | None] = {}

        async def read(key: str) -> None:
            found[key] = await self.read(partition, key)

        await side_by_side(dict.fromkeys(keys), read)
        return [found[key] for key in keys]

    async def delete(self, partition: str, key: str, etag: str = "") -> None:
        """Delete a row; does nothing if it is gone, or no longer has the given ETag."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        condition: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}
        try:
            await self._send(lambda: self._client.delete_entity(partition, key, **condition))
        except (ResourceNotFoundError, ResourceModifiedError):
            return

    async def page(
        self,
        partition: str,
        *,
        limit: int,
        first: str = "",
        after: str = "",
        until: str = "",
        select: Sequence[str] = (),
        **columns: str,
    ) -> RowPage:
        """Up to `limit` rows with these column values and with keys >= `first`, > `after` and <= `until`.

        With `select`, only these columns are read, and no documents.
        """
        question, values = filter_of(partition, {"ge": first, "gt": after, "le": until}, columns)
        wanted = ["RowKey", "Timestamp", *select] if select else None
        rows = await self._send(lambda: self._rows(question, values, limit + 1, select=wanted))
        return RowPage(tuple(rows[:limit]), rows[limit - 1].key if len(rows) > limit else "")

    async def range(self, partition: str, first: str, last: str) -> list[Row]:
        """All rows with keys from `first` to `last`, inclusive, in order."""
        question, values = filter_of(partition, {"ge": first, "le": last}, {})
        return await self._send(lambda: self._rows(question, values))

    async def keys(self, partition: str, *, first: str = "", after: str = "", limit: int = 0) -> dict[str, float]:
        """The keys of a partition that are >= `first` and > `after`, and when each row was last written."""
        question, values = filter_of(partition, {"ge": first, "gt": after}, {})
        rows = await self._send(lambda: self._rows(question, values, limit, select=["RowKey", "Timestamp"]))
        return {row.key: row.written_at for row in rows}

    async def every_key(self) -> dict[str, list[str]]:
        """The keys of a small table by partition, in order."""
        rows = await self._send(
            lambda: self._rows("PartitionKey ge @first", {"first": ""}, select=["PartitionKey", "RowKey"])
        )
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(row.partition, []).append(row.key)
        return found

    async def delete_all(self, partition: str, keys: Iterable[str]) -> None:
        """Delete rows concurrently; missing ones are ignored."""
        await side_by_side(list(keys), lambda key: self.delete(partition, key))

    async def older(self, partition: str, column: str, border: str, *, limit: int) -> list[Row]:
        """Up to `limit` rows whose column value is less than `border`."""
        question = f"PartitionKey eq @partition and {column} lt @border"
        values = {"partition": partition, "border": border}
        return await self._send(lambda: self._rows(question, values, limit))

    async def _rows(
        self, question: str, values: dict[str, str], limit: int = 0, select: list[str] | None = None
    ) -> list[Row]:
        found: list[Row] = []
        at_once = min(limit or LARGEST_PAGE, LARGEST_PAGE)  # Azure rejects a larger page size
        asked = self._client.query_entities(question, parameters=values, results_per_page=at_once, select=select)
        async for entity in asked:
            found.append(_row(entity))
            if len(found) == limit:
                break
        return found

    async def _send(self, request: Callable[[], Awaitable[R]]) -> R:
        try:
            return await send(request)
        except TableMissing:
            await send(lambda: self._service.create_table_if_not_exists(self._name))
            return await send(request)


def _row(entity: Any) -> Row:
    text = {name: value for name, value in entity.items() if isinstance(value, str)}
    columns = {name: value for name, value in text.items() if name not in ("PartitionKey", "RowKey", DOCUMENT)}
    return Row(
        entity["RowKey"],
        text_in(DOCUMENT, text),
        entity.metadata["etag"],
        columns,
        _written_at(entity),
        entity.get("PartitionKey", ""),
    )


def _written_at(entity: Any) -> float:
    written = entity.metadata.get("timestamp")
    return float(written.timestamp()) if written else 0.0


def _replace() -> Any:
    from azure.data.tables import UpdateMode

    return UpdateMode.REPLACE
