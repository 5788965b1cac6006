"""Where a port of this machine is listened on, so that what is asked there is this machine and the right program."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ..filesystem import Places, Unknown

LISTENING = "0A"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Listener:
    """A socket that is listened on, and the number of the user whose it is (None: not told)."""

    address: str
    owner: int | None


def addresses_of(places: Places, port: int, said: str, owner: int | None) -> str:
    """The address to ask at for a port, as it stands in a URL; `said` is what the program says of it.

    Raises Unknown if another user listens there, or the address is not one of this machine.
    """
    listeners = list(_listeners(places, port))
    ours = [each for each in listeners if each.owner is None or owner is None or each.owner in (owner, 0)]
    if listeners and not ours:
        raise Unknown("another user listens on its port")
    address = ours[0].address if ours else said
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return LOOPBACK  # a name like localhost: whatever it means elsewhere, this machine is asked
    if parsed.is_unspecified:
        return LOOPBACK if parsed.version == 4 or _listens_to_both(listeners) else "[::1]"
    if not (ours or parsed.is_loopback or _is_ours(address)):
        raise Unknown("its address is not one of this machine")
    return address if parsed.version == 4 else f"[{address}]"


def _listens_to_both(listeners: list[Listener]) -> bool:
    return not listeners or any(":" not in each.address for each in listeners)


def _is_ours(address: str) -> bool:
    """Whether this machine has the address: only then a socket can be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((address, 0))
    except OSError:
        return False
    return True


def _listeners(places: Places, port: int) -> Iterator[Listener]:
    for name in ("tcp", "tcp6"):
        try:
            lines = places.text(f"/proc/net/{name}").splitlines()[1:]
        except OSError:
            continue
        for words in map(str.split, lines):
            address, _, number = words[1].rpartition(":")
            if words[3] == LISTENING and int(number, 16) == port:
                owner = int(words[7]) if len(words) > 9 and words[7].isdigit() else None
                yield Listener(_readable(address), owner)


def _readable(address: str) -> str:
    """An address as people write it, from words of four bytes in the machine's order."""
    words = [int(address[place : place + 8], 16) for place in range(0, len(address), 8)]
    content = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, content)
