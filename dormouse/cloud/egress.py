"""The way to places that are not Azure: public addresses only, unless the settings name a host that may be private."""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp import ClientSession


# Public by its number, and inside every machine of Azure's the way to the platform.
# https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
AZURE_ITSELF = ipaddress.IPv4Address("168.63.129.16")
# All that is given out of IPv6, and what of it is for documentation (RFC 9637).
GLOBAL_UNICAST, DOCUMENTATION = ipaddress.IPv6Network("2000::/3"), ipaddress.IPv6Network("3fff::/20")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class NoNameError(Exception):
    """An address where the name of a host was wanted."""


class PublicAddresses:
    """Finds the addresses of names, and hides those that are not public: looked at when connecting, and so for good.

    An aiohttp resolver (https://docs.aiohttp.org/en/stable/abc.html#aiohttp.abc.AbstractResolver).
    """

    def __init__(self, finder: Any, private: Collection[str]) -> None:
        """Ask `finder`; the hosts in `private` may be wherever they are."""
        self._finder, self._private = finder, frozenset(private)

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[Any]:
        """The public addresses of a name; raises OSError if there are none."""
        found: list[Any] = await self._finder.resolve(host, port, family)
        if host.lower() in self._private:
            return found
        public = [each for each in found if is_public(each["host"])]
        if not public:
            raise OSError(f"{host} has no public address")
        return public

    async def close(self) -> None:
        """Let the finder go."""
        await self._finder.close()


def is_public(address: str) -> bool:
    """Whether an address is one that everybody may reach; what is no address is not."""
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
    """Whether a host is an address, and no name."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def session_to_the_outside(private: Collection[str]) -> "ClientSession":
    """A pool of connections that go to public addresses, and to the hosts in `private`; no proxy, no cookies."""
    import aiohttp
    from aiohttp.resolver import ThreadedResolver

    async def names_only(request: Any, send: Callable[[Any], Awaitable[Any]]) -> Any:
        if is_address(request.url.host or ""):  # no resolver would look where it leads
            raise NoNameError("an address without a name is not posted to")
        return await send(request)

    resolver: Any = PublicAddresses(ThreadedResolver(), private)
    connector = aiohttp.TCPConnector(resolver=resolver)
    jar = aiohttp.DummyCookieJar()
    return aiohttp.ClientSession(connector=connector, cookie_jar=jar, trust_env=False, middlewares=(names_only,))
