"""Azure over HTTP in memory: the real SDK clients ask it, and nothing leaves the process."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse
from azure.identity.aio import DefaultAzureCredential

from dormouse.cloud.clients import Cloud
from dormouse.cloud.prices import Prices
from dormouse.errors import CloudUnavailable
from dormouse.resources.sizes.price_rows import Price
from dormouse.settings import Settings
from tests.unit.twins import SETTINGS, MemoryTables, stopped_clock

CHALLENGE = 'Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"'
NOT_FOUND = {"error": {"code": "ResourceNotFound", "message": "It does not exist."}}


class Response(AsyncHttpResponse):
    """A response as the SDK reads it."""

    def __init__(self, request: Any, status: int, body: Any, headers: Mapping[str, str]) -> None:
        self._request, self._status = request, status
        self._content = b"" if body is None else json.dumps(body).encode()
        self._headers = {"Content-Type": "application/json", **headers}
        self._encoding: str | None = "utf-8"

    @property
    def request(self) -> Any:
        return self._request

    @property
    def status_code(self) -> int:
        return self._status

    @property
    def headers(self) -> Any:
        return self._headers

    @property
    def reason(self) -> str:
        return ""

    @property
    def content_type(self) -> str | None:
        return self._headers["Content-Type"]

    @property
    def is_closed(self) -> bool:
        return True

    @property
    def is_stream_consumed(self) -> bool:
        return True

    @property
    def encoding(self) -> str | None:
        return self._encoding

    @encoding.setter
    def encoding(self, value: str | None) -> None:
        self._encoding = value

    @property
    def url(self) -> str:
        return str(self._request.url)

    @property
    def content(self) -> bytes:
        return self._content

    def body(self) -> bytes:
        return self._content

    def text(self, encoding: str | None = None) -> str:
        return self._content.decode()

    def json(self) -> Any:
        return json.loads(self._content) if self._content else None

    def raise_for_status(self) -> None:
        if self._status >= 400:
            raise HttpResponseError(response=self)

    async def read(self) -> bytes:
        return self._content

    async def close(self) -> None:
        return None

    async def iter_raw(self, **_: Any) -> Any:
        yield self._content

    async def iter_bytes(self, **_: Any) -> Any:
        yield self._content

    async def __aexit__(self, *_: object) -> None:
        return None


class Token(DefaultAzureCredential):
    """A credential that has a token."""

    def __init__(self) -> None:
        """Send nothing."""

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken("token", 2**33)

    async def get_token_info(self, *scopes: str, **_: Any) -> AccessTokenInfo:
        return AccessTokenInfo("token", 2**33)


class Azure(AsyncHttpTransport[Any, Any]):
    """Azure that shows these bodies by path (in any case); anything else does not exist.

    `answers` has statuses, bodies and headers by method and path, such as `PUT /subscriptions/…`; every other PUT and DELETE
    succeeds at once. `asked` lists the requests, `sent` their bodies, `versions` their API versions, and `urls` their URLs.
    """

    def __init__(
        self, shows: Mapping[str, Any], answers: Mapping[str, tuple[int, Any, dict[str, str]]] | None = None
    ) -> None:
        self.shows = {path.lower(): body for path, body in shows.items()}
        self.answers = {request.lower(): answer for request, answer in (answers or {}).items()}
        self.asked: list[str] = []
        self.sent: list[Any] = []
        self.versions: list[str] = []
        self.urls: list[str] = []

    async def send(self, request: Any, **_: Any) -> Response:
        if "Authorization" not in request.headers:  # only the client of the vault asks first how to authenticate
            return Response(request, 401, None, {"WWW-Authenticate": CHALLENGE})
        url = urlsplit(request.url)
        path = unquote(url.path).rstrip("/")
        asked = f"{request.method} {path}"
        self.asked.append(asked)
        self.urls.append(request.url)
        self.versions += parse_qs(url.query).get("api-version", [""])
        content = getattr(request, "content", None) or getattr(request, "data", None)  # some SDKs have older requests
        self.sent.append(json.loads(content) if content else None)
        return Response(request, *self._answer(request.method, path.lower(), asked.lower()))

    def _answer(self, method: str, path: str, asked: str) -> tuple[int, Any, dict[str, str]]:
        if asked in self.answers:
            return self.answers[asked]
        if method in ("PUT", "DELETE"):
            return 200, {} if method == "PUT" else None, {}
        return (200, self.shows[path], {}) if path in self.shows else (404, NOT_FOUND, {})

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def __aexit__(self, *_: object) -> None:
        return None


def cloud_over(azure: Azure, tables: MemoryTables | None = None, settings: Settings = SETTINGS) -> Cloud:
    """The clients of the app over this Azure."""
    cloud = Cloud(settings, stopped_clock(0.0))
    cloud.transport, cloud.credential = azure, Token()
    cloud.tables = tables or MemoryTables()
    return cloud


class PriceList(Prices):
    """A price list of one region with these prices by VM size, or one that does not answer."""

    def __init__(self, known: Mapping[str, float] | None) -> None:
        super().__init__(Cloud(SETTINGS, stopped_clock(0.0)))
        self._listed = known

    async def of_machine(self, region: str, size: str, *, spot: bool = False) -> Price | None:
        if self._listed is None:
            raise CloudUnavailable("no answer")
        assert region == "polandcentral"
        return Price(self._listed[size], "USD", "", "") if size in self._listed else None
