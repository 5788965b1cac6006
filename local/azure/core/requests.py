"""Requests to the simulated Azure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from local.azure.core.responses import Refused, not_simulated
from local.azure.services.tokens import Issuer

CHALLENGE = (
    'Bearer authorization_uri="https://login.windows.net/", error="invalid_token", '
    "error_description=\"The authentication failed because of missing 'Authorization' header.\""
)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request: `path` is as it was sent, still quoted; `base` is the URL of the service."""

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
        """The requested API version."""
        return self.query.get("api-version", "")

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; raises a refusal for anything else."""
        try:
            content = json.loads(self.body)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            text = "The request content was invalid and could not be deserialized."
            raise Refused(400, "InvalidRequestContent", text)
        return content

    def check_query(self, *known: str) -> None:
        """Raise a refusal for a query parameter that is not simulated, because ignoring it would change the answer."""
        unknown = [name for name in self.query if name.lower() not in ("api-version", *known)]
        if unknown:
            raise not_simulated(f"the query parameter {unknown[0]} of {self.method} {self.path}")

    def check_token(self, *audiences: str, challenge: str = CHALLENGE) -> dict[str, Any]:
        """The claims of the token; raises a 401 unless the request has one of our issuer for one of these audiences."""
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            text = "Authentication failed. The 'Authorization' header is missing."
            raise Refused(401, "AuthenticationFailed", text, headers={"WWW-Authenticate": challenge})
        try:
            return self.issuer.verify(token, *audiences)
        except jwt.PyJWTError as error:
            headers = {"WWW-Authenticate": challenge}
            raise Refused(
                401, "InvalidAuthenticationToken", f"The access token is invalid: {error}.", headers=headers
            ) from None
