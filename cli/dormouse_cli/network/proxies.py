"""The proxy that the environment or the system names for a URL."""

import os
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from dormouse_cli.errors import UsageError

SCHEMES = {
    "http": "http",
    "https": "https",
    "socks": "socks5",  # as GNOME writes it
    "socks5": "socks5",
    "socks5h": "socks5h",
}
INSTALL_SOCKS = "Install it: pip install 'dormouse-cli[socks]' (from a checkout: pip install './cli[socks]')"
EXAMPLE = "http://proxy.example.net:8080"
ANOTHER = f"Set HTTPS_PROXY to a proxy like {EXAMPLE}, or list the control plane's host in NO_PROXY."


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: its address without credentials, where it was set, and its credentials, which `repr` hides."""

    address: str
    source: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"the proxy {self.address} ({self.source})"

    @property
    def host(self) -> str:
        """Its host name."""
        return urlsplit(self.address).hostname or ""

    @property
    def advice(self) -> str:
        """What to do if it does not work."""
        return f"Check {self.source}, or list the host of the control plane in NO_PROXY."


def proxy_for(url: str) -> Proxy | None:
    """The proxy to use for a URL, or None; raises UsageError if its setting cannot be used.

    A setting for other URLs is not looked at: desktops often set ALL_PROXY to a SOCKS proxy beside a good HTTPS_PROXY.
    """
    parts = urlsplit(url)
    settings = getproxies()
    scheme = next((name for name in (parts.scheme, "all") if settings.get(name)), "")
    if not scheme or _bypassed(parts.hostname or "", parts.netloc, settings.get("no", "")):
        return None
    return _read(settings[scheme].strip(), _source(scheme))


def connect(proxy: Proxy) -> httpx.Proxy:
    """The proxy as httpx takes it; raises UsageError if it cannot be used."""
    if proxy.address.startswith("socks") and find_spec("socksio") is None:
        reason = f"{proxy.source} names a SOCKS proxy, which needs the package socksio; it is not installed."
        raise UsageError(reason, INSTALL_SOCKS, ANOTHER)
    auth = (proxy.user, proxy.password) if proxy.user or proxy.password else None
    try:
        return httpx.Proxy(proxy.address, auth=auth)
    except (ValueError, httpx.InvalidURL):
        raise _unusable(proxy.source, "is not a valid URL of a proxy") from None


def socks_errors() -> tuple[type[Exception], ...]:
    """The exceptions that httpx lets through if a proxy does not speak SOCKS."""
    return (import_module("socksio.exceptions").SOCKSError,) if find_spec("socksio") else ()


def _bypassed(host: str, netloc: str, listed: str) -> bool:
    return "*" in {part.strip() for part in listed.split(",")} or bool(proxy_bypass(host)) or bool(proxy_bypass(netloc))


def _source(scheme: str) -> str:
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
    return next((name for name in names if os.environ.get(name)), "the proxy settings of this system")


def _read(text: str, source: str) -> Proxy:
    """The proxy in a setting; user name and password may contain any characters, encoded or not."""
    scheme, rest = text.split("://", 1) if "://" in text else ("http", text)
    known = SCHEMES.get(scheme.lower(), "")
    if not known:
        raise _unusable(source, "names a proxy of a kind that is not supported; supported are http, https and socks5")
    credentials, _, server = rest.rpartition("@")
    user, _, password = credentials.partition(":")
    address = f"{known}://{server.partition('/')[0]}"
    try:
        parts = urlsplit(address)
        valid = bool((parts.hostname or "").encode("idna")) and parts.port != 0
        f"{user}{password}{address}".encode()
    except ValueError:
        valid = False
    if not valid or any(sign.isspace() or sign in "\\?#" for sign in address):
        raise _unusable(source, "is not a valid URL of a proxy")
    return Proxy(address, source, unquote(user), unquote(password))


def _unusable(source: str, why: str) -> UsageError:
    # The value is not repeated: it may contain a password.
    return UsageError(f"{source} {why}.", ANOTHER)
