"""Users who sign in with a browser at the simulated Entra: what it refuses, as Entra does."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from local.azure.core.world import TENANT
from local.sandbox import Ground

PAGE, SERVER = "7d5f1c1e-6a55-4c86-9f6e-0c6c1c9a3b41", "7d5f1c1e-6a55-4c86-9f6e-0c6c1c9a3b42"
REDIRECT, ORIGIN = "http://127.0.0.1:7071/api/dashboard", {"Origin": "http://127.0.0.1:7071"}
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
ASKED = {
    "client_id": PAGE,
    "response_type": "code",
    "response_mode": "fragment",
    "redirect_uri": REDIRECT,
    "scope": "api://dormouse/.default openid offline_access",
    "state": "s",
    "nonce": "n",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
REDEEMED = {"client_id": PAGE, "grant_type": "authorization_code", "redirect_uri": REDIRECT, "code_verifier": VERIFIER}


class Entra:
    """The authority, as a browser asks it."""

    def __init__(self, ground: Ground, control: httpx.Client) -> None:
        self.control, self._host = control, f"login.localhost:{ground.azure_port}"

    def ask(self, method: str, path: str, headers: Any = None, **more: Any) -> httpx.Response:
        return self.control.request(method, f"/{TENANT}/{path}", headers={"Host": self._host, **(headers or {})}, **more)

    def authorize(self, **changes: str) -> httpx.Response:
        return self.ask("GET", "oauth2/v2.0/authorize", params={**ASKED, **changes})

    def log_in(self, name: str, do: str = "sign-in", **changes: str) -> dict[str, str]:
        answer = self.ask("POST", "login", data={**ASKED, **changes, "login": name, "do": do})
        assert answer.status_code == 302, answer.text
        address = urlsplit(answer.headers["Location"])
        assert address.geturl().startswith(f"{changes.get('redirect_uri', REDIRECT)}#")
        return {key: values[0] for key, values in parse_qs(address.fragment).items()}

    def redeem(self, headers: Any = ORIGIN, **changes: str) -> httpx.Response:
        return self.ask("POST", "oauth2/v2.0/token", headers=headers, data={**REDEEMED, **changes})


@pytest.fixture(scope="module")
def entra(ground: Ground) -> Iterator[Entra]:
    with ground.simulation() as control:
        redirects = {REDIRECT: "spa", "https://server.example/back": "web"}
        for client in (PAGE, SERVER):
            control.put("/applications", json={"id": client, "redirects": redirects}).raise_for_status()
        control.put("/people", json={"name": "ann", "roles": ["user"]}).raise_for_status()
        yield Entra(ground, control)


def code_of(answer: httpx.Response) -> str:
    body = answer.json()
    assert answer.status_code == 400
    assert body["error_description"].startswith(f"AADSTS{body['error_codes'][0]}: ")
    return f"{body['error']} {body['error_codes'][0]}"


def test_a_code_becomes_tokens_of_the_user_once(entra: Entra) -> None:
    back = entra.log_in("ann")
    assert back["state"] == "s"
    answer = entra.redeem(code=back["code"])
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
    tokens = answer.json()
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["preferred_username"], claims["roles"]) == ("api://dormouse", "ann", ["user"])
    identity = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert (identity["aud"], identity["nonce"], identity["oid"]) == (PAGE, "n", claims["oid"])
    again = entra.redeem(code=back["code"])
    assert code_of(again) == "invalid_grant 54005"
    assert again.headers["Access-Control-Allow-Origin"] == "*", "pages may read why"
    renewed = entra.redeem(grant_type="refresh_token", refresh_token=tokens["refresh_token"]).json()
    assert renewed["refresh_token"] != tokens["refresh_token"]
    assert renewed["access_token"]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant 501481"),
        ({"code_verifier": ""}, "invalid_grant 501481"),
        ({"client_id": SERVER}, "invalid_grant 9002313"),
        ({"client_id": TENANT}, "unauthorized_client 700016"),
        ({"code": "made-up"}, "invalid_grant 9002313"),
        ({"redirect_uri": "https://server.example/back"}, "invalid_request 9002326"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request 9002326"),
    ],
)
def test_a_code_serves_only_the_page_that_asked_for_it(entra: Entra, changes: dict[str, str], refusal: str) -> None:
    back = entra.log_in("ann")
    assert code_of(entra.redeem(**{"code": back["code"], **changes})) == refusal
    assert entra.redeem(code=back["code"]).status_code == 200, "a wrong try spends nothing"


def test_what_was_issued_to_a_page_is_redeemed_by_browsers_only(entra: Entra) -> None:
    back = entra.log_in("ann")
    without = entra.redeem(headers={}, code=back["code"])
    assert code_of(without) == "invalid_request 9002327"
    assert "Access-Control-Allow-Origin" not in without.headers
    refresh = entra.redeem(code=back["code"]).json()["refresh_token"]
    assert code_of(entra.redeem(headers={}, grant_type="refresh_token", refresh_token=refresh)) == "invalid_request 9002327"


def test_revoked_sessions_are_over(entra: Entra) -> None:
    refresh = entra.redeem(code=entra.log_in("ann")["code"]).json()["refresh_token"]
    entra.control.post("/people/revoke", json={"name": "ann"}).raise_for_status()
    assert code_of(entra.redeem(grant_type="refresh_token", refresh_token=refresh)) == "invalid_grant 50173"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_id": TENANT}, "AADSTS700016"),
        ({"redirect_uri": "https://evil.example/"}, "AADSTS50011"),
        ({"scope": "api://other/.default openid"}, "AADSTS500011"),
        ({"code_challenge": ""}, "AADSTS9002325"),
        ({"code_challenge": "short"}, "AADSTS9002325"),
        ({"code_challenge_method": "plain"}, "AADSTS9002325"),
    ],
)
def test_a_wrong_request_is_told_to_the_user_and_never_redirected(entra: Entra, changes: dict[str, str], code: str) -> None:
    for answer in (
        entra.authorize(**changes),
        entra.ask("POST", "login", data={**ASKED, **changes, "login": "ann", "do": "sign-in"}),
    ):
        assert (answer.status_code, "Location" in answer.headers) == (400, False)
        assert code in answer.text
        assert "<form" not in answer.text


def test_what_is_not_simulated_is_said(entra: Entra) -> None:
    assert entra.authorize(response_mode="query").status_code == 501
    assert entra.authorize(prompt="none").status_code == 501


def test_strangers_and_those_who_cancel_get_no_code(entra: Entra) -> None:
    unknown = entra.ask("POST", "login", data={**ASKED, "login": "<b>eve</b>", "do": "sign-in"})
    assert (unknown.status_code, "AADSTS50034" in unknown.text, "<b>" in unknown.text) == (200, True, False)
    back = entra.log_in("ann", do="cancel")
    assert (back["error"], back["state"], "code" in back) == ("access_denied", "s", False)
