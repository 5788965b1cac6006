"""Requests to the API server of a cluster.

https://kubernetes.io/docs/reference/using-api/api-concepts
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from dormouse.cloud.kubernetes.access import cluster_token
from dormouse.cloud.sdk_errors import ReadRefused
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.errors import CloudUnavailable
from dormouse.resources.kubernetes.objects import path_of

if TYPE_CHECKING:
    from dormouse.cloud.clients import Cloud

APPLY = {"fieldManager": "dormouse", "force": "true"}
# JSON is YAML. https://kubernetes.io/docs/reference/using-api/server-side-apply
APPLY_TYPE, JSON_TYPE = "application/apply-patch+yaml", "application/json"
SECONDS, CONNECT_SECONDS = 15.0, 5.0
OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, TOO_MANY, FIRST_ERROR, FIRST_SERVER_ERROR = (
    *(200, 401, 403, 404, 409, 429, 400, 500),
)
NOT_IMPLEMENTED = 501
REASONS = {
    UNAUTHORIZED: RefusalReason.FORBIDDEN,
    FORBIDDEN: RefusalReason.FORBIDDEN,
    NOT_FOUND: RefusalReason.NOT_FOUND,
    CONFLICT: RefusalReason.CONFLICT,
}
LONGEST_PAGE = 500


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response of an API server: its status, and its content as text."""

    status: int
    text: str

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object in it, or an empty one."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def refusal(self) -> Refusal:
        """Why the API server refused a request; never with what was sent."""
        said = self.body
        reason = REASONS.get(self.status, RefusalReason.BAD_REQUEST)
        return Refusal(reason, str(said.get("message") or f"HTTP {self.status}"), str(said.get("reason") or ""), azure=True)


class KubernetesApi:
    """The API server of one cluster, with a fresh token for each request.

    Every method raises CloudUnavailable if it does not answer, and ReadRefused if it refuses a read.
    """

    def __init__(self, cloud: "Cloud", url: str, authority: str) -> None:
        """Nothing connects before the first request; only the CA of the cluster is trusted."""
        self._cloud, self._url = cloud, url
        self._trusted = ssl.create_default_context(cadata=authority)

    async def apply(self, manifest: Mapping[str, Any]) -> ApiResponse:
        """Create an object or change it to its manifest (server-side apply); a repetition changes nothing."""
        return await self._send("PATCH", path_of(manifest), APPLY, json.dumps(manifest), APPLY_TYPE)

    async def get(self, path: str) -> dict[str, Any] | None:
        """The object at a path, or None."""
        said = await self._send("GET", path)
        return None if said.status == NOT_FOUND else self._read(said)

    async def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        """All objects of a collection, page by page."""
        found: list[dict[str, Any]] = []
        asked = {**query, "limit": str(LONGEST_PAGE)}
        while True:
            page = self._read(await self._send("GET", path, asked))
            found += page.get("items") or []
            following = str((page.get("metadata") or {}).get("continue") or "")
            if not following:
                return found
            asked = {**query, "limit": str(LONGEST_PAGE), "continue": following}

    async def delete(self, path: str) -> ApiResponse:
        """Delete an object with what it owns; deleting a missing one is answered with 404."""
        return await self._send("DELETE", path, {"propagationPolicy": "Background"})

    async def log(self, namespace: str, pod: str, lines: int, container: str = "") -> str:
        """The last lines of the log of a container of a pod ("": the only one), each after its time; "" if it has none."""
        path = f"api/v1/namespaces/{namespace}/pods/{pod}/log"
        named = {"container": container} if container else {}
        said = await self._send("GET", path, {"tailLines": str(lines), "timestamps": "true", **named})
        if said.status in (NOT_FOUND, FIRST_ERROR):  # 400: its container has not started
            return ""
        if said.status != OK:
            raise ReadRefused(said.refusal)
        return said.text

    def _read(self, said: ApiResponse) -> dict[str, Any]:
        if said.status != OK:
            raise ReadRefused(said.refusal)
        return said.body

    async def _send(
        self, method: str, path: str, query: Mapping[str, str] | None = None, content: str = "", kind: str = JSON_TYPE
    ) -> ApiResponse:
        import aiohttp

        headers = {
            "Authorization": f"Bearer {await cluster_token(self._cloud)}",
            "Accept": JSON_TYPE,
            "Accept-Encoding": "identity",
            "Content-Type": kind,
        }
        url = f"{self._url}/{quote(path)}{f'?{urlencode(query)}' if query else ''}"
        limit = aiohttp.ClientTimeout(total=SECONDS, connect=CONNECT_SECONDS)
        session = await self._session()
        try:
            asked = session.request(
                method, url, data=content or None, headers=headers, ssl=self._trusted, timeout=limit, allow_redirects=False
            )
            async with asked as response:
                said = ApiResponse(response.status, (await response.read()).decode(errors="replace"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise CloudUnavailable(f"The API server did not answer ({type(error).__name__}); retry later.") from error
        if said.status == TOO_MANY or (said.status >= FIRST_SERVER_ERROR and said.status != NOT_IMPLEMENTED):
            raise CloudUnavailable(f"The API server is temporarily unavailable (HTTP {said.status}); retry later.")
        return said

    async def _session(self) -> Any:
        transport = self._cloud.transport
        await transport.open()
        return transport.session
