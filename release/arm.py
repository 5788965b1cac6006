"""Requests to Azure Resource Manager, as the release sends them: with a token of Azure CLI."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx

PUBLIC = "https://management.azure.com"
# Resource Manager answers in at most a minute, or with 504.
TIMEOUT = 90.0


class CheckFailed(Exception):
    """A check of the release has failed, or could not be made; the message says what to look at."""


class NotThere(CheckFailed):
    """Azure says that there is no such thing."""


class Arm:
    """Resource Manager of one subscription; every other answer than a success is a CheckFailed that names Azure's code."""

    def __init__(self, client: httpx.Client, token: Callable[[], str], subscription: str) -> None:
        """Send requests by a client whose base URL is Resource Manager; `token` is asked again for each."""
        self._client, self._token, self.subscription = client, token, subscription

    @property
    def root(self) -> str:
        """The resource ID of the subscription."""
        return f"/subscriptions/{self.subscription}"

    def ask(self, method: str, path: str, version: str, body: Any = None, **query: str) -> httpx.Response:
        """Send a request and return whatever comes back; raises CheckFailed if nothing does."""
        headers = {"Authorization": f"Bearer {self._token()}"}
        parameters = {**query, "api-version": version}
        try:
            return self._client.request(method, path, params=parameters, headers=headers, json=body)
        except httpx.HTTPError as error:
            raise CheckFailed(f"{method} {path}: Azure did not answer ({type(error).__name__}).") from None

    def get(self, path: str, version: str, **query: str) -> dict[str, Any]:
        """What a GET answers with."""
        content: dict[str, Any] = self._checked("GET", path, self.ask("GET", path, version, **query)).json()
        return content

    def post(self, path: str, version: str, body: Any = None) -> Any:
        """What a POST answers with, or None for an empty answer."""
        answer = self._checked("POST", path, self.ask("POST", path, version, body))
        return answer.json() if answer.content else None

    def pages(self, path: str, version: str, **query: str) -> Iterator[dict[str, Any]]:
        """Every item of a list, over all its pages."""
        page = self.get(path, version, **query)
        yield from page["value"]
        while following := page.get("nextLink"):
            url = httpx.URL(following)
            page = self.get(
                url.path, version, **{name: value for name, value in url.params.items() if name != "api-version"}
            )
            yield from page["value"]

    def _checked(self, method: str, path: str, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        kind = NotThere if answer.status_code == httpx.codes.NOT_FOUND else CheckFailed
        raise kind(f"{method} {path}: Azure answered {answer.status_code} {code_of(answer)}.")


def code_of(answer: httpx.Response) -> str:
    """Azure's code for an error, or "" for an answer that has none."""
    try:
        return str(answer.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""
