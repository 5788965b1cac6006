"""HTTP errors as messages: failed connections, unusable responses, and problems (RFC 9457) with all their details."""

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

PROBLEM = "application/problem+json"
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 400, 401, 403, 404, 409
TOO_LARGE, UNPROCESSABLE, TOO_MANY, SERVER_FAILURE = 413, 422, 429, 500
RETRYABLE = frozenset({TOO_MANY, SERVER_FAILURE, 502, 503, 504})
OUTCOME_UNKNOWN = frozenset({SERVER_FAILURE, 502, 504})
# Codes of 409 problems after which the same request is sent again.
IN_PROGRESS, CONCURRENT_CHANGE = "request_in_progress", "concurrent_change"
CHECK_URL = "Check that the URL is the URL of a control plane, then log in again: dormouse login https://…"
LOG_IN_AGAIN = "Log in again: dormouse login https://…"
ERROR_OF_STATUS: dict[int, type[CommandError]] = {
    BAD_REQUEST: UsageError,
    TOO_LARGE: UsageError,
    UNPROCESSABLE: UsageError,
    UNAUTHORIZED: AccessDenied,
    FORBIDDEN: AccessDenied,
    NOT_FOUND: NotFound,
    CONFLICT: Conflict,
}


def connection_error(error: httpx.HTTPError, url: str, timeout: float) -> ServerError:
    """Why a request got no response; `timeout` is the time limit in seconds."""
    parts = urlsplit(url)
    server = parts.netloc
    if isinstance(error, httpx.ProxyError):
        return ServerError(f"The proxy did not forward the request to {server}: {_first_line(error)}.")
    if isinstance(error, httpx.ConnectTimeout):
        return ServerError(f"Cannot connect to {server}: the connection timed out.", retryable=True, quick=False)
    if isinstance(error, httpx.TimeoutException):
        advice = "Set DORMOUSE_TIMEOUT to wait longer, for example DORMOUSE_TIMEOUT=120 for two minutes."
        message = f"{server} did not respond within {timeout:g} s."
        return ServerError(message, advice, retryable=True, quick=False, outcome_unknown=True)
    for cause in _causes(error):
        known = _network_error(cause, server, parts.hostname or "")
        if known:
            return known
    if isinstance(error, httpx.ConnectError):
        return ServerError(f"Cannot connect to {server}: {_first_line(error)}.", retryable=True)
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return ServerError(f"{server} closed the connection before it responded.", retryable=True, outcome_unknown=True)
    return ServerError(f"The request to {server} failed ({type(error).__name__}).")


def _network_error(cause: BaseException, server: str, host: str) -> ServerError | None:
    """The message for a cause that httpx does not explain."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        advice = "If your organisation has its own certificate authority, set SSL_CERT_FILE to its certificate."
        return ServerError(f"The certificate of {server} cannot be trusted: {cause.verify_message}.", advice)
    if isinstance(cause, ssl.SSLError):
        return ServerError(f"The TLS handshake with {server} failed: {cause.reason or 'no reason was given'}.")
    if isinstance(cause, socket.gaierror):
        return ServerError(f"Cannot resolve host {host}.", "Check the URL and your network connection.")
    if isinstance(cause, ConnectionRefusedError):
        return ServerError(f"{server} refused the connection.", retryable=True)
    return None


def response_error(response: httpx.Response, text: str, content_type: str, url: str) -> CommandError:
    """What a response with a status other than 2xx means."""
    status, server = response.status_code, urlsplit(url).netloc
    if response.has_redirect_location or 300 <= status < 400:
        target = urlsplit(response.headers.get("Location", ""))
        to = f"{target.scheme}://{target.netloc}" if target.netloc else "another path"
        message = f"{server} redirects to {to}; redirects are not followed because they would expose the key."
        return ServerError(message, CHECK_URL)
    problem = _problem_in(text) if content_type == PROBLEM else None
    if problem is not None and status == CONFLICT and problem.get("code") in (IN_PROGRESS, CONCURRENT_CHANGE):
        unknown = problem["code"] == IN_PROGRESS
        return ServerError(*_lines(problem), retry_after=retry_after(response), retryable=True, outcome_unknown=unknown)
    if problem is not None and status in ERROR_OF_STATUS:
        return ERROR_OF_STATUS[status](*_lines(problem))
    if status in (UNAUTHORIZED, FORBIDDEN):
        what = "did not accept the key or token" if status == UNAUTHORIZED else "denied access"
        return AccessDenied(f"{server} {what} (HTTP {status}).", LOG_IN_AGAIN)
    if status == NOT_FOUND:
        return ServerError(f"{server} has nothing at {urlsplit(url).path} (HTTP 404).", CHECK_URL)
    return _server_failure(response, problem)


def _server_failure(response: httpx.Response, problem: dict[str, Any] | None) -> ServerError:
    """A rate limit, an internal error, or any other status that a control plane does not use."""
    status, delay = response.status_code, retry_after(response)
    default = "Rate limit exceeded" if status == TOO_MANY else "The control plane failed to process the request"
    lines = _lines(problem) if problem else [f"{default} (HTTP {status})."]
    return ServerError(
        *lines,
        *([f"Retry after {delay:.0f} s."] if delay else []),
        retryable=status in RETRYABLE,
        quick=status != SERVER_FAILURE,
        outcome_unknown=status in OUTCOME_UNKNOWN,
        retry_after=delay,
    )


def unexpected_content(response: httpx.Response, content_type: str) -> ServerError:
    """A successful response that is not JSON."""
    kind = content_type or "no content type"
    message = f"{response.url.host} responded with {kind} instead of JSON (HTTP {response.status_code})."
    return ServerError(message, CHECK_URL)


def retry_after(response: httpx.Response) -> float | None:
    """The seconds after which the server wants the next request (RFC 9110, 10.2.3), or None."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:6])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _problem_in(text: str) -> dict[str, Any] | None:
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _lines(problem: dict[str, Any]) -> list[str]:
    """A problem's message, then every validation error, then how to watch the operation that is in progress."""
    message = str(problem.get("detail") or problem.get("title") or "The control plane gave no reason.")
    errors = [error for error in problem.get("errors") or [] if isinstance(error, dict)]
    listed = [f"  {error.get('pointer') or '/'}  {error.get('detail', '')}" for error in errors]
    operation = problem.get("operation")
    return [message, *listed, *([f"Watch it: dormouse watch {operation}"] if operation else [])]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
