"""HTTP as the agent wants it: no redirects, no surprises about proxies, bounded answers, every status an answer."""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message

from .filesystem import Unknown
from .intervals import now

LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: Message
    content: bytes


def may_have_token(url: str) -> bool:
    """Whether a token may be sent there: encrypted, or to this very machine."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return False
    if parts.username is not None or parts.query or parts.fragment or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def fits_in_a_header(token: str) -> bool:
    """Whether a token can be sent; complaints about one that cannot would quote it."""
    return token.isascii() and token.isprintable()


def ask(
    request: urllib.request.Request,
    *,
    seconds: float,
    most_bytes: int,
    through_proxy: bool = False,
    trust_anybody: bool = False,
) -> Answer:
    """Ask once; raises Unknown when no whole answer comes in time.

    A proxy is used for encrypted requests only: over any other it would see the token.
    """
    context = _encryption(trust_anybody=trust_anybody) if request.type == "https" else None
    proxies = {kind: url for kind, url in urllib.request.getproxies().items() if kind == "https" and through_proxy}
    # Only what is added here is done: without a redirect handler, nobody follows any.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(proxies),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=context),
    ):
        opener.add_handler(handler)
    deadline = now() + 2 * seconds
    try:
        response = opener.open(request, timeout=seconds)
        if response is None:
            raise Unknown(f"{request.type} is not understood")
        with response:
            return Answer(response.status, response.headers, _content(response, most_bytes, deadline))
    except (OSError, http.client.HTTPException) as error:
        raise Unknown(
            f"{request.host} does not answer: {getattr(error, 'reason', error) or type(error).__name__}"
        ) from error


def _encryption(*, trust_anybody: bool) -> ssl.SSLContext:
    if not trust_anybody:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a port."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask_socket(
    path: str, target: str, *, seconds: float, most_bytes: int, headers: Mapping[str, str] | None = None
) -> Answer:
    """Ask a server behind a socket in the file system; raises Unknown or OSError."""
    connection = UnixConnection(path, seconds)
    try:
        connection.request("GET", target, headers=dict(headers or {}))
        response = connection.getresponse()
        content = _content(response, most_bytes, now() + 2 * seconds)
        return Answer(response.status, response.headers, content)
    except http.client.HTTPException as error:
        raise Unknown(f"{path} does not speak HTTP: {type(error).__name__}") from error
    finally:
        connection.close()


def _content(response: http.client.HTTPResponse, most_bytes: int, deadline: float) -> bytes:
    content = b""
    while True:
        chunk = response.read1(65536)
        if not chunk:
            return content
        content += chunk
        if len(content) > most_bytes or now() > deadline:
            raise Unknown("the answer is too long, or too slow")
