"""Identities and tokens: the managed-identity endpoint, the issuer, and the keys to verify its signatures with."""

import json
import time
from hmac import compare_digest
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.azure.answers import Answer
from local.azure.store import Store
from local.azure.world import TENANT

LIFETIME = 3600
KEY_ID = "simulated-azure"


class Issuer:
    """Signs tokens for identities and verifies them again."""

    def __init__(self, store: Store, base: str, principal: str) -> None:
        """Use the key that the store remembers, or make one."""
        self.base, self._principal = base, principal
        remembered = store.get("facts", "signing key") or store.put("facts", "signing key", {"pem": _new_key()})
        key = serialization.load_pem_private_key(remembered["pem"].encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self._key = key

    @property
    def issuer(self) -> str:
        """The issuer's name in tokens."""
        return f"{self.base}/{TENANT}/v2.0"

    def token(self, audience: str, **claims: Any) -> tuple[str, int]:
        """A signed token for an audience, and when it expires (seconds since 1970)."""
        now = int(time.time())
        content = {"iss": self.issuer, "aud": audience, "iat": now, "nbf": now, "exp": now + LIFETIME, "tid": TENANT}
        content |= {"oid": self._principal, "sub": self._principal, **claims}
        return jwt.encode(content, self._key, algorithm="RS256", headers={"kid": KEY_ID}), now + LIFETIME

    def verify(self, token: str, audience: str) -> dict[str, Any]:
        """The claims of a token; raises jwt.PyJWTError. An audience may end in a slash or not."""
        audiences = [audience, audience + "/"]
        claims: dict[str, Any] = jwt.decode(
            token, self._key.public_key(), algorithms=["RS256"], audience=audiences, issuer=self.issuer
        )
        return claims

    def keys(self) -> Answer:
        """The public keys, as a JSON Web Key Set."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return Answer(200, {"keys": [{**key, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]})

    def configuration(self) -> Answer:
        """What OpenID Connect clients want to know."""
        root = f"{self.base}/{TENANT}"
        return Answer(
            200,
            {
                "issuer": self.issuer,
                "jwks_uri": f"{root}/discovery/v2.0/keys",
                "token_endpoint": f"{root}/oauth2/v2.0/token",
            },
        )


def managed_identity(issuer: Issuer, secret: str, header: str, resource: str) -> Answer:
    """A token for the app's managed identity, as App Service gives it to who knows the secret header.

    https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
    """
    if not compare_digest(header.encode(), secret.encode()):
        return Answer(401, {"statusCode": 401, "message": "X-IDENTITY-HEADER is missing or wrong."})
    token, expires = issuer.token(resource)
    return Answer(
        200,
        {
            "access_token": token,
            "expires_on": str(expires),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": TENANT,
        },
    )


def _new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem.decode()
