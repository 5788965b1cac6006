"""Questions to Azure: an answer, nothing there, or "cannot be asked right now"; never an SDK's own exception."""

from collections.abc import AsyncIterable, Awaitable
from typing import TypeVar

from cloud.refusals import is_not_now, refusal_of
from environments.errors import CloudUnavailable

T = TypeVar("T")


async def found(request: Awaitable[T]) -> T | None:
    """The answer to a question, or None where Azure says that there is nothing; raises CloudUnavailable."""
    from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError

    try:
        return await request
    except ResourceNotFoundError:
        return None
    except HttpResponseError as error:
        code, status = str(getattr(error.error, "code", None) or ""), error.status_code or 0
        if is_not_now(status, code, error.message):
            raise CloudUnavailable(f"Azure cannot answer right now ({code or status}).") from error
        raise CloudUnavailable(refusal_of(status, code, error.message).explained()) from error
    except AzureError as error:
        raise CloudUnavailable("Azure cannot be reached right now.") from error


async def listed(items: AsyncIterable[T]) -> list[T]:
    """Every item of a list, page by page; raises CloudUnavailable."""
    return await found(_collected(items)) or []


async def _collected(items: AsyncIterable[T]) -> list[T]:
    return [item async for item in items]
