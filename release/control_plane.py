"""The API of a deployed control plane, as the release uses it."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

from release.arm import CheckFailed

# The first request to an app without an instance includes a cold start.
TIMEOUT = 60.0


class ControlPlane:
    """A control plane behind its URL; every other answer than a success is a CheckFailed."""

    def __init__(self, client: httpx.Client, url: str, credential: dict[str, str]) -> None:
        """Send requests by a client; `credential` is the header that shows who asks."""
        self._client, self._url, self._credential = client, url.rstrip("/"), credential

    def get(self, path: str) -> Any:
        """What a GET answers with; the path may be a link of the API, which begins with /api."""
        return self._ask("GET", path)

    def delete_environment(self, name: str) -> str:
        """Begin to delete an environment; returns the ID of the operation, or "" if it is gone."""
        answer = self._ask("DELETE", f"/environments/{quote(name, safe='')}")
        return str(answer.get("operation") or "")

    def environments(self, prefix: str) -> Iterator[str]:
        """The names of environments that begin like this, over all pages."""
        path: str | None = "/environments"
        while path:
            page = self.get(path)
            yield from (one["name"] for one in page["value"] if one["name"].startswith(prefix))
            path = page["next"]

    def _ask(self, method: str, path: str) -> Any:
        url = self._url + path.removeprefix("/api")
        try:
            answer = self._client.request(method, url, headers=self._credential)
            answer.raise_for_status()
            return answer.json()
        except httpx.HTTPStatusError as error:
            raise CheckFailed(f"{method} {url}: {error.response.status_code} {_detail(error.response)}") from None
        except (httpx.HTTPError, ValueError) as error:
            raise CheckFailed(f"{method} {url}: no usable answer ({type(error).__name__}).") from None


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", ""))
    except (ValueError, AttributeError):
        return ""
