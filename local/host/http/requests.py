"""Requests as Azure's host passes them to the worker: what it drops, joins and leaves unchanged.

https://github.com/Azure/azure-functions-
host/blob/dev/src/WebJobs.Script.Grpc/MessageExtensions/GrpcMessageConversionExtensions.cs
"""

from collections.abc import Iterable
from urllib.parse import unquote_plus, urlsplit

import azure.functions as func
from aiohttp import web


async def handed_on(request: web.Request, route_params: dict[str, str]) -> func.HttpRequest:
    """A request as an app in Azure receives it.

    The URL is unchanged. Query parameters without a value are dropped, and several values of one name are joined by commas;
    so are several headers of one name. A body without a Content-Length is dropped, and a compressed one stays compressed.
    """
    headers = _joined((name.lower(), value) for name, value in request.headers.items())
    seen = [part for part in (headers.get("x-forwarded-for"), request.remote) if part]
    headers["x-forwarded-for"] = ", ".join(seen)  # the front end adds the address of the client
    asked = urlsplit(request.raw_path)
    content = await request.read()
    return func.HttpRequest(
        method=request.method,
        url=f"{request.scheme}://{request.host}{asked.path}{f'?{asked.query}' if asked.query else ''}",
        headers=headers,
        params=query_of(asked.query),
        route_params=route_params,
        body=content if request.content_length else b"",
    )


def query_of(text: str) -> dict[str, str]:
    """The query parameters that an app sees: names are case-insensitive, and empty values are dropped."""
    pairs = (part.partition("=") for part in text.split("&") if part)
    return _joined((unquote_plus(name), unquote_plus(value)) for name, _, value in pairs if value)


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, list[str]] = {}
    written: dict[str, str] = {}
    for name, value in pairs:
        joined.setdefault(written.setdefault(name.lower(), name), []).append(value)
    return {name: ",".join(values) for name, values in joined.items()}
