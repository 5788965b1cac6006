"""A strict HTTP client: no redirects, proxies only over HTTPS, bounded responses, no exceptions for statuses."""

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
    """The response of a server."""

    status: int
    headers: Message
    content: bytes


def is_trusted_url(url: str) -> bool:
    """Whether a token may be sent to a URL: over HTTPS, or to this machine."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return False
    if parts.username is not None or parts.query or parts.fragment or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def is_valid_in_header(token: str) -> bool:
    """Whether a token is valid in a header; checked first, because error messages about it would contain the token."""
    return token.isascii() and token.isprintable()


def send_request(
    request: urllib.request.Request,
    *,
    seconds: float,
    most_bytes: int,
    use_proxy: bool = False,
    skip_verification: bool = False,
) -> Answer:
    """Send a request once; raises Unknown without a complete response in time.

    A proxy is used only for HTTPS, because it would see the token of any other request.
    """
    context = _encryption(skip_verification=skip_verification) if request.type == "https" else None
    proxies = {kind: url for kind, url in urllib.request.getproxies().items() if kind == "https" and use_proxy}
    # Only these handlers are used; without a redirect handler, redirects are not followed.
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
            raise Unknown(f"{request.type} URLs are not supported")
        with response:
            return Answer(response.status, response.headers, _content(response, most_bytes, deadline))
    except (OSError, http.client.HTTPException) as error:
        raise Unknown(
            f"{request.host} does not answer: {getattr(error, 'reason', error) or type(error).__name__}"
        ) from error


def _encryption(*, skip_verification: bool) -> ssl.SSLContext:
    if not skip_verification:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a port."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def get_from_socket(
    path: str, target: str, *, seconds: float, most_bytes: int, headers: Mapping[str, str] | None = None
) -> Answer:
    """Send a GET request to a server on a Unix socket; raises Unknown or OSError."""
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
            raise Unknown("the response is too long or too slow")
