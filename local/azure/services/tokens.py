"""Identities and tokens: the managed-identity endpoint, the issuer, and the keys to verify its signatures with."""

import functools
import json
import time
from collections.abc import Callable
from hmac import compare_digest
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.azure.core.responses import Answer
from local.azure.core.store import Store
from local.azure.core.world import TENANT

# https://learn.microsoft.com/azure/app-service/overview-managed-identity: such tokens are valid and cached for 24 hours.
LIFETIME = 24 * 3600
LEEWAY = 60
REMEMBERED = 1024  # tokens whose signature was verified
KEY_ID = "simulated-azure"
# The library uses the time of this computer; tokens use simulated time.
OTHER_TIME: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "require": ["exp", "nbf"]}


class Issuer:
    """Signs tokens for identities and verifies them."""

    def __init__(self, store: Store, base: str, principal: str, now: Callable[[], float]) -> None:
        """Use the stored key, or create one; `now` returns the simulated time in seconds."""
        self.base, self._principal, self._now = base, principal, now
        remembered = store.get("facts", "signing key") or store.put("facts", "signing key", {"pem": _new_key()})
        key = serialization.load_pem_private_key(remembered["pem"].encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self._key = key
        # Callers send the same token with every request, and a signature stays right; a wrong one is not remembered.
        self._signed = functools.lru_cache(REMEMBERED)(self._claims_of)

    @property
    def issuer(self) -> str:
        """The issuer's name in tokens."""
        return f"{self.base}/{TENANT}/v2.0"

    def token(self, audience: str, lifetime: int = LIFETIME, **claims: Any) -> tuple[str, int]:
        """A signed token for an audience, and when it expires (simulated seconds since 1970)."""
        now = int(self._now())
        expires = now + lifetime
        content = {"iss": self.issuer, "aud": audience, "iat": now, "nbf": min(now, expires), "exp": expires, "tid": TENANT}
        content |= {"oid": self._principal, "sub": self._principal, **claims}
        return jwt.encode(content, self._key, algorithm="RS256", headers={"kid": KEY_ID}), expires

    def verify(self, token: str, *audiences: str) -> dict[str, Any]:
        """The claims of a token for one of these audiences; raises jwt.PyJWTError. They may end in a slash or not."""
        claims, now = self._signed(token, audiences), self._now()
        if float(claims["exp"]) + LEEWAY < now:
            raise jwt.ExpiredSignatureError("Signature has expired")
        if float(claims["nbf"]) - LEEWAY > now:
            raise jwt.ImmatureSignatureError("The token is not yet valid (nbf)")
        return dict(claims)

    def _claims_of(self, token: str, audiences: tuple[str, ...]) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            self._key.public_key(),
            algorithms=["RS256"],
            audience=[audience + end for audience in audiences for end in ("", "/")],
            issuer=self.issuer,
            options=OTHER_TIME,
        )
        return claims

    def keys(self) -> Answer:
        """The public keys, as a JSON Web Key Set."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return Answer(200, {"keys": [{**key, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]})

    def configuration(self) -> Answer:
        """The OpenID Connect configuration."""
        root = f"{self.base}/{TENANT}"
        return Answer(
            200,
            {
                "issuer": self.issuer,
                "jwks_uri": f"{root}/discovery/v2.0/keys",
                "token_endpoint": f"{root}/oauth2/v2.0/token",
                "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            },
        )


def managed_identity(issuer: Issuer, secret: str, header: str, resource: str, roles: list[str], speed: float) -> Answer:
    """A token for the app's managed identity, as App Service returns it to a caller with the secret header.

    It contains the app `roles` of the identity, if there are any. The Azure SDKs cache tokens by real time, so it is valid
    for a real day, which takes `speed` simulated days.

    https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
    """
    if not compare_digest(header.encode(), secret.encode()):
        return Answer(401, {"statusCode": 401, "message": "X-IDENTITY-HEADER is missing or wrong."})
    token, _ = issuer.token(resource, int(LIFETIME * speed), **({"roles": roles} if roles else {}))
    return Answer(
        200,
        {
            "access_token": token,
            "expires_on": str(int(time.time()) + LIFETIME),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": TENANT,
        },
    )


def _new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem.decode()
