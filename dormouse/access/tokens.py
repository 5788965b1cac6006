"""Bearer tokens of Microsoft Entra, verified: signature, issuer, audience and times, and nothing believed before that.

https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens
"""

from typing import Any, Protocol

import azure.functions as func

from dormouse.errors import CloudUnavailable, NotAuthenticated

ALGORITHM = "RS256"
LEEWAY = 60  # seconds by which clocks may differ
LONGEST_TOKEN = 16 * 1024


class KeySource(Protocol):
    """Where the tenant's signing keys come from."""

    async def key(self, identifier: str) -> Any:
        """The key with this ID, or None if the tenant has none; raises CloudUnavailable."""


class Tokens:
    """Reads tokens that one tenant has issued."""

    def __init__(self, keys: KeySource, authority: str, tenant: str) -> None:
        """Believe this authority's tenant; its tokens name it in the words of version 1 or of version 2."""
        self._keys, self._tenant = keys, tenant
        self._issuers = [f"{authority}/{tenant}/v2.0", f"https://sts.windows.net/{tenant}/"]

    async def claims(self, req: func.HttpRequest, audience: str) -> dict[str, Any]:
        """The claims of the token that a request carries; raises NotAuthenticated, or CloudUnavailable."""
        import jwt

        if not self._tenant:
            raise CloudUnavailable("ENTRA_TENANT_ID is not set: tokens cannot be verified.")
        kind, _, token = req.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
            raise NotAuthenticated("The request carries no bearer token.")
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != ALGORITHM:
                raise NotAuthenticated("The token is not signed as tokens are.")
            key = await self._keys.key(str(header.get("kid", "")))
            if key is None:
                raise NotAuthenticated("The token is signed with a key that nobody knows.")
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[ALGORITHM],
                audience=[audience, f"{audience}/"],
                issuer=self._issuers,
                leeway=LEEWAY,
                options={"require": ["exp", "nbf", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            raise NotAuthenticated(f"The token is not valid ({type(error).__name__}).") from None
        return claims
