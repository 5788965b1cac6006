"""Troubles in words: connections that fail, answers that are none, and problems (RFC 9457) with every fault in them."""

import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from dormouse_cli.errors import CommandError, Conflict, NoServer, NotAllowed, NotFound, Usage

PROBLEM = "application/problem+json"
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 400, 401, 403, 404, 409
TOO_LARGE, UNPROCESSABLE, TOO_MANY, BROKEN = 413, 422, 429, 500
BEING_ANSWERED = "#the-request-is-being-answered"  # the same command, sent before, has not come to an end
MAY_PASS = frozenset({TOO_MANY, BROKEN, 502, 503, 504})
UNCERTAIN = frozenset({BROKEN, 502, 504})
WRONG_ADDRESS = "Is this the address of a control plane? Log in again: dormouse login https://…"
KIND_OF: dict[int, type[CommandError]] = {
    BAD_REQUEST: Usage,
    TOO_LARGE: Usage,
    UNPROCESSABLE: Usage,
    UNAUTHORIZED: NotAllowed,
    FORBIDDEN: NotAllowed,
    NOT_FOUND: NotFound,
    CONFLICT: Conflict,
}


def no_connection(error: httpx.HTTPError, url: str, patience: float) -> NoServer:
    """Why a request got no answer."""
    parts = urlsplit(url)
    where = parts.netloc
    if isinstance(error, httpx.ProxyError):
        return NoServer(f"The proxy on the way to {where} does not let the request through.", may_pass=False)
    if isinstance(error, httpx.ConnectTimeout):
        return NoServer(f"{where} cannot be reached: nothing answered in time.", may_pass=True, quick=False)
    if isinstance(error, httpx.TimeoutException):
        words = "DORMOUSE_TIMEOUT=120 would wait for two minutes."
        return NoServer(f"{where} did not answer within {patience:g} s.", words, may_pass=True, quick=False, uncertain=True)
    for cause in _causes(error):
        found = _deep(cause, where, parts.hostname or "")
        if found:
            return found
    if isinstance(error, httpx.ConnectError):
        return NoServer(f"{where} cannot be reached: {_said(error)}.", may_pass=True)
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return NoServer(f"{where} ended the connection before it had answered.", may_pass=True, uncertain=True)
    return NoServer(f"{where} could not be asked ({type(error).__name__}).")


def _deep(cause: BaseException, where: str, host: str) -> NoServer | None:
    """What lies below httpx's words, where they alone would help nobody."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        words = "If it is one of your organisation's own, SSL_CERT_FILE can name the authority to trust."
        return NoServer(f"The certificate of {where} cannot be trusted: {cause.verify_message}.", words)
    if isinstance(cause, ssl.SSLError):
        return NoServer(f"{where} does not speak TLS as it should ({cause.reason or 'no reason is known'}).")
    if isinstance(cause, socket.gaierror):
        return NoServer(f"Nobody knows the name {host}.", "Is the address right, and are you online?")
    if isinstance(cause, ConnectionRefusedError):
        return NoServer(f"Nothing listens at {where}.", may_pass=True)
    return None


def complaint_about(response: httpx.Response, text: str, kind: str, url: str) -> CommandError:
    """What an answer other than a success means."""
    status = response.status_code
    if response.has_redirect_location or 300 <= status < 400:
        target = urlsplit(response.headers.get("Location", ""))
        to = f"{target.scheme}://{target.netloc}" if target.netloc else "another path"
        words = f"{urlsplit(url).netloc} sends us on to {to}, and nobody follows with a key."
        return NoServer(words, WRONG_ADDRESS)
    problem = _problem(text) if kind == PROBLEM else None
    if problem is not None and str(problem.get("type", "")).endswith(BEING_ANSWERED):
        return NoServer(*_sentences(problem), ask_again_in=ask_again_in(response), may_pass=True, uncertain=True)
    if status in KIND_OF and problem is not None:
        return KIND_OF[status](*_sentences(problem))
    if status in (UNAUTHORIZED, FORBIDDEN):
        refused = "does not accept the key or token" if status == UNAUTHORIZED else "does not allow this"
        return NotAllowed(f"{urlsplit(url).netloc} {refused} (HTTP {status}).", "Log in again: dormouse login https://…")
    if status == NOT_FOUND:
        return NoServer(f"{urlsplit(url).netloc} has nothing at {urlsplit(url).path}.", WRONG_ADDRESS)
    again = ask_again_in(response)
    trouble = "is asked too often" if status == TOO_MANY else "is in trouble"
    sentence, *more = _sentences(problem) if problem else [f"The control plane {trouble} (HTTP {status})."]
    later = [f"It asks to come back in {again:.0f} s."] if again else []
    flags = {"may_pass": status in MAY_PASS, "uncertain": status in UNCERTAIN, "quick": status != BROKEN}
    return NoServer(sentence, *more, *later, ask_again_in=again, **flags)


def not_json(response: httpx.Response, kind: str) -> NoServer:
    """An answer that is no answer of a control plane."""
    words = f"{response.url.host} answered with {kind or 'something'} where JSON was expected (HTTP {response.status_code})."
    return NoServer(words, WRONG_ADDRESS)


def ask_again_in(response: httpx.Response) -> float | None:
    """After how many seconds the server wants to be asked again (RFC 9110, 10.2.3), or None."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:6])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _problem(text: str) -> dict[str, Any] | None:
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _sentences(problem: dict[str, Any]) -> list[str]:
    """A problem in sentences: what it is, then every fault with where it is, then who holds what is busy."""
    detail = str(problem.get("detail") or problem.get("title") or "The control plane says no and does not say why.")
    faults = [fault for fault in problem.get("errors") or [] if isinstance(fault, dict)]
    told = [f"  {fault.get('pointer') or '/'}  {fault.get('detail', '')}" for fault in faults]
    operation = problem.get("operation")
    return [detail, *told, *([f"Watch it: dormouse watch {operation}"] if operation else [])]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
