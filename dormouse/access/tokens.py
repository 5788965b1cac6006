"""Verification of Microsoft Entra bearer tokens: signature, issuer, audience and validity period.

https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens
"""

from typing import Any, Protocol

import azure.functions as func

from dormouse.errors import CloudUnavailable, NotAuthenticated

ALGORITHM = "RS256"
LEEWAY = 60  # seconds of allowed clock skew
LONGEST_TOKEN = 16 * 1024


class KeySource(Protocol):
    """A source of the tenant's signing keys."""

    async def key(self, identifier: str) -> Any:
        """The key with this ID, or None if the tenant has none; raises CloudUnavailable."""


class Tokens:
    """Verifies tokens issued by one tenant."""

    def __init__(self, keys: KeySource, authority: str, tenant: str) -> None:
        """Accept tokens of this tenant, in version 1 or version 2 format."""
        self._keys, self._tenant = keys, tenant
        self._issuers = [f"{authority}/{tenant}/v2.0", f"https://sts.windows.net/{tenant}/"]

    async def claims(self, req: func.HttpRequest, audience: str) -> dict[str, Any]:
        """The claims of a request's bearer token; raises NotAuthenticated or CloudUnavailable."""
        import jwt

        if not self._tenant:
            raise CloudUnavailable("ENTRA_TENANT_ID is not set: tokens cannot be verified.")
        kind, _, token = req.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
            raise NotAuthenticated("The Authorization header holds no bearer token.")
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != ALGORITHM:
                raise NotAuthenticated(f"The token uses an unsupported signing algorithm; expected {ALGORITHM}.")
            key = await self._keys.key(str(header.get("kid", "")))
            if key is None:
                raise NotAuthenticated("The token has an unknown signing key (`kid`); request a new token from this tenant.")
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[ALGORITHM],
                audience=[audience, f"{audience}/"],
                issuer=self._issuers,
                leeway=LEEWAY,
                options={"require": ["exp", "nbf", "iss", "aud"]},
            )
        except (jwt.PyJWTError, UnicodeError) as error:  # UnicodeError: header bytes that are not UTF-8
            raise NotAuthenticated(f"The token is not valid ({type(error).__name__}).") from None
        return claims
