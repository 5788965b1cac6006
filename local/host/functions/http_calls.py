"""Durable HTTP: an orchestrator's HTTP call and its polls, inside one built-in activity.

The official host polls with timers and separate calls, which the Python SDK does not know; the result is the same
(Azure/azure-functions-durable-extension, Listener/TaskHttpActivityShim.cs).
"""

import os
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

import aiohttp

PAUSE = 30.0  # defaultHttpAsyncRequestSleepTimeMillseconds
KEY_HEADER = "x-functions-key"


async def call_http(request: dict[str, Any], sleep: Callable[[float], Awaitable[None]]) -> dict[str, Any]:
    """Make a call and poll it until the response is no longer 202; raises aiohttp's errors.

    `sleep` sleeps for simulated seconds between polls.
    """
    headers = {str(name): str(value) for name, value in (request.get("headers") or {}).items()}
    async with aiohttp.ClientSession(trust_env=False) as session:
        if request.get("tokenSource"):
            headers["Authorization"] = f"Bearer {await _token(session, request['tokenSource'])}"
        method, uri, content = str(request["method"]), str(request["uri"]), request.get("content")
        while True:
            async with session.request(method, uri, headers=headers, data=content) as answer:
                text, location = await answer.text(errors="replace"), answer.headers.get("Location")
                if answer.status != HTTPStatus.ACCEPTED or not location:
                    return {"statusCode": answer.status, "headers": dict(answer.headers), "content": text}
                pause = answer.headers.get("Retry-After", "")
            await sleep(float(pause) if pause.isdigit() else PAUSE)
            # The URL to poll contains its own credentials: the key of the first URL is not sent to it.
            headers = {name: value for name, value in headers.items() if name.lower() != KEY_HEADER}
            method, uri, content = "GET", urljoin(uri, location), None


async def _token(session: aiohttp.ClientSession, source: dict[str, Any]) -> str:
    """A token of the app's managed identity (https://learn.microsoft.com/azure/app-service/overview-managed-identity)."""
    query = {"resource": str(source["resource"]), "api-version": "2019-08-01"}
    headers = {"X-IDENTITY-HEADER": os.environ["IDENTITY_HEADER"]}
    endpoint = os.environ["IDENTITY_ENDPOINT"]
    async with session.get(endpoint, params=query, headers=headers, raise_for_status=True) as answer:
        content: dict[str, str] = await answer.json()
    return content["access_token"]
