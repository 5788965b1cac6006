"""Outgoing connections to hosts outside Azure: public addresses only, except for hosts that the settings allow."""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp import ClientSession


# A public address that is the platform endpoint inside every Azure VM.
# https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
AZURE_ITSELF = ipaddress.IPv4Address("168.63.129.16")
# The allocated IPv6 range, and the documentation range inside it (RFC 9637).
GLOBAL_UNICAST, DOCUMENTATION = ipaddress.IPv6Network("2000::/3"), ipaddress.IPv6Network("3fff::/20")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class NoNameError(Exception):
    """The URL holds an IP address instead of a host name."""


class PublicAddresses:
    """Resolves host names to public addresses only; checked while connecting, so that DNS rebinding has no effect.

    An aiohttp resolver (https://docs.aiohttp.org/en/stable/abc.html#aiohttp.abc.AbstractResolver).
    """

    def __init__(self, finder: Any, private: Collection[str]) -> None:
        """Resolve with `finder`; hosts in `private` may have private addresses."""
        self._finder, self._private = finder, frozenset(private)

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[Any]:
        """The public addresses of a host name; raises OSError if it has none."""
        found: list[Any] = await self._finder.resolve(host, port, family)
        if host.lower() in self._private:
            return found
        public = [each for each in found if is_public(each["host"])]
        if not public:
            raise OSError(f"{host} has no public address")
        return public

    async def close(self) -> None:
        """Close the underlying resolver."""
        await self._finder.close()


def is_public(address: str) -> bool:
    """Whether a text is a publicly routable IP address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        translated = ipaddress.IPv4Address(parsed.packed[-4:]) if parsed in NAT64 else None
        inner = parsed.ipv4_mapped or parsed.sixtofour or translated
        return (
            is_public(str(inner)) if inner else parsed.is_global and parsed in GLOBAL_UNICAST and parsed not in DOCUMENTATION
        )
    return parsed.is_global and not parsed.is_multicast and parsed != AZURE_ITSELF


def is_address(host: str) -> bool:
    """Whether a host is an IP address instead of a name."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def open_external_session(private: Collection[str]) -> "ClientSession":
    """A connection pool for public addresses and the hosts in `private`; without proxy and cookies."""
    import aiohttp
    from aiohttp.resolver import ThreadedResolver

    async def names_only(request: Any, send: Callable[[Any], Awaitable[Any]]) -> Any:
        if is_address(request.url.host or ""):  # resolvers are not asked for IP addresses
            raise NoNameError("the URL must have a host name instead of an IP address")
        return await send(request)

    resolver: Any = PublicAddresses(ThreadedResolver(), private)
    connector = aiohttp.TCPConnector(resolver=resolver)
    jar = aiohttp.DummyCookieJar()
    return aiohttp.ClientSession(connector=connector, cookie_jar=jar, trust_env=False, middlewares=(names_only,))
