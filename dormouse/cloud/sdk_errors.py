"""Azure reads that raise the control plane's errors instead of SDK exceptions."""

from collections.abc import AsyncIterable, Awaitable
from typing import Any, TypeVar

from dormouse.cloud.error_codes import is_not_now, refusal_of
from dormouse.environments.results import Refusal
from dormouse.errors import CloudUnavailable

T = TypeVar("T")
HTTP_OK = 200


class RefusedByAzure(CloudUnavailable):
    """Azure rejected a read for good, for example because of missing permissions; a retry cannot succeed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.explained())
        self.refusal = refusal


async def get_or_none(request: Awaitable[T]) -> T | None:
    """The response to a request, or None for 404; raises CloudUnavailable or RefusedByAzure."""
    from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError

    try:
        return await request
    except ResourceNotFoundError:
        return None
    except HttpResponseError as error:
        code, status = str(getattr(error.error, "code", None) or ""), error.status_code or 0
        if is_not_now(status, code, error.message):
            raise CloudUnavailable(f"Azure is temporarily unavailable ({code or f'HTTP {status}'}); retry later.") from error
        raise RefusedByAzure(refusal_of(status, code, error.message)) from error
    except AzureError as error:
        raise CloudUnavailable(f"Azure did not answer ({type(error).__name__}); retry later.") from error


async def read_json(request: Awaitable[Any]) -> Any:
    """The JSON object in a plain response; raises as `get_or_none` does, and RefusedByAzure for 404."""
    from azure.core.exceptions import AzureError

    try:
        response = await request
    except AzureError as error:
        raise CloudUnavailable(f"Azure did not answer ({type(error).__name__}); retry later.") from error
    try:
        content = response.json()
    except ValueError:
        content = None
    if response.status_code == HTTP_OK and isinstance(content, dict):
        return content
    said = content.get("error") if isinstance(content, dict) else None
    code, message = (str(said.get("code", "")), str(said.get("message", ""))) if isinstance(said, dict) else ("", "")
    if response.status_code == HTTP_OK or is_not_now(response.status_code, code, message):
        raise CloudUnavailable(f"Azure is temporarily unavailable ({code or f'HTTP {response.status_code}'}); retry later.")
    raise RefusedByAzure(refusal_of(response.status_code, code, message))


async def list_all(items: AsyncIterable[T]) -> list[T]:
    """All items of a paged list; raises as `get_or_none` does."""
    return await get_or_none(_collected(items)) or []


async def _collected(items: AsyncIterable[T]) -> list[T]:
    return [item async for item in items]
