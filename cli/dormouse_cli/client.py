"""The HTTP client of the control plane: requests, retries and pages; every failure is a CommandError."""

import json
import os
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from dormouse_cli import __version__
from dormouse_cli.credentials import Credentials, load_credentials
from dormouse_cli.entra import get_token
from dormouse_cli.errors import Interrupted, ServerError, UsageError
from dormouse_cli.network.deadline import DeadlineExceeded, run_within
from dormouse_cli.network.http_errors import connection_error, no_response
from dormouse_cli.network.proxies import connect, proxy_for, socks_errors
from dormouse_cli.network.responses import Response, document_text, parse_response
from dormouse_cli.output import print_note, to_json
from dormouse_cli.shapes import PAGE_LINKS
from dormouse_cli.spec_values import TOO_DEEP

TIMEOUT_VARIABLE = "DORMOUSE_TIMEOUT"
DEFAULT_TIMEOUT = 60.0  # seconds; the first request to an idle Functions app includes a cold start
CONNECT_TIMEOUT = 10.0
CONNECT_SHARE = 0.8  # of the whole time, so that a connection that is never made is told from an unknown outcome
MAX_TIMEOUT = 3600.0
MAX_BODY_BYTES = 64 * 1024 * 1024
RETRY_DELAYS = (0.2, 0.4, 0.8)  # seconds
MAX_RETRY_DELAY = 30.0
MAX_PAGE_SIZE = 200
IDEMPOTENCY_KEY = "Idempotency-Key"
NOT_TEXT = "An argument or a value of the spec contains characters that are not valid text."
OUTCOME_UNKNOWN = "The outcome is unknown: the command may have been accepted. Before you retry, check: dormouse operations"


class ControlPlane:
    """A client of one control plane."""

    def __init__(self, credentials: Credentials, *, timeout: float | None = None) -> None:
        """Prepare connections without opening one; `timeout` also means that nothing is retried.

        Raises UsageError if the certificates or the proxy of the environment cannot be used.
        """
        self._credentials = credentials
        self._timeout = timeout or _timeout_setting()
        self._retry_delays = () if timeout else RETRY_DELAYS
        # A proxy could read a key that is sent to this machine over http.
        self._proxy = None if credentials.is_local else proxy_for(credentials.url)
        self._http = httpx.Client(
            timeout=httpx.Timeout(self._timeout, connect=min(CONNECT_TIMEOUT, CONNECT_SHARE * self._timeout)),
            headers={"User-Agent": f"dormouse-cli/{__version__}", "Accept": "application/json"},
            verify=_certificates(credentials.url),
            follow_redirects=False,  # the key would be sent along
            proxy=connect(self._proxy) if self._proxy else None,
            trust_env=False,
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def get(self, path: str, **query: str) -> Response:
        """GET a path, with retries; raises a CommandError."""
        return self._send_with_retries("GET", path, None, query, {})

    def get_all(self, path: str, query: dict[str, str] | None = None, *, limit: int = 0) -> Response:
        """GET all pages of a list, or its first `limit` rows, as one document; raises a CommandError."""
        size = min(limit or MAX_PAGE_SIZE, MAX_PAGE_SIZE)
        page = self.get(path, limit=str(size), **(query or {}))
        rows, visited = list(page.rows), set[str]()
        document = dict(page.fields(PAGE_LINKS))
        problems = dict.fromkeys(document.get("problems") or [])
        while (following := str(page.fields(PAGE_LINKS).get("next") or "")) and (not limit or len(rows) < limit):
            if following in visited:
                raise ServerError("The server returned the same page link twice.")
            visited.add(following)
            page = self.get(following)
            rows += page.rows
            problems |= dict.fromkeys(page.fields(PAGE_LINKS).get("problems") or [])
        document |= {"problems": list(problems)} if "problems" in document else {}
        document |= {"value": rows[: limit or None], "next": None}
        return Response(document, document_text(document))

    def command(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        dry_run: bool = False,
        user: str = "",
        **flags: bool,
    ) -> Response:
        """Send a command, with retries that share one Idempotency-Key; raises a CommandError."""
        query = {name: "true" for name, wanted in {"dry_run": dry_run, **flags}.items() if wanted}
        query |= {"user": user} if user else {}
        try:
            return self._send_with_retries(method, path, body, query, {IDEMPOTENCY_KEY: uuid.uuid4().hex})
        except KeyboardInterrupt:
            raise Interrupted("Interrupted while the command was being sent.", OUTCOME_UNKNOWN) from None
        except ServerError as error:
            if error.outcome_unknown and not dry_run:
                raise ServerError(str(error), *error.details, OUTCOME_UNKNOWN) from None
            raise

    def _send_with_retries(
        self, method: str, path: str, body: dict[str, Any] | None, query: dict[str, str], headers: dict[str, str]
    ) -> Response:
        content = None if body is None else _request_body(body)
        _require_text(*query.values())
        for default_delay in self._retry_delays:
            try:
                return self._send(method, path, content, query, headers)
            except ServerError as error:
                delay = default_delay if error.retry_after is None else error.retry_after
                if not (error.retryable and error.quick) or delay > MAX_RETRY_DELAY:
                    raise
                if delay > RETRY_DELAYS[-1]:
                    print_note(f"{error} Retrying in {delay:.0f} s …")
                time.sleep(delay)
        return self._send(method, path, content, query, headers)

    def _send(self, method: str, path: str, content: str | None, query: dict[str, str], headers: dict[str, str]) -> Response:
        url = self._url_of(path)
        content_type = {"Content-Type": "application/json"} if content is not None else {}
        headers = {**content_type, **headers, **self._auth_headers()}

        def exchange() -> tuple[httpx.Response, str]:
            with self._http.stream(method, url, content=content, params=query or None, headers=headers) as response:
                return response, self._read_body(response)

        try:
            # httpx limits each single wait only, so that a server that dribbles would never end.
            response, text = run_within(self._timeout, exchange)
        except DeadlineExceeded:
            raise no_response(urlsplit(url).netloc, self._timeout, self._proxy) from None
        except httpx.HTTPError as error:
            raise connection_error(error, url, self._timeout, self._proxy) from None
        except socks_errors():
            raise ServerError(f"Cannot reach {url} through {self._proxy}: it does not speak SOCKS.") from None
        except (httpx.InvalidURL, UnicodeError):  # UnicodeError: a label of the host name is empty or too long
            raise UsageError(f"{url} is not a valid URL.") from None
        return parse_response(response, text, url)

    def _auth_headers(self) -> dict[str, str]:
        if self._credentials.entra:
            return {"Authorization": f"Bearer {get_token(self._credentials.entra)}"}
        return {"x-functions-key": self._credentials.key}

    def _read_body(self, response: httpx.Response) -> str:
        size, parts = 0, []
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise ServerError(f"The response is larger than {MAX_BODY_BYTES // 1024**2} MiB.")
        return b"".join(parts).decode("utf-8-sig", errors="replace")

    def _url_of(self, path: str) -> str:
        """The URL of a path, or of a link in a response; raises ServerError if a link is invalid or leads elsewhere."""
        base = self._credentials.url
        if path.startswith("/"):
            path = base + path.removeprefix("/api") if path.startswith("/api/") else base + path
        try:
            ours, linked = urlsplit(base), urlsplit(path)
            httpx.URL(path)
        except (ValueError, httpx.InvalidURL):
            raise ServerError("The response contains an invalid link.") from None
        if (ours.scheme, ours.netloc) != (linked.scheme, linked.netloc):
            raise ServerError(f"The response links to another server ({linked.netloc}); the link was not followed.")
        return path


def path_of(*parts: str) -> str:
    """The path of these parts, percent-encoded; raises UsageError for a part that is empty or made of dots."""
    for part in parts:
        if part.strip() in ("", ".", ".."):
            raise UsageError(f"{part!r} is not a valid name.")
    _require_text(*parts)
    return "/" + "/".join(quote(part, safe="") for part in parts)


@contextmanager
def open_control_plane(credentials: Credentials | None = None, *, timeout: float | None = None) -> Iterator[ControlPlane]:
    """A client of the control plane that the user is logged in to, closed afterwards; raises a CommandError."""
    plane = ControlPlane(credentials or load_credentials(), timeout=timeout)
    try:
        yield plane
    finally:
        plane.close()


def _timeout_setting(read: Callable[[str], str | None] = os.environ.get) -> float:
    text = read(TIMEOUT_VARIABLE)
    if not text:
        return DEFAULT_TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT:
        raise UsageError(f"{TIMEOUT_VARIABLE} must be a number of seconds up to {MAX_TIMEOUT:.0f}, not {text!r}.")
    return seconds


def _certificates(url: str) -> ssl.SSLContext:
    """The certificate authorities to trust; raises UsageError if the files of the environment cannot be used.

    For a URL without TLS none is read, because that takes longer than most requests.
    """
    if url.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts no one
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        files = "SSL_CERT_FILE, SSL_CERT_DIR or SSLKEYLOGFILE"
        raise UsageError(f"Cannot use the files that are named in {files}: {error}.") from None


def _request_body(body: dict[str, Any]) -> str:
    """A body as JSON; raises UsageError if it is nested too deeply or contains characters that are not valid text."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
        return to_json(body)
    except RecursionError:
        raise UsageError(TOO_DEEP) from None
    except UnicodeError:
        raise UsageError(NOT_TEXT) from None


def _require_text(*texts: str) -> None:
    """Raise UsageError if an argument is not valid text: the bytes of arguments can be anything."""
    try:
        "".join(texts).encode()
    except UnicodeError:
        raise UsageError(NOT_TEXT) from None
