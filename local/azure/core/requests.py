"""Requests to the simulated Azure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from local.azure.core.responses import Refused
from local.azure.core.world import World
from local.azure.services.tokens import Issuer

CHALLENGE = (
    'Bearer authorization_uri="https://login.windows.net/", error="invalid_token", '
    "error_description=\"The authentication failed because of missing 'Authorization' header.\""
)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request: `path` is as it was sent, not unquoted; `base` is the address of the service."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base: str
    url: str
    issuer: Issuer

    @property
    def version(self) -> str:
        """The API version that was asked for."""
        return self.query.get("api-version", "")

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; raises the refusal for anything else."""
        try:
            content = json.loads(self.body)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            text = "The request content was invalid and could not be deserialized."
            raise Refused(400, "InvalidRequestContent", text)
        return content

    def check_token(self, world: World, audience: str, *, challenge: str = CHALLENGE) -> None:
        """Raise a 401 unless the request carries a token of ours for this audience."""
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            text = "Authentication failed. The 'Authorization' header is missing."
            raise Refused(401, "AuthenticationFailed", text, headers={"WWW-Authenticate": challenge})
        try:
            self.issuer.verify(token, audience)
        except jwt.PyJWTError as error:
            headers = {"WWW-Authenticate": challenge}
            raise Refused(
                401, "InvalidAuthenticationToken", f"The access token is invalid: {error}.", headers=headers
            ) from None
