"""The times of a token are compared with the app's clock, whatever the time of this computer is."""

import asyncio
from typing import Any

import azure.functions as func
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from dormouse.access.tokens import LEEWAY, Tokens
from dormouse.clock import HOUR, Clock
from dormouse.errors import NotAuthenticated

AUTHORITY, TENANT, AUDIENCE = "https://login.example", "tenant", "api://dormouse"
NOW = 2_000_000_000.0
TIMES = {"iat": int(NOW), "nbf": int(NOW), "exp": int(NOW + HOUR)}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Keys:
    """The only key of the tenant."""

    async def key(self, identifier: str) -> Any:
        return jwt.PyJWK.from_dict(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True) | {"alg": "RS256"})


def claims_at(now: float, **changed: Any) -> dict[str, Any]:
    """What is read at a time from a token with these claims; None leaves one out."""
    claims = {"iss": f"{AUTHORITY}/{TENANT}/v2.0", "aud": AUDIENCE, **TIMES, **changed}
    token = jwt.encode({name: value for name, value in claims.items() if value is not None}, KEY, algorithm="RS256")
    req = func.HttpRequest(method="GET", url="/api/x", headers={"Authorization": f"Bearer {token}"}, body=b"")
    return asyncio.run(Tokens(Keys(), AUTHORITY, TENANT, Clock(now, speed=0.0)).claims(req, AUDIENCE))


@pytest.mark.parametrize("now", [NOW - LEEWAY, NOW, NOW + HOUR + LEEWAY - 1])
def test_a_token_is_valid_between_nbf_and_exp_with_a_minute_of_leeway(now: float) -> None:
    assert claims_at(now)["exp"] == int(NOW + HOUR)
    assert claims_at(now, iat=None)["nbf"] == int(NOW)


@pytest.mark.parametrize(
    ("now", "changed", "error"),
    [
        (NOW + HOUR + LEEWAY, {}, "ExpiredSignatureError"),
        (NOW - LEEWAY - 1, {}, "ImmatureSignatureError"),
        (NOW, {"iat": int(NOW) + LEEWAY + 1}, "ImmatureSignatureError"),
        (NOW, {"exp": "soon"}, "DecodeError"),
        (NOW, {"nbf": [1]}, "DecodeError"),
        (NOW, {"exp": None}, "MissingRequiredClaimError"),
        (NOW, {"nbf": None}, "MissingRequiredClaimError"),
        (NOW, {"aud": "api://other"}, "InvalidAudienceError"),
        (NOW, {"iss": "https://login.example/other/v2.0"}, "InvalidIssuerError"),
    ],
)
def test_the_reason_for_an_invalid_token_is_reported(now: float, changed: dict[str, Any], error: str) -> None:
    with pytest.raises(NotAuthenticated, match=f"The token is not valid .{error}"):
        claims_at(now, **changed)
