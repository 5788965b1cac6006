"""Verification of Microsoft Entra bearer tokens: signature, issuer, audience and validity period.

https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens
"""

import logging
from typing import Any, Protocol

import azure.functions as func

from dormouse.clock import Clock
from dormouse.errors import Misconfigured, NotAuthenticated

ALGORITHM = "RS256"
LEEWAY = 60  # seconds of allowed clock skew
LONGEST_TOKEN = 16 * 1024

log = logging.getLogger(__name__)


class KeySource(Protocol):
    """A source of the tenant's signing keys."""

    async def key(self, identifier: str) -> Any:
        """The key with this ID, or None if the tenant has none; raises CloudUnavailable."""


class Tokens:
    """Verifies tokens issued by one tenant."""

    def __init__(self, keys: KeySource, authority: str, tenant: str, clock: Clock) -> None:
        """Accept tokens of this tenant, in version 1 or version 2 format."""
        self._keys, self._tenant, self._clock = keys, tenant, clock
        self._issuers = [f"{authority}/{tenant}/v2.0", f"https://sts.windows.net/{tenant}/"]

    async def claims(self, req: func.HttpRequest, audience: str) -> dict[str, Any]:
        """The claims of a request's bearer token; raises NotAuthenticated, Misconfigured or CloudUnavailable."""
        import jwt

        if not self._tenant:
            log.error("The control plane is misconfigured: ENTRA_TENANT_ID is not set, and a caller sent a bearer token.")
            raise Misconfigured(
                "The control plane is misconfigured: ENTRA_TENANT_ID is not set, so it cannot verify tokens."
            )
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
                options={
                    "require": ["exp", "nbf", "iss", "aud"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            _require_current(claims, self._clock.now())
        except (jwt.PyJWTError, UnicodeError) as error:  # UnicodeError: header bytes that are not UTF-8
            raise NotAuthenticated(f"The token is not valid ({type(error).__name__}).") from None
        return claims


def _require_current(claims: dict[str, Any], now: float) -> None:
    """Raise what PyJWT raises for tokens that have expired or are not valid yet; PyJWT knows only the computer's time."""
    import jwt

    try:
        expires, begins = int(claims["exp"]), [int(claims[name]) for name in ("nbf", "iat") if name in claims]
    except (TypeError, ValueError, OverflowError):
        raise jwt.DecodeError("The times of the token are not numbers.") from None
    if expires <= now - LEEWAY:
        raise jwt.ExpiredSignatureError("The token has expired.")
    if max(begins) > now + LEEWAY:
        raise jwt.ImmatureSignatureError("The token is not valid yet.")
