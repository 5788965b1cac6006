"""Users who sign in with a browser: authorization codes with PKCE, for applications with a redirect URI of the type SPA.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
https://learn.microsoft.com/entra/identity-platform/reference-error-codes

Lifetimes are of real time, as browsers count them. Every sign-in asks who it is: sessions of the browser are not simulated.
"""

import base64
import hashlib
import html
import re
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs, urlencode

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import TENANT, World
from local.azure.services.service_principals import TOKEN, denied

APPLICATIONS, PEOPLE, CODES, REFRESHES = "applications", "people", "authorization codes", "refresh tokens"
AUTHORIZE, LOGIN_FORM = "oauth2/v2.0/authorize", "login"
GRANTS = ("authorization_code", "refresh_token")
CODE_LIFETIME, ACCESS_LIFETIME, REFRESH_LIFETIME = 600, 3599, 24 * 3600  # seconds
CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
ASKED = ("client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge")
KNOWN = (*ASKED, "response_type", "response_mode", "code_challenge_method")


class Denied(Exception):
    """Entra denies tokens: status, error and text."""


def register(world: World, identifier: str, audience: str, redirects: dict[str, str]) -> None:
    """An app registration: the API that it may request tokens for, and its redirect URIs with their types, spa or web."""
    world.store.put(APPLICATIONS, identifier, {"id": identifier, "audience": audience, "redirects": redirects})


def add_person(world: World, name: str, roles: list[str]) -> None:
    """An account that can sign in, with these app roles; the same name again changes the roles."""
    known = world.store.get(PEOPLE, name) or {"id": name, "valid_from": 0.0}
    world.store.put(PEOPLE, name, {**known, "roles": roles})


def revoke(world: World, name: str) -> None:
    """End all sessions of an account, as `revokeSignInSessions` of Microsoft Graph does."""
    world.store.put(PEOPLE, name, {**_person(world, name), "valid_from": world.seconds()})


def answer(world: World, request: Request) -> Answer | None:
    """The answer to a request of a browser that signs in, or None for another request."""
    rest = request.path.removeprefix(f"/{TENANT}/")
    if (request.method, rest) == ("GET", AUTHORIZE):
        return _page(world, dict(request.query), "")
    if (request.method, rest) == ("POST", LOGIN_FORM):
        return _signed_in(world, _form(request))
    if (request.method, rest) == ("POST", TOKEN) and _form(request).get("grant_type") in GRANTS:
        return _tokens(world, request)
    return None


def _person(world: World, name: str) -> Document:
    known = world.store.get(PEOPLE, name)
    if known is None:
        raise Denied(400, "invalid_grant", f"AADSTS50034: The user account {name} does not exist in the {TENANT} directory.")
    return known


def _form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def _page(world: World, query: dict[str, str], fault: str) -> Answer:
    """The page on which a user says who they are; a request that is wrong is told to the user and never redirected."""
    wrong = _wrong(world, query)
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">' for name, value in query.items()
    )
    form = (
        f'<form method="post" action="/{TENANT}/{LOGIN_FORM}">{hidden}<label>Account <input name="login"></label>'
        '<button name="do" value="sign-in">Sign in</button><button name="do" value="cancel">Cancel</button></form>'
    )
    said = f'<p role="alert">{html.escape(wrong or fault)}</p>' if wrong or fault else ""
    text = f'<!doctype html><html lang="en"><title>Sign in</title><link rel="icon" href="data:,"><h1>Sign in</h1>{said}{"" if wrong else form}</html>'
    return Answer(400 if wrong else 200, text.encode(), {"Content-Type": "text/html; charset=utf-8"})


def _wrong(world: World, query: dict[str, str]) -> str:
    """What Entra rejects in a request for a code, or ""."""
    if query.get("response_type") != "code" or query.get("response_mode") != "fragment":
        raise not_simulated("sign-ins without response_type=code and response_mode=fragment")
    if unknown := [name for name in query if name not in (*KNOWN, "login", "do")]:
        raise not_simulated(f"the parameter {unknown[0]} of sign-ins")
    client, redirect = query.get("client_id", ""), query.get("redirect_uri", "")
    known = world.store.get(APPLICATIONS, client)
    if known is None:
        return f"AADSTS700016: Application with identifier '{client}' was not found in the directory '{TENANT}'."
    if redirect not in known["redirects"]:
        return f"AADSTS50011: The redirect URI '{redirect}' specified in the request does not match the redirect URIs configured for the application '{client}'."
    if resource := _foreign(known, query.get("scope", "")):
        return f"AADSTS500011: The resource principal named {resource} was not found in the tenant named {TENANT}."
    if query.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(query.get("code_challenge", "")):
        return "AADSTS9002325: Proof Key for Code Exchange is required for cross-origin authorization code redemption."
    return ""


def _foreign(application: Document, scope: str) -> str:
    """The API in a scope that the application may not request tokens for, or ""."""
    apis = [part.rpartition("/")[0] for part in scope.split() if "/" in part]
    return next((api for api in apis if api != application["audience"]), "" if apis else "of no scope")


def _signed_in(world: World, form: dict[str, str]) -> Answer:
    """Back to the application: with a code, or with the news that the user has cancelled."""
    login, did = form.pop("login", ""), form.pop("do", "")
    if _wrong(world, form):
        return _page(world, form, "")
    if did == "cancel":
        text = "AADSTS65004: User declined to consent to access the app."
        return _back(form, {"error": "access_denied", "error_description": text})
    if world.store.get(PEOPLE, login) is None:
        return _page(world, form, f"AADSTS50034: The user account {login} does not exist in the {TENANT} directory.")
    code = world.fresh_guid("code", login)
    asked = {name: form.get(name, "") for name in ASKED}
    world.store.put(CODES, code, {**asked, "id": code, "person": login, "issued": world.seconds(), "redeemed": False})
    return _back(form, {"code": code})


def _back(form: dict[str, str], answer: dict[str, str]) -> Answer:
    fragment = urlencode({**answer, "state": form.get("state", "")})
    return Answer(302, None, {"Location": f"{form['redirect_uri']}#{fragment}"})


def _tokens(world: World, request: Request) -> Answer:
    """Tokens for a code or a refresh token; browsers may read the answer, whatever it is, if they say where they are."""
    origin = request.headers.get("Origin", "")
    try:
        said = Answer(200, _issued(world, request, _form(request), origin))
    except Denied as reason:
        said = denied(world, *reason.args)
    return Answer(said.status, said.body, {"Access-Control-Allow-Origin": "*"} if origin else {})


def _issued(world: World, request: Request, form: dict[str, str], origin: str) -> dict[str, Any]:
    application = world.store.get(APPLICATIONS, form.get("client_id", ""))
    if application is None:
        text = f"AADSTS700016: Application with identifier '{form.get('client_id', '')}' was not found in the directory '{TENANT}'."
        raise Denied(400, "unauthorized_client", text)
    redeem = _of_code if form["grant_type"] == "authorization_code" else _of_refresh
    grant = redeem(world, form, application, origin)
    return _token_set(world, request, application, grant)


def _of_code(world: World, form: dict[str, str], application: Document, origin: str) -> Document:
    """What a code stands for: it is redeemed once, by the application and the browser that asked for it."""
    redirect, known = form.get("redirect_uri", ""), world.store.get(CODES, form.get("code", ""))
    _require_browser(application["redirects"].get(redirect, ""), origin)
    if known is None or known["client_id"] != application["id"]:
        raise Denied(400, "invalid_grant", "AADSTS9002313: Invalid request. Request is malformed or invalid.")
    if known["redirect_uri"] != redirect:
        text = (
            "AADSTS500112: The reply address does not match the reply address provided when requesting Authorization code."
        )
        raise Denied(400, "invalid_grant", text)
    if known["redeemed"]:
        raise Denied(
            400,
            "invalid_grant",
            "AADSTS54005: OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
        )
    if world.seconds() > known["issued"] + CODE_LIFETIME * world.clock.speed:
        raise Denied(
            400,
            "invalid_grant",
            "AADSTS70008: The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
        )
    if not compare_digest(_challenge(form.get("code_verifier", "")), str(known["code_challenge"]).encode()):
        text = "AADSTS501481: The Code_Verifier does not match the code_challenge supplied in the authorization request."
        raise Denied(400, "invalid_grant", text)
    world.store.put(CODES, known["id"], {**known, "redeemed": True})
    return {**known, "ends": world.seconds() + REFRESH_LIFETIME * world.clock.speed}


def _of_refresh(world: World, form: dict[str, str], application: Document, origin: str) -> Document:
    """What a refresh token stands for; that of a page ends a day after the sign-in, and so do its successors."""
    known = world.store.get(REFRESHES, form.get("refresh_token", ""))
    if known is None or known["client_id"] != application["id"]:
        raise Denied(400, "invalid_grant", "AADSTS9002313: Invalid request. Request is malformed or invalid.")
    _require_browser("spa", origin)
    if world.seconds() > known["ends"]:
        raise Denied(
            400,
            "invalid_grant",
            "AADSTS700084: The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page.",
        )
    if known["issued"] < _person(world, str(known["person"]))["valid_from"]:
        raise Denied(
            400,
            "invalid_grant",
            "AADSTS50173: The provided grant has expired due to it being revoked, a fresh auth token is needed.",
        )
    return known


def _require_browser(kind: str, origin: str) -> None:
    """The type of the redirect URI decides who may redeem: only pages what was issued to pages, and they nothing else."""
    if kind == "spa" and not origin:
        raise Denied(
            400,
            "invalid_request",
            "AADSTS9002327: Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.",
        )
    if kind != "spa" and origin:
        raise Denied(
            400,
            "invalid_request",
            f"AADSTS9002326: Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. Request origin: '{origin}'.",
        )
    if kind != "spa":
        raise not_simulated("codes of applications that are no pages")


def _challenge(verifier: str) -> bytes:
    """https://www.rfc-editor.org/rfc/rfc7636#section-4.6."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")


def _token_set(world: World, request: Request, application: Document, grant: Document) -> dict[str, Any]:
    name, scope, client = str(grant["person"]), str(grant["scope"]), str(application["id"])
    identifier, lifetime = world.guid("person", name), int(ACCESS_LIFETIME * world.clock.speed)
    person = {"preferred_username": name, "oid": identifier, "sub": identifier}
    roles = _person(world, name)["roles"]
    access, _ = request.issuer.token(str(application["audience"]), lifetime, **person, azp=client, roles=roles)
    content: dict[str, Any] = {"token_type": "Bearer", "scope": scope, "expires_in": ACCESS_LIFETIME}
    content |= {"ext_expires_in": ACCESS_LIFETIME, "access_token": access}
    if "openid" in scope.split():
        content["id_token"] = request.issuer.token(client, lifetime, **person, nonce=grant["nonce"])[0]
    if "offline_access" in scope.split():
        refresh = world.fresh_guid("refresh token", name)
        kept = ("client_id", "person", "scope", "nonce", "ends")
        world.store.put(
            REFRESHES, refresh, {name: grant[name] for name in kept} | {"id": refresh, "issued": world.seconds()}
        )
        content["refresh_token"] = refresh
    return content
