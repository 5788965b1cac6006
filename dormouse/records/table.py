"""One table: rows of JSON text under two keys, created when first missed."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dormouse.errors import CloudUnavailable
from dormouse.records.transactions import DOCUMENT, NEW, Change, text_in, transactions

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient

R = TypeVar("R")

LARGEST_PAGE, SIDE_BY_SIDE = 1000, 8


class TableService(Protocol):
    """What records need of a table service: its own client, or one that is limited to a deployment."""

    def get_table_client(self, table_name: str) -> "TableClient":
        """The client of one table."""

    def create_table_if_not_exists(self, table_name: str) -> Awaitable[Any]:
        """Create a table, unless it exists."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read: its key, its JSON text, the tag that tells whether it has changed since, its columns of text.

    `written_at` is when it was last written (seconds since 1970, 0.0 if Azure does not say).
    """

    key: str
    document: str
    etag: str
    columns: Mapping[str, str] = field(default_factory=dict)
    written_at: float = 0.0


@dataclass(frozen=True, slots=True)
class RowPage:
    """Some rows in the order of their keys, and where the next page begins ("" at the end)."""

    rows: tuple[Row, ...]
    after: str


class Table:
    """A table whose rows hold one JSON document each, plus columns that questions filter on."""

    def __init__(self, service: TableService, name: str) -> None:
        """Remember the service and the table's name; the table is created when it is first missed."""
        self._service = service
        self._client = service.get_table_client(name)
        self._name = name

    async def insert(self, partition: str, key: str, document: str, **columns: str) -> bool:
        """Insert a row and say whether it is new; False means that a row with this key exists already."""
        from azure.core.exceptions import ResourceExistsError

        entity = Change(key, document, columns=columns).entity(partition)
        try:
            await self._made(lambda: self._client.create_entity(entity))
        except ResourceExistsError:
            return False
        return True

    async def write(self, partition: str, key: str, document: str, **columns: str) -> None:
        """Write a row, whatever was there before."""
        entity = Change(key, document, columns=columns).entity(partition)
        await self._made(lambda: self._client.upsert_entity(entity, mode=_replace()))

    async def replace(self, partition: str, key: str, document: str, etag: str, **columns: str) -> bool:
        """Replace a row only if nobody has since `etag` was read, and say whether that was so."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        entity, unmodified = Change(key, document, columns=columns).entity(partition), MatchConditions.IfNotModified
        try:
            await self._made(
                lambda: self._client.update_entity(entity, mode=_replace(), etag=etag, match_condition=unmodified)
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            return False
        return True

    async def write_all(self, partition: str, rows: Sequence[Change]) -> list[bool]:
        """Write many rows, a hundred at a time, and say of each whether it was written: no row's conflict sinks another."""
        sets = transactions(partition, rows)
        written: list[list[bool]] = [[] for _ in sets]
        waiting = iter(enumerate(sets))

        async def write() -> None:
            for place, changes in waiting:
                written[place] = await self._write_together(partition, changes)

        # All of them are awaited before anyone gives up: what is under way is never left behind.
        ends = await asyncio.gather(*(write() for _ in sets[:SIDE_BY_SIDE]), return_exceptions=True)
        for trouble in filter(None, ends):
            raise trouble
        return list(itertools.chain.from_iterable(written))

    async def _write_together(self, partition: str, changes: list[Change]) -> list[bool]:
        from azure.core.exceptions import HttpResponseError

        operations = [change.operation(partition) for change in changes]
        try:
            await self._made(lambda: self._client.submit_transaction(operations))
        except HttpResponseError:  # one of the rows has changed, exists or is gone
            return [await self._write_one(partition, change) for change in changes]
        return [True] * len(changes)

    async def _write_one(self, partition: str, change: Change) -> bool:
        if change.etag == NEW:
            return await self.insert(partition, change.key, change.document, **change.columns)
        if change.etag:
            return await self.replace(partition, change.key, change.document, change.etag, **change.columns)
        await self.write(partition, change.key, change.document, **change.columns)
        return True

    async def read(self, partition: str, key: str) -> Row | None:
        """The row under these keys, or None."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            entity = await self._made(lambda: self._client.get_entity(partition, key))
        except ResourceNotFoundError:
            return None
        return _row(entity)

    async def delete(self, partition: str, key: str, etag: str = "") -> None:
        """Delete a row; deleting what is gone, or what has changed since `etag` was read, does nothing."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        condition: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}
        try:
            await self._made(lambda: self._client.delete_entity(partition, key, **condition))
        except (ResourceNotFoundError, ResourceModifiedError):
            return

    async def page(
        self, partition: str, *, limit: int, first: str = "", after: str = "", until: str = "", **columns: str
    ) -> RowPage:
        """Up to `limit` rows with such columns, and with keys from `first` on, above `after`, up to and with `until`."""
        question, values = _question(partition, {"ge": first, "gt": after, "le": until}, columns)
        rows = await self._made(lambda: self._rows(question, values, limit + 1))
        return RowPage(tuple(rows[:limit]), rows[limit - 1].key if len(rows) > limit else "")

    async def range(self, partition: str, first: str, last: str) -> list[Row]:
        """Every row whose key is from `first` to `last`, both included, in the order of keys."""
        question, values = _question(partition, {"ge": first, "le": last}, {})
        return await self._made(lambda: self._rows(question, values))

    async def keys(self, partition: str, *, first: str = "", after: str = "", limit: int = 0) -> dict[str, float]:
        """The keys of a partition from `first` on or above `after`, and when each row was last written."""
        question, values = _question(partition, {"ge": first, "gt": after}, {})
        rows = await self._made(lambda: self._rows(question, values, limit, select=["RowKey", "Timestamp"]))
        return {row.key: row.written_at for row in rows}

    async def delete_all(self, partition: str, keys: Iterable[str]) -> None:
        """Delete rows, some side by side; those that are gone already do no harm."""
        waiting = iter(list(keys))

        async def delete() -> None:
            for key in waiting:
                await self.delete(partition, key)

        ends = await asyncio.gather(*(delete() for _ in range(SIDE_BY_SIDE)), return_exceptions=True)
        for trouble in filter(None, ends):
            raise trouble

    async def older(self, partition: str, column: str, border: str, *, limit: int) -> list[Row]:
        """Up to `limit` rows whose column says something below a border."""
        question = f"PartitionKey eq @partition and {column} lt @border"
        values = {"partition": partition, "border": border}
        return await self._made(lambda: self._rows(question, values, limit))

    async def _rows(
        self, question: str, values: dict[str, str], limit: int = 0, select: list[str] | None = None
    ) -> list[Row]:
        found: list[Row] = []
        at_once = min(limit or LARGEST_PAGE, LARGEST_PAGE)  # Azure refuses to be asked for more
        asked = self._client.query_entities(question, parameters=values, results_per_page=at_once, select=select)
        async for entity in asked:
            found.append(_row(entity))
            if len(found) == limit:
                break
        return found

    async def _made(self, request: Callable[[], Awaitable[R]]) -> R:
        try:
            return await _asked(request)
        except _TableMissing:
            await _asked(lambda: self._service.create_table_if_not_exists(self._name))
            return await _asked(request)


class _TableMissing(Exception):
    """The table has not been created yet."""


async def _asked(request: Callable[[], Awaitable[R]]) -> R:
    """An answer, one of the errors that say something about a row, or CloudUnavailable."""
    from azure.core.exceptions import AzureError, HttpResponseError

    try:
        return await request()
    except HttpResponseError as error:
        if error.status_code == 404 and "TableNotFound" in str(error):
            raise _TableMissing from error
        if error.status_code in (404, 409, 412):
            raise
        raise CloudUnavailable(f"The records cannot be reached right now (HTTP {error.status_code}).") from error
    except AzureError as error:
        raise CloudUnavailable("The records cannot be reached right now.") from error


def _question(partition: str, keys: dict[str, str], columns: dict[str, str]) -> tuple[str, dict[str, str]]:
    """A filter and its values: the rows of a partition with keys that compare so, where a key is given, and such columns."""
    wanted = {comparison: key for comparison, key in keys.items() if key}
    conditions = ["PartitionKey eq @partition"]
    conditions += [f"RowKey {comparison} @{comparison}" for comparison in wanted]
    conditions += [f"{column} eq @{column}" for column in columns]
    return " and ".join(conditions), {"partition": partition, **wanted, **columns}


def _row(entity: Any) -> Row:
    text = {name: value for name, value in entity.items() if isinstance(value, str)}
    columns = {name: value for name, value in text.items() if name not in ("PartitionKey", "RowKey", DOCUMENT)}
    return Row(entity["RowKey"], text_in(DOCUMENT, text), entity.metadata["etag"], columns, _written_at(entity))


def _written_at(entity: Any) -> float:
    written = entity.metadata.get("timestamp")
    return float(written.timestamp()) if written else 0.0


def _replace() -> Any:
    from azure.data.tables import UpdateMode

    return UpdateMode.REPLACE
