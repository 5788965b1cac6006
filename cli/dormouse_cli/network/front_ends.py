"""Responses that are not the control plane's own: what a gateway, a firewall, a proxy or Azure's front end means."""

import json
import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import unquote, urlsplit

import httpx

from dormouse_cli.errors import AccessDenied, CommandError, NotFound, ServerError, UsageError

CHECK_URL = "Check that the URL is the URL of a control plane, then log in again: dormouse login https://…"
LOG_IN_AGAIN = "Log in again: dormouse login https://…"
CHECK_NETWORK = "Check your network, VPN and proxy settings, or ask your network administrator."
SIGN_IN_FIRST = "If your network has a sign-in page, open it in a browser and sign in, then retry."
CHECK_APP = "If it continues, check the state and the log stream of its Function App in the Azure portal."
SIGN_IN_PAGE = "Most likely it is a sign-in page: something in front of the control plane requires a sign-in in a browser."
NOT_OURS = "The control plane did not write this response; most likely a firewall or a proxy did."
LONGEST_TITLE = 60
TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1", re.IGNORECASE | re.DOTALL)
PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]+")
SIGN_IN = re.compile(
    r"(^|[./_-])(log[-_]?in|logon|sign[-_]?in|sso|saml|oauth2?|authorize|auth|adfs|accounts)([./?_-]|$)", re.I
)
GATEWAY_STATUSES = {
    502: "got no valid response from the control plane",
    503: "found the control plane unavailable",
    504: "got no response from the control plane in time",
}
RETRYABLE = frozenset({429, 500, 502, 503, 504})
OUTCOME_UNKNOWN = frozenset({500, 502, 504})


@dataclass(frozen=True, slots=True)
class Known:
    """A response that is recognised by its text: the statuses it comes with, and what it means."""

    text: str
    statuses: tuple[int, ...]
    message: str
    advice: str
    kind: type[CommandError] = ServerError


# https://learn.microsoft.com/archive/blogs/waws/azure-web-apps-error-403-this-web-app-is-stopped
# https://github.com/Azure/azure-functions-host/issues/1209
KNOWN = (
    Known(
        "web app is stopped",
        (403,),
        "The Function App of the control plane at {server} is stopped, or over its quota or spending limit.",
        "Start it in the Azure portal, or with: az functionapp start --resource-group GROUP --name NAME",
    ),
    Known("site disabled", (403,), "The Function App of the control plane at {server} is stopped.", CHECK_APP),
    Known(
        "ip forbidden",
        (403,),
        "{server} denied access (HTTP 403): the access restrictions of the Function App do not allow your IP address.",
        CHECK_NETWORK,
        AccessDenied,
    ),
    Known(
        "request is blocked",
        (403,),
        "A web application firewall in front of {server} blocked the request; it denied access (HTTP 403).",
        CHECK_NETWORK,
        AccessDenied,
    ),
    Known("web site not found", (404,), "Azure has no app with the host name {server}; it may be deleted.", CHECK_URL),
    Known(
        "function host is not running",
        (503,),
        "The control plane at {server} is not running: its Functions host is starting, or failed to start (HTTP 503).",
        CHECK_APP,
    ),
)


def foreign_response(response: httpx.Response, text: str, content_type: str, url: str, delay: float | None) -> CommandError:
    """What a response without a problem document means; its status is not 2xx, or its content is not the control plane's."""
    status, server = response.status_code, urlsplit(url).netloc
    known = next((each for each in KNOWN if status in each.statuses and each.text in text.lower()), None)
    if known:
        message = known.message.format(server=server)
        if known.kind is ServerError:
            return ServerError(message, known.advice, retryable=status in RETRYABLE, retry_after=delay)
        return known.kind(message, known.advice)
    if response.is_success:
        return _unusable_content(status, server, text, content_type)
    if 300 <= status < 400:
        return _redirect(response, server)
    if status in RETRYABLE or status >= 500:
        return _failure(response, text, content_type, server, delay)
    return _rejection(status, text, content_type, url, server)


def _unusable_content(status: int, server: str, text: str, content_type: str) -> ServerError:
    kind = content_type or "no content type"
    message = f"{server} responded with {kind} instead of JSON (HTTP {status}){_titled(text)}"
    if _is_html(text, content_type):
        return ServerError(
            f"{message}; most likely a sign-in page, a proxy, or another web site answered.", SIGN_IN_FIRST, CHECK_URL
        )
    return ServerError(f"{message}.", CHECK_URL)


def _redirect(response: httpx.Response, server: str) -> ServerError:
    location = response.headers.get("Location", "")
    try:
        target = urlsplit(location)
    except ValueError:
        return ServerError(f"{server} redirects to an invalid URL (HTTP {response.status_code}).", CHECK_URL)
    origin = f"{target.scheme or 'https'}://{target.netloc.rpartition('@')[2]}" if target.netloc else ""
    message = (
        f"{server} redirects to {origin or 'another path'}; redirects are not followed because they would expose the key."
    )
    if SIGN_IN.search(f"{target.netloc}{target.path}"):
        return ServerError(message, SIGN_IN_PAGE, SIGN_IN_FIRST)
    moved = f"If the control plane has moved, log in there: dormouse login {origin}"
    return ServerError(message, moved if origin else CHECK_URL)


def _failure(response: httpx.Response, text: str, content_type: str, server: str, delay: float | None) -> ServerError:
    """A rate limit, an internal error, or a gateway that did not reach the control plane."""
    status = response.status_code
    wait = [f"Retry after {delay:.0f} s."] if delay else []
    advice = [] if status == 429 else [CHECK_APP]
    if status == 429:
        message = "Rate limit exceeded (HTTP 429)."
    elif status == 511:
        message, advice = (
            f"The network requires a sign-in before it forwards requests to {server} (HTTP 511).",
            [SIGN_IN_FIRST],
        )
    elif status in GATEWAY_STATUSES:
        message = f"A gateway in front of {server} {GATEWAY_STATUSES[status]} (HTTP {status}){_titled(text)}."
    else:
        message = f"The control plane at {server} failed to process the request (HTTP {status}){_titled(text)}."
    return ServerError(
        message,
        *wait,
        *advice,
        retryable=status in RETRYABLE,
        quick=status != 500,
        outcome_unknown=status in OUTCOME_UNKNOWN,
        retry_after=delay,
    )


def _rejection(status: int, text: str, content_type: str, url: str, server: str) -> CommandError:
    """A status from 400 to 499 that does not come from the control plane itself, except 401 without a body."""
    path = urlsplit(url).path
    name = unquote(path.rpartition("/")[2])
    if status == 401:
        return AccessDenied(f"{server} did not accept the key or token (HTTP 401){_titled(text)}.", LOG_IN_AGAIN)
    if status == 403:
        message = f"{server} denied access (HTTP 403){_titled(text)}."
        if not text.strip():
            return AccessDenied(message, LOG_IN_AGAIN)
        return AccessDenied(
            message, "The control plane did not write this response; most likely a firewall or a proxy did.", CHECK_NETWORK
        )
    if status in (404, 405, 410):
        if not PLAIN_NAME.fullmatch(name):
            return NotFound(f"There is no {name!r}: {server} has nothing at {path} (HTTP {status}).")
        reason = "most likely it is not a control plane, or an older one"
        return ServerError(f"{server} has nothing at {path} (HTTP {status}){_titled(text)}; {reason}.", CHECK_URL)
    if status == 407:
        return ServerError(f"A proxy in front of {server} requires a user name and a password (HTTP 407).", CHECK_NETWORK)
    if status in (413, 414, 431):
        return UsageError(f"{server} rejected the request because it is too large (HTTP {status}).")
    reason = "most likely it is not a control plane, or a proxy answered"
    return ServerError(f"{server} rejected the request (HTTP {status}){_titled(text)}; {reason}.", CHECK_URL)


def _titled(text: str) -> str:
    """The title of an HTML page, or the message of a JSON object, as ': "Please log in"'."""
    found = TITLE.search(text[:10_000])
    title = unescape(re.sub(r"<[^>]*>", " ", found[2])) if found else _message_in(text)
    shown = " ".join(title.split())[:LONGEST_TITLE]
    return f': "{shown}"' if shown else ""


def _message_in(text: str) -> str:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    message = content.get("message") if isinstance(content, dict) else None
    return message if isinstance(message, str) else ""


def _is_html(text: str, content_type: str) -> bool:
    return "html" in content_type or text[:200].lstrip().lower().startswith(("<!doctype", "<html"))
