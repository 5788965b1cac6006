"""HTTP errors as messages: failed connections, and problems (RFC 9457) with all their details."""

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from dormouse_cli.errors import AccessDenied, CommandError, Conflict, NotFound, ServerError, UsageError
from dormouse_cli.network.front_ends import CHECK_URL, OUTCOME_UNKNOWN, RETRYABLE, foreign_response
from dormouse_cli.network.proxies import Proxy

PROBLEM = "application/problem+json"
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 400, 401, 403, 404, 409
TOO_LARGE, UNPROCESSABLE, SERVER_FAILURE = 413, 422, 500
PROXY_AUTHENTICATION = "407"
# Codes of 409 problems after which the same request is sent again.
IN_PROGRESS, CONCURRENT_CHANGE = "request_in_progress", "concurrent_change"
# The code of a 502 of the control plane itself, after which a retry does not help.
REFUSED_BY_AZURE = "refused_by_azure"
WAIT_LONGER = "Set DORMOUSE_TIMEOUT to wait longer, for example DORMOUSE_TIMEOUT=120 for two minutes."
ERROR_OF_STATUS: dict[int, type[CommandError]] = {
    BAD_REQUEST: UsageError,
    TOO_LARGE: UsageError,
    UNPROCESSABLE: UsageError,
    UNAUTHORIZED: AccessDenied,
    FORBIDDEN: AccessDenied,
    NOT_FOUND: NotFound,
    CONFLICT: Conflict,
}


def no_response(server: str, timeout: float, proxy: Proxy | None = None) -> ServerError:
    """A request that got no complete response within `timeout` seconds."""
    through = f" through {proxy}" if proxy else ""
    message = f"{server} did not respond{through} within {timeout:g} s."
    return ServerError(message, WAIT_LONGER, retryable=True, quick=False, outcome_unknown=True)


def connection_error(error: httpx.HTTPError, url: str, timeout: float, proxy: Proxy | None = None) -> ServerError:
    """Why a request got no response; with a proxy, connections are made to the proxy only."""
    parts = urlsplit(url)
    server = parts.netloc
    if isinstance(error, httpx.ProxyError):
        return _proxy_error(error, server, proxy)
    if isinstance(error, httpx.ConnectTimeout):
        message = f"Cannot connect to {proxy or server}: the connection timed out."
        return ServerError(message, *_proxy_advice(proxy), retryable=True, quick=False)
    if isinstance(error, httpx.TimeoutException):
        return no_response(server, timeout, proxy)
    for cause in _causes(error):
        known = _network_error(cause, server, parts.hostname or "", proxy)
        if known:
            return known
    if isinstance(error, httpx.ConnectError):
        message = f"Cannot connect to {proxy or server}: {_first_line(error)}."
        return ServerError(message, *_proxy_advice(proxy), retryable=True)
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error) and "closed" not in str(error):
        return ServerError(f"{server} did not respond in valid HTTP: {_first_line(error)}.", CHECK_URL, outcome_unknown=True)
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return ServerError(f"{server} closed the connection before it responded.", retryable=True, outcome_unknown=True)
    if isinstance(error, httpx.DecodingError):
        return ServerError(f"The response of {server} is compressed incorrectly.", outcome_unknown=True)
    return ServerError(f"The request to {server} failed ({type(error).__name__}).")


def _proxy_error(error: httpx.ProxyError, server: str, proxy: Proxy | None) -> ServerError:
    reason, named = _first_line(error), f"The {str(proxy).removeprefix('the ')}" if proxy else "The proxy"
    if reason.startswith(PROXY_AUTHENTICATION):
        advice = "Put them into the URL of the proxy: http://USER:PASSWORD@proxy.example.net:8080"
        return ServerError(f"{named} requires a user name and a password (HTTP 407).", advice)
    return ServerError(f"{named} did not forward the request to {server}: {reason}.", *_proxy_advice(proxy))


def _proxy_advice(proxy: Proxy | None) -> list[str]:
    return [proxy.advice] if proxy else []


def _network_error(cause: BaseException, server: str, host: str, proxy: Proxy | None) -> ServerError | None:
    """The message for a cause that httpx does not explain."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        advice = "If your organisation has its own certificate authority, set SSL_CERT_FILE to its certificate."
        through = f" (through {proxy})" if proxy else ""
        return ServerError(f"The certificate of {server}{through} cannot be trusted: {cause.verify_message}.", advice)
    if isinstance(cause, ssl.SSLError):
        through = f" through {proxy}" if proxy else ""
        return ServerError(f"The TLS handshake with {server}{through} failed: {cause.reason or 'no reason was given'}.")
    if isinstance(cause, socket.gaierror):
        if proxy:
            return ServerError(f"Cannot resolve host {proxy.host} of {proxy}.", proxy.advice)
        return ServerError(f"Cannot resolve host {host}.", "Check the URL and your network connection.")
    if isinstance(cause, ConnectionRefusedError):
        if proxy:
            return ServerError(f"Cannot reach {server}: {proxy} refused the connection.", proxy.advice, retryable=True)
        return ServerError(f"{server} refused the connection.", retryable=True)
    return None


def response_error(response: httpx.Response, text: str, content_type: str, url: str) -> CommandError:
    """What a response with a status other than 2xx means."""
    status, delay = response.status_code, retry_after(response)
    problem = _problem_in(text) if content_type == PROBLEM else None
    if problem is None or 300 <= status < 400:
        return foreign_response(response, text, content_type, url, delay)
    if status == CONFLICT and problem.get("code") in (IN_PROGRESS, CONCURRENT_CHANGE):
        unknown = problem["code"] == IN_PROGRESS
        return ServerError(*_lines(problem, status), retry_after=delay, retryable=True, outcome_unknown=unknown)
    if problem.get("code") == REFUSED_BY_AZURE:
        return ServerError(*_lines(problem, status))
    if status in ERROR_OF_STATUS:
        error = ERROR_OF_STATUS[status](*_lines(problem, status))
        error.problem = _string(problem, "code")
        return error
    return ServerError(
        *_lines(problem, status),
        *([f"Retry after {delay:.0f} s."] if delay else []),
        retryable=status in RETRYABLE,
        quick=status != SERVER_FAILURE,
        outcome_unknown=status in OUTCOME_UNKNOWN,
        retry_after=delay,
    )


def retry_after(response: httpx.Response) -> float | None:
    """The seconds after which the server wants the next request (RFC 9110, 10.2.3), or None."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:6])
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        moment = parsedate_to_datetime(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    return None


def _problem_in(text: str) -> dict[str, Any] | None:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _lines(problem: dict[str, Any], status: int) -> list[str]:
    """A problem's message, then every validation error, then how to watch the operation that is in progress."""
    message = _string(problem, "detail") or _string(problem, "title") or f"The control plane gave no reason (HTTP {status})."
    listed = problem.get("errors")
    errors = [error for error in listed if isinstance(error, dict)] if isinstance(listed, list) else []
    lines = [f"  {_string(error, 'pointer') or '/'}  {_string(error, 'detail')}".rstrip() for error in errors]
    operation = _string(problem, "operation")
    return [message, *lines, *([f"Watch it: dormouse watch {operation}"] if operation else [])]


def _string(fields: dict[str, Any], name: str) -> str:
    """A member that is a string, and "" for any other value."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
