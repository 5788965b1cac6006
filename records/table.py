"""One table: rows of JSON text under two keys, created when first missed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from environments.errors import CloudUnavailable

if TYPE_CHECKING:
    from azure.data.tables.aio import TableServiceClient

R = TypeVar("R")

DOCUMENT = "Document"


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read: its key, its JSON text, and the tag that tells whether it has changed since."""

    key: str
    document: str
    etag: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows in the order of their keys, and where the next page begins ("" at the end)."""

    rows: tuple[Row, ...]
    after: str


class Table:
    """A table whose rows hold one JSON document each, plus columns that questions filter on."""

    def __init__(self, service: "TableServiceClient", name: str) -> None:
        """Remember the service and the table's name; the table is created when it is first missed."""
        self._service = service
        self._client = service.get_table_client(name)
        self._name = name

    async def insert(self, partition: str, key: str, document: str, **columns: str) -> bool:
        """Insert a row and say whether it is new; False means that a row with this key exists already."""
        from azure.core.exceptions import ResourceExistsError

        try:
            await self._made(lambda: self._client.create_entity(_entity(partition, key, document, columns)))
        except ResourceExistsError:
            return False
        return True

    async def write(self, partition: str, key: str, document: str, **columns: str) -> None:
        """Write a row, whatever was there before."""
        entity = _entity(partition, key, document, columns)
        await self._made(lambda: self._client.upsert_entity(entity, mode=_replace()))

    async def replace(self, partition: str, key: str, document: str, etag: str, **columns: str) -> bool:
        """Replace a row only if nobody has since `etag` was read, and say whether that was so."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        entity, unmodified = _entity(partition, key, document, columns), MatchConditions.IfNotModified
        try:
            await self._made(
                lambda: self._client.update_entity(entity, mode=_replace(), etag=etag, match_condition=unmodified)
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            return False
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

    async def page(self, partition: str, *, limit: int, after: str = "", until: str = "", **columns: str) -> Page:
        """Up to `limit` rows with keys above `after` and up to `until`, whose columns have the given values."""
        conditions = ["PartitionKey eq @partition"]
        values = {"partition": partition, "after": after, "until": until, **columns}
        conditions += ["RowKey gt @after"] if after else []
        conditions += ["RowKey le @until"] if until else []
        conditions += [f"{column} eq @{column}" for column in columns]
        rows = await self._made(lambda: self._first(" and ".join(conditions), values, limit + 1))
        return Page(tuple(rows[:limit]), rows[limit - 1].key if len(rows) > limit else "")

    async def _first(self, question: str, values: dict[str, str], limit: int) -> list[Row]:
        found: list[Row] = []
        async for entity in self._client.query_entities(question, parameters=values, results_per_page=limit):
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


def _entity(partition: str, key: str, document: str, columns: dict[str, str]) -> dict[str, Any]:
    return {"PartitionKey": partition, "RowKey": key, DOCUMENT: document, **columns}


def _row(entity: Any) -> Row:
    return Row(entity["RowKey"], entity[DOCUMENT], entity.metadata["etag"])


def _replace() -> Any:
    from azure.data.tables import UpdateMode

    return UpdateMode.REPLACE
