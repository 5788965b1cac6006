"""Requests to Table Storage: their filters, and what their errors mean."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from dormouse.errors import CloudUnavailable, RefusedByAzure

R = TypeVar("R")
T = TypeVar("T")
SIDE_BY_SIDE = 8
DENIED = "Azure Table Storage denied access (HTTP 403); check its firewall and the role Storage Table Data Contributor."


async def side_by_side(items: Iterable[T], handle: Callable[[T], Awaitable[None]]) -> None:
    """Handle all items, some of them at once; what is raised is raised when no other is under way any more."""
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await handle(item)

    ends = await asyncio.gather(*(work() for _ in range(SIDE_BY_SIDE)), return_exceptions=True)
    for trouble in filter(None, ends):
        raise trouble


class TableMissing(Exception):
    """The table does not exist yet."""


async def send(request: Callable[[], Awaitable[R]]) -> R:
    """The response; raises the SDK errors 404, 409 and 412, which concern a row, RefusedByAzure or CloudUnavailable."""
    from azure.core.exceptions import AzureError, HttpResponseError

    try:
        return await request()
    except HttpResponseError as error:
        if error.status_code == 404 and "TableNotFound" in str(error):
            raise TableMissing from error
        if error.status_code in (404, 409, 412):
            raise
        if error.status_code == 403:
            raise RefusedByAzure(DENIED) from error
        raise CloudUnavailable(f"Azure Table Storage answered HTTP {error.status_code}; retry later.") from error
    except AzureError as error:
        raise CloudUnavailable(f"Azure Table Storage did not answer ({type(error).__name__}); retry later.") from error


def filter_of(partition: str, keys: dict[str, str], columns: dict[str, str]) -> tuple[str, dict[str, str]]:
    """A filter and its parameters: rows of a partition by key comparisons (if a key is given) and column values."""
    wanted = {comparison: key for comparison, key in keys.items() if key}
    conditions = ["PartitionKey eq @partition"]
    conditions += [f"RowKey {comparison} @{comparison}" for comparison in wanted]
    conditions += [f"{column} eq @{column}" for column in columns]
    return " and ".join(conditions), {"partition": partition, **wanted, **columns}
