"""Requests to Azure Resource Manager for which the SDK has no method: actions of resources, parameters, lists by path."""

from typing import Any
from urllib.parse import quote

from dormouse.cloud import long_running
from dormouse.cloud.clients import FOR_RESOURCES, Cloud
from dormouse.cloud.error_bodies import json_in
from dormouse.cloud.sdk_errors import FIRST_ERROR, read_json
from dormouse.environments.answers import Answer


async def send(
    cloud: Cloud, method: str, path: str, api_version: str, body: Any = None, **query: str
) -> tuple[Answer, dict[str, Any]]:
    """Make one request; returns the answer, and the JSON object in the response ({}: it has none).

    `path` begins with a slash and may have spaces; `query` adds parameters to the API version.
    """
    from azure.core.rest import HttpRequest

    content: dict[str, Any] = {} if body is None else {"json": body}
    request = HttpRequest(method, _url(cloud, path), params={"api-version": api_version, **query}, **content)
    response = await cloud.resources.send_request(request)
    shown = json_in(response)
    found: dict[str, Any] = shown if isinstance(shown, dict) else {}
    status, headers, now = response.status_code, response.headers, cloud.now()
    if status >= FIRST_ERROR:
        return long_running.answer_of_error(status, headers, found, now=now), found
    itself = request.url if method in FOR_RESOURCES else ""
    return long_running.answer_of_start(status, headers, found, now=now, resource_url=itself), found


async def list_at(cloud: Cloud, path: str, api_version: str) -> list[dict[str, Any]]:
    """All items of a list, page by page; raises CloudUnavailable and ReadRefused."""
    from azure.core.rest import HttpRequest

    found: list[dict[str, Any]] = []
    url = f"{_url(cloud, path)}?api-version={api_version}"
    while url.startswith(_url(cloud, "/")):  # the token is not sent to other hosts
        page = await read_json(cloud.resources.send_request(HttpRequest("GET", url)))
        found += page.get("value") or []
        url = str(page.get("nextLink") or "")
    return found


def _url(cloud: Cloud, path: str) -> str:
    return f"{cloud.settings.azure_resource_manager_url.rstrip('/')}{quote(path)}"
