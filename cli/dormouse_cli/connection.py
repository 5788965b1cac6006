"""The control plane over HTTP: what was answered, or in plain words why nothing useful was."""

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
from dormouse_cli.access import Access, current_access
from dormouse_cli.entra import bearer_token
from dormouse_cli.errors import Interrupted, NoServer, Usage
from dormouse_cli.output import json_text, note, plain_json, plain_lines
from dormouse_cli.troubles import ask_again_in, complaint_about, no_connection, not_json

TIMEOUT = "DORMOUSE_TIMEOUT"
PATIENCE = 60.0  # seconds: a Functions app that was asleep needs some
CONNECT = 10.0
LARGEST = 64 * 1024 * 1024
BETWEEN_TRIES = (0.2, 0.4, 0.8)
ONCE = "Idempotency-Key"
LONGEST_PAUSE = 30.0
LARGEST_PAGE = 200
NOT_UNDERSTOOD = "The control plane answered with something that this version of dormouse does not understand."
UNCERTAIN = "It is not known whether the command arrived; look with: dormouse operations"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the control plane answered: the JSON document, its text made plain, and where to ask on and when."""

    content: Any
    text: str
    accepted: bool = False
    location: str = ""
    ask_again_in: float = 0.0

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows where the content must be a list of objects, or a page of one; raises NoServer."""
        rows = self.fields.get("value")
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            return rows
        raise NoServer(NOT_UNDERSTOOD)

    @property
    def fields(self) -> dict[str, Any]:
        """The content where it must be an object; raises NoServer."""
        if isinstance(self.content, dict):
            return self.content
        raise NoServer(NOT_UNDERSTOOD)


class ControlPlane:
    """One control plane, asked with one access."""

    def __init__(self, access: Access, *, patience: float | None = None) -> None:
        """Prepare to ask; nothing is sent yet. Raises Usage where the certificates to trust cannot be read."""
        self._access = access
        self._patience = patience or _patience()
        try:
            self._http = httpx.Client(
                timeout=httpx.Timeout(self._patience, connect=min(CONNECT, self._patience)),
                headers={"User-Agent": f"dormouse-cli/{__version__}", "Accept": "application/json"},
                verify=httpx.create_ssl_context(),
                follow_redirects=False,  # the key would go along
                trust_env=not access.on_this_machine,  # a proxy would read what goes to this machine over http
            )
        except OSError as error:
            raise Usage(f"The certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read: {error}.") from None

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def read(self, path: str, **query: str) -> Answer:
        """Ask for something, a few times if need be; raises a CommandError."""
        return self._tried("GET", path, None, query, {})

    def _tried(
        self, method: str, path: str, body: dict[str, Any] | None, query: dict[str, str], headers: dict[str, str]
    ) -> Answer:
        """Ask, and again while that may help."""
        for pause in BETWEEN_TRIES:
            try:
                return self._send(method, path, body, query, headers)
            except NoServer as trouble:
                wanted = pause if trouble.ask_again_in is None else trouble.ask_again_in
                if not (trouble.may_pass and trouble.quick) or wanted > LONGEST_PAUSE:
                    raise
                if wanted > BETWEEN_TRIES[-1]:
                    note(f"{trouble} Asking again in {wanted:.0f} s …")
                time.sleep(wanted)
        return self._send(method, path, body, query, headers)

    def read_all(self, path: str, query: dict[str, str] | None = None, *, at_most: int = 0) -> Answer:
        """A list with all its pages, or with so many rows, as one document; raises a CommandError."""
        size = min(at_most or LARGEST_PAGE, LARGEST_PAGE)
        page = self.read(path, limit=str(size), **(query or {}))
        whole, rows, seen = dict(page.fields), list(page.rows), set[str]()
        problems = dict.fromkeys(page.fields.get("problems") or [])
        while (following := str(page.fields.get("next") or "")) and (not at_most or len(rows) < at_most):
            if following in seen:
                raise NoServer("The control plane's list goes round in circles.")
            seen.add(following)
            page = self.read(following)
            rows += page.rows
            problems |= dict.fromkeys(page.fields.get("problems") or [])
        whole |= {"problems": list(problems)} if "problems" in whole else {}
        whole |= {"value": rows[: at_most or None], "next": None}
        return Answer(whole, json_text(whole))

    def command(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, dry_run: bool = False, **flags: bool
    ) -> Answer:
        """Send a command, which is done once however often it has to be sent; raises a CommandError."""
        query = {name: "true" for name, wanted in {"dry_run": dry_run, **flags}.items() if wanted}
        try:
            return self._tried(method, path, body, query, {ONCE: uuid.uuid4().hex})
        except KeyboardInterrupt:
            raise Interrupted("Interrupted while the command was on its way.", UNCERTAIN) from None
        except NoServer as trouble:
            if trouble.uncertain and not dry_run:
                raise NoServer(str(trouble), *trouble.more, UNCERTAIN) from None
            raise

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, query: dict[str, str], more: dict[str, str]
    ) -> Answer:
        url = self._url(path)
        try:
            content = None if body is None else json_text(body)
            kind = {"Content-Type": "application/json"} if body is not None else {}
            headers = {**kind, **more, **self._proof()}
            with self._http.stream(method, url, content=content, params=query or None, headers=headers) as response:
                text = self._all_of(response)
        except httpx.HTTPError as error:
            raise no_connection(error, url, self._patience) from None
        except httpx.InvalidURL:
            raise Usage(f"{url} is no address that can be asked.") from None
        return _understood(response, text, url)

    def _proof(self) -> dict[str, str]:
        if self._access.entra:
            return {"Authorization": f"Bearer {bearer_token(self._access.entra)}"}
        return {"x-functions-key": self._access.key}

    def _all_of(self, response: httpx.Response) -> str:
        """The whole body; a server that dribbles, or never ends, is given up."""
        end, size, parts = time.monotonic() + self._patience, 0, []
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if time.monotonic() > end:
                raise httpx.ReadTimeout("the answer takes too long")
            if size > LARGEST:
                raise NoServer("The control plane's answer is larger than any answer should be.")
        return b"".join(parts).decode(errors="replace")

    def _url(self, path: str) -> str:
        """Where a path leads: ours, or one that the server named, which never leads to another server."""
        base = self._access.url
        if path.startswith("/"):
            return base + path.removeprefix("/api") if path.startswith("/api/") else base + path
        mine, named = urlsplit(base), urlsplit(path)
        if (mine.scheme, mine.netloc) != (named.scheme, named.netloc):
            raise NoServer(f"The control plane refers to another server ({named.netloc}), which is not asked.")
        return path


def at(*parts: str) -> str:
    """A path of these parts, whatever characters they hold; raises Usage."""
    for part in parts:
        if part.strip() in ("", ".", ".."):
            raise Usage(f"{part!r} is no name.")
    return "/" + "/".join(quote(part, safe="") for part in parts)


@contextmanager
def connected(access: Access | None = None, *, patience: float | None = None) -> Iterator[ControlPlane]:
    """The control plane that one is logged in to; raises a CommandError."""
    plane = ControlPlane(access or current_access(), patience=patience)
    try:
        yield plane
    finally:
        plane.close()


def _patience(read: Callable[[str], str | None] = os.environ.get) -> float:
    text = read(TIMEOUT)
    if not text:
        return PATIENCE
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise Usage(f"{TIMEOUT} must be a number of seconds, not {text!r}.")
    return seconds


def _understood(response: httpx.Response, text: str, url: str) -> Answer:
    """The answer as JSON; raises what its status or its problem means."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not response.is_success:
        raise complaint_about(response, text, kind, url)
    if kind != "application/json" and not kind.endswith("+json"):
        if kind == "text/csv":
            return Answer(text, plain_lines(text))
        raise not_json(response, kind)
    try:
        content = json.loads(text)
    except ValueError:
        raise not_json(response, "broken JSON") from None
    headers = response.headers
    accepted = response.status_code == httpx.codes.ACCEPTED
    return Answer(content, plain_json(text), accepted, headers.get("Location", ""), ask_again_in(response) or 0.0)
