"""Pages for people: HTML that holds no data and no secret, with headers that allow nothing but its own files and the API."""

import hashlib
import html
import json
from http import HTTPStatus
from urllib.parse import urlsplit

import azure.functions as func

from dormouse.http.dashboard.files import StaticFile, static_file, static_files, version
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies

ASSETS, SIGN_IN = "{assets}", "{sign-in}"
# Files never change under their URL; the page is asked for each time, and answered with 304 if it is still the same.
FOR_GOOD, ASK_AGAIN = "public, max-age=31536000, immutable", "no-cache"
HARDENED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


async def get_dashboard(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """The dashboard, a page for people; it holds no data, and asks the API for them after the user has signed in."""
    return page(req, "dashboard.html", "dashboard", context.dependencies)


async def get_dashboard_file(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """A file of the dashboard, in the version that its page names; browsers keep it."""
    known = static_files().get(req.route_params.get("file", ""))
    if known is None or known.media == "text/html" or req.route_params.get("version") != version():
        return func.HttpResponse("There is no such file; reload the page.", status_code=HTTPStatus.NOT_FOUND)
    return _cached(req, known, {"Cache-Control": FOR_GOOD, **HARDENED})


def page(req: func.HttpRequest, name: str, assets: str, dependencies: Dependencies) -> func.HttpResponse:
    """A page of the table of files; `assets` is the URL of the route `dashboard`, as seen from the page."""
    text = static_files()[name].content.decode()
    text = text.replace(ASSETS, f"{assets}/{version()}").replace(SIGN_IN, html.escape(json.dumps(_sign_in(dependencies))))
    headers = {"Cache-Control": ASK_AGAIN, "Content-Security-Policy": _policy(dependencies), **HARDENED}
    return _cached(req, static_file(text.encode(), "text/html"), headers)


def _sign_in(dependencies: Dependencies) -> dict[str, str | bool]:
    """How users sign in: nothing of it is secret. `client` is "" unless an app registration of the page is set."""
    settings = dependencies.settings
    return {
        "keys": settings.http_auth != "entra",
        "authority": settings.entra_authority_url,
        "tenant": settings.entra_tenant_id,
        "client": settings.entra_dashboard_client_id if _takes_tokens(dependencies) else "",
        "scope": f"{settings.entra_audience.rstrip('/')}/.default openid offline_access",
    }


def _takes_tokens(dependencies: Dependencies) -> bool:
    """Whether a token alone admits users of the page: with function keys, the host asks for a key before the app runs."""
    settings = dependencies.settings
    return bool(settings.entra_dashboard_client_id) and settings.http_auth == "entra"


def _policy(dependencies: Dependencies) -> str:
    """Scripts and styles from here only, none inline, no HTML from texts, no frames; tokens from the one authority.

    https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
    """
    settings = dependencies.settings
    authority = urlsplit(settings.entra_authority_url)
    tokens = f" {authority.scheme}://{authority.netloc}" if _takes_tokens(dependencies) else ""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'{tokens}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _cached(req: func.HttpRequest, file: StaticFile, headers: dict[str, str]) -> func.HttpResponse:
    """A file, compressed if the browser takes that; 304 without content if it has the file already (RFC 9110, 13.1.2)."""
    small = "gzip" in req.headers.get("Accept-Encoding", "")
    content = file.compressed if small else file.content
    headers = {**headers, "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"', "Vary": "Accept-Encoding"}
    known = [tag.strip().removeprefix("W/") for tag in req.headers.get("If-None-Match", "").split(",")]
    if headers["ETag"] in known or "*" in known:
        return func.HttpResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if small:
        headers["Content-Encoding"] = "gzip"
    return func.HttpResponse(content, headers=headers, mimetype=file.media, charset="utf-8")
