"""Listening sockets, so that a query reaches the right program on this machine."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ..filesystem import FileSystem, Unknown

LISTENING = "0A"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Listener:
    """A listening socket, and the ID of its user (None: unknown)."""

    address: str
    owner: int | None


def addresses_of(filesystem: FileSystem, port: int, said: str, owner: int | None) -> str:
    """The address of a port, as written in a URL; `said` is the address that the program reports.

    Raises Unknown if another user listens there, or if the address does not belong to this machine.
    """
    listeners = list(_listeners(filesystem, port))
    ours = [each for each in listeners if each.owner is None or owner is None or each.owner in (owner, 0)]
    if listeners and not ours:
        raise Unknown("another user listens on its port")
    address = ours[0].address if ours else said
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return LOOPBACK  # a name like localhost: always this machine
    if parsed.is_unspecified:
        return LOOPBACK if parsed.version == 4 or _listens_to_both(listeners) else "[::1]"
    if not (ours or parsed.is_loopback or _is_ours(address)):
        raise Unknown("its address does not belong to this machine")
    return address if parsed.version == 4 else f"[{address}]"


def _listens_to_both(listeners: list[Listener]) -> bool:
    return not listeners or any(":" not in each.address for each in listeners)


def _is_ours(address: str) -> bool:
    """Whether this machine has the address: otherwise a socket cannot be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((address, 0))
    except OSError:
        return False
    return True


def _listeners(filesystem: FileSystem, port: int) -> Iterator[Listener]:
    for name in ("tcp", "tcp6"):
        try:
            lines = filesystem.text(f"/proc/net/{name}").splitlines()[1:]
        except OSError:
            continue
        for words in map(str.split, lines):
            address, _, number = words[1].rpartition(":")
            if words[3] == LISTENING and int(number, 16) == port:
                owner = int(words[7]) if len(words) > 9 and words[7].isdigit() else None
                yield Listener(_readable(address), owner)


def _readable(address: str) -> str:
    """The text form of an address in words of four bytes in host byte order."""
    words = [int(address[place : place + 8], 16) for place in range(0, len(address), 8)]
    content = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, content)
