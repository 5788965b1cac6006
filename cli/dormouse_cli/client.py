"""The HTTP client of the control plane: requests, retries and pages; every failure is a CommandError."""

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from dormouse_cli import __version__
from dormouse_cli.credentials import Credentials, load_credentials
from dormouse_cli.entra import get_token
from dormouse_cli.errors import Interrupted, ServerError, UsageError
from dormouse_cli.http_errors import connection_error, response_error, retry_after, unexpected_content
from dormouse_cli.output import print_note, sanitize_json, sanitize_lines, to_json

TIMEOUT_VARIABLE = "DORMOUSE_TIMEOUT"
DEFAULT_TIMEOUT = 60.0  # seconds; the first request to an idle Functions app includes a cold start
CONNECT_TIMEOUT = 10.0
MAX_TIMEOUT = 3600.0
MAX_BODY_BYTES = 64 * 1024 * 1024
RETRY_DELAYS = (0.2, 0.4, 0.8)  # seconds
MAX_RETRY_DELAY = 30.0
MAX_PAGE_SIZE = 200
IDEMPOTENCY_KEY = "Idempotency-Key"
UNEXPECTED_SHAPE = "The control plane's response does not have the expected structure; is this version of dormouse current?"
OUTCOME_UNKNOWN = "The outcome is unknown: the command may have been accepted. Before you retry, check: dormouse operations"


@dataclass(frozen=True, slots=True)
class Response:
    """A successful response: the JSON content, the sanitized text, and for a 202 the seconds until the first poll."""

    content: Any
    text: str
    accepted: bool = False
    retry_after: float = 0.0

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of a page; raises ServerError if the content is not a page of objects."""
        rows = self.fields.get("value")
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            return rows
        raise ServerError(UNEXPECTED_SHAPE)

    @property
    def fields(self) -> dict[str, Any]:
        """The content as an object; raises ServerError if it is something else."""
        if isinstance(self.content, dict):
            return self.content
        raise ServerError(UNEXPECTED_SHAPE)


class ControlPlane:
    """A client of one control plane."""

    def __init__(self, credentials: Credentials, *, timeout: float | None = None) -> None:
        """Prepare connections without opening one; raises UsageError if SSL_CERT_FILE or SSL_CERT_DIR cannot be read."""
        self._credentials = credentials
        self._timeout = timeout or _timeout_setting()
        try:
            self._http = httpx.Client(
                timeout=httpx.Timeout(self._timeout, connect=min(CONNECT_TIMEOUT, self._timeout)),
                headers={"User-Agent": f"dormouse-cli/{__version__}", "Accept": "application/json"},
                verify=httpx.create_ssl_context(),
                follow_redirects=False,  # the key would be sent along
                trust_env=not credentials.is_local,  # a proxy could read a key that is sent to this machine over http
            )
        except OSError as error:
            raise UsageError(f"Cannot read the certificates in SSL_CERT_FILE or SSL_CERT_DIR: {error}.") from None

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
        document, rows, visited = dict(page.fields), list(page.rows), set[str]()
        problems = dict.fromkeys(page.fields.get("problems") or [])
        while (following := str(page.fields.get("next") or "")) and (not limit or len(rows) < limit):
            if following in visited:
                raise ServerError("The server returned the same page link twice.")
            visited.add(following)
            page = self.get(following)
            rows += page.rows
            problems |= dict.fromkeys(page.fields.get("problems") or [])
        document |= {"problems": list(problems)} if "problems" in document else {}
        document |= {"value": rows[: limit or None], "next": None}
        return Response(document, to_json(document))

    def command(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, dry_run: bool = False, **flags: bool
    ) -> Response:
        """Send a command, with retries that share one Idempotency-Key; raises a CommandError."""
        query = {name: "true" for name, wanted in {"dry_run": dry_run, **flags}.items() if wanted}
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
        for default_delay in RETRY_DELAYS:
            try:
                return self._send(method, path, body, query, headers)
            except ServerError as error:
                delay = default_delay if error.retry_after is None else error.retry_after
                if not (error.retryable and error.quick) or delay > MAX_RETRY_DELAY:
                    raise
                if delay > RETRY_DELAYS[-1]:
                    print_note(f"{error} Retrying in {delay:.0f} s …")
                time.sleep(delay)
        return self._send(method, path, body, query, headers)

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, query: dict[str, str], headers: dict[str, str]
    ) -> Response:
        url = self._url_of(path)
        try:
            content = None if body is None else to_json(body)
            content_type = {"Content-Type": "application/json"} if body is not None else {}
            headers = {**content_type, **headers, **self._auth_headers()}
            with self._http.stream(method, url, content=content, params=query or None, headers=headers) as response:
                text = self._read_body(response)
        except httpx.HTTPError as error:
            raise connection_error(error, url, self._timeout) from None
        except httpx.InvalidURL:
            raise UsageError(f"{url} is not a valid URL.") from None
        return _parse_response(response, text, url)

    def _auth_headers(self) -> dict[str, str]:
        if self._credentials.entra:
            return {"Authorization": f"Bearer {get_token(self._credentials.entra)}"}
        return {"x-functions-key": self._credentials.key}

    def _read_body(self, response: httpx.Response) -> str:
        """The whole body; the time limit applies to all of it, since httpx limits only each single read."""
        deadline, size, parts = time.monotonic() + self._timeout, 0, []
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("The response took too long.")
            if size > MAX_BODY_BYTES:
                raise ServerError(f"The response is larger than {MAX_BODY_BYTES // 1024**2} MiB.")
        return b"".join(parts).decode(errors="replace")

    def _url_of(self, path: str) -> str:
        """The URL of a path, or of a link in a response; raises ServerError if a link leads to another server."""
        base = self._credentials.url
        if path.startswith("/"):
            return base + path.removeprefix("/api") if path.startswith("/api/") else base + path
        ours, linked = urlsplit(base), urlsplit(path)
        if (ours.scheme, ours.netloc) != (linked.scheme, linked.netloc):
            raise ServerError(f"The response links to another server ({linked.netloc}); the link was not followed.")
        return path


def path_of(*parts: str) -> str:
    """The path of these parts, percent-encoded; raises UsageError for a part that is empty or made of dots."""
    for part in parts:
        if part.strip() in ("", ".", ".."):
            raise UsageError(f"{part!r} is not a valid name.")
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


def _parse_response(response: httpx.Response, text: str, url: str) -> Response:
    """The response as JSON or CSV; raises the CommandError that its status or its problem means."""
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not response.is_success:
        raise response_error(response, text, content_type, url)
    if content_type == "text/csv":
        return Response(text, sanitize_lines(text))
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise unexpected_content(response, content_type)
    try:
        content = json.loads(text)
    except ValueError:
        raise unexpected_content(response, "invalid JSON") from None
    accepted = response.status_code == httpx.codes.ACCEPTED
    return Response(content, sanitize_json(text), accepted, retry_after(response) or 0.0)
