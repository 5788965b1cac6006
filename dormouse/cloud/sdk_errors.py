"""Azure reads that raise the control plane's errors instead of SDK exceptions."""

from collections.abc import AsyncIterable, Awaitable
from typing import Any, TypeVar

from dormouse.cloud.error_bodies import AzureError, error_in, json_in
from dormouse.cloud.error_codes import NEVER_ABSENT, is_not_now, refusal_of
from dormouse.environments.results import Refusal
from dormouse.errors import CloudUnavailable, RefusedByAzure

T = TypeVar("T")
HTTP_OK, FIRST_ERROR = 200, 400


class ReadRefused(RefusedByAzure):
    """Azure rejected a read; `refusal` says why, and an activity that raises this is not retried."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.explained())
        self.refusal = refusal


async def get_or_none(request: Awaitable[T]) -> T | None:
    """The response to a request, or None for 404; raises CloudUnavailable or ReadRefused."""
    from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError

    try:
        return await request
    except HttpResponseError as error:
        status, said = error.status_code or 0, error_in(json_in(error.response) if error.response else None)
        if isinstance(error, ResourceNotFoundError) and said.code not in NEVER_ABSENT:
            return None
        if status < FIRST_ERROR:  # no response that could be read: not even the identity endpoint may have answered
            signing_in = isinstance(error, ClientAuthenticationError)
            subject = "The control plane could not sign in to Azure" if signing_in else "Azure did not answer"
            raise CloudUnavailable(f"{subject} ({type(error).__name__}); retry later.") from error
        raise _error_of(status, said) from error
    except AzureError as error:
        raise CloudUnavailable(f"Azure did not answer ({type(error).__name__}); retry later.") from error


async def get_existing(request: Awaitable[T]) -> T:
    """The response to a request for something that exists; raises as `get_or_none` does, and CloudUnavailable for 404.

    Azure may show what was just created only some seconds later.
    """
    found = await get_or_none(request)
    if found is None:
        raise CloudUnavailable("Azure does not show a resource that must exist; retry later.")
    return found


async def read_json(request: Awaitable[Any]) -> Any:
    """The JSON object in a plain response; raises as `get_or_none` does, and ReadRefused for 404."""
    from azure.core.exceptions import AzureError

    try:
        response = await request
    except AzureError as error:
        raise CloudUnavailable(f"Azure did not answer ({type(error).__name__}); retry later.") from error
    content = json_in(response)
    if response.status_code == HTTP_OK and isinstance(content, dict):
        return content
    raise _error_of(response.status_code, error_in(content))


async def read_large_json(request: Awaitable[Any]) -> dict[str, Any]:
    """The JSON object in a streamed response, which no policy of the SDK decodes; raises as `get_existing` does."""
    return await get_existing(_decoded(request))


async def _decoded(request: Awaitable[Any]) -> dict[str, Any]:
    from azure.core.exceptions import DecodeError, ResourceNotFoundError, map_error
    from pydantic_core import from_json

    response = await request
    content = await response.read()
    map_error(response.status_code, response, {404: ResourceNotFoundError})
    response.raise_for_status()
    try:
        found = from_json(content)
    except ValueError as error:
        raise DecodeError(str(error)) from error
    if not isinstance(found, dict):
        raise DecodeError("the response is no JSON object")
    return found


async def list_all(items: AsyncIterable[T]) -> list[T]:
    """All items of a paged list; raises as `get_or_none` does."""
    return await get_or_none(_collected(items)) or []


async def _collected(items: AsyncIterable[T]) -> list[T]:
    return [item async for item in items]


def _error_of(status: int, error: AzureError) -> CloudUnavailable | ReadRefused:
    """What a response means that is not the one asked for: retry later, or do not retry."""
    if status < FIRST_ERROR or is_not_now(status, error.code, error.message):
        return CloudUnavailable(f"Azure is temporarily unavailable ({error.code or f'HTTP {status}'}); retry later.")
    return ReadRefused(refusal_of(status, error.code, error.message, error.policy))
