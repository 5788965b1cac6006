"""The identity of the machine, from the instance metadata service; no secret is stored on the machine."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from typing import Any

from .filesystem import Unknown, plain
from .http_client import is_valid_in_header, send_request
from .intervals import now

METADATA = "http://169.254.169.254"
SPARE_SECONDS = 300


class Identity:
    """The machine's resource id and its tokens, which are kept in memory only."""

    def __init__(self, audience: str, metadata: str = METADATA) -> None:
        self._audience = audience
        self._metadata = metadata
        self._machine = ""
        self._token = ""
        self._token_until = 0.0

    def machine(self) -> str:
        """The resource id of this machine; raises Unknown."""
        if not self._machine:
            found = self._ask("/metadata/instance/compute", {"api-version": "2021-02-01"}).get("resourceId")
            if not isinstance(found, str) or not found:
                raise Unknown("the metadata service returns no resource ID")
            self._machine = found
        return self._machine

    def token(self) -> str:
        """A token of the machine's managed identity for the control plane; raises Unknown."""
        if now() >= self._token_until:
            query = {"api-version": "2018-02-01", "resource": self._audience}
            said = self._ask("/metadata/identity/oauth2/token", query)
            token = said.get("access_token")
            if not isinstance(token, str) or not is_valid_in_header(token):
                raise Unknown("the metadata service returns no valid token")
            self._token, self._token_until = token, now() + _lifetime(said) - SPARE_SECONDS
        return self._token

    def forget_token(self) -> None:
        """Drop the token after it was rejected; the next call requests a new one."""
        self._token, self._token_until = "", 0.0

    def _ask(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        url = f"{self._metadata}{path}?{urllib.parse.urlencode(query)}"
        answer = send_request(urllib.request.Request(url, headers={"Metadata": "true"}), seconds=10, most_bytes=1 << 18)
        if answer.status != 200:
            raise Unknown(
                f"the metadata service answers {answer.status}: {plain(answer.content.decode('utf-8', 'replace'))}"
            )
        try:
            said = json.loads(answer.content)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise Unknown("the response of the metadata service is not a JSON object")
        return said


def _lifetime(said: dict[str, Any]) -> float:
    # A token may come from the host's cache, and `expires_in` counts from when it was issued; `expires_on` is wall clock,
    # which may be wrong. The shorter of both is safe: at worst every request gets a new token.
    try:
        return min(float(said["expires_in"]), float(said["expires_on"]) - time.time())
    except (KeyError, TypeError, ValueError):
        return 0.0
