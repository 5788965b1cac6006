"""The network connections of processes, each in its network namespace."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..filesystem import FileSystem, Unknown
from .process_facts import shares_our_network

ESTABLISHED, LISTENING = "01", "0A"
CONNECTED = "03"  # of Unix sockets
# The kernel assigns ports from here on to outgoing connections; see ip_local_port_range.
FIRST_EPHEMERAL_PORT = 32768
LOOPBACK = ("0100007F", "0" * 24 + "01000000", "0" * 16 + "FFFF00000100007F")
ANY_PORT = 0


@dataclass(frozen=True)
class Connection:
    """An established TCP connection: whether it is incoming, and whether its peer is this machine."""

    inbound: bool
    local: bool


class Sockets:
    """The sockets at one moment; each table of the kernel is read at most once."""

    def __init__(self, filesystem: FileSystem) -> None:
        self._filesystem = filesystem
        self._tables: dict[tuple[str, str], list[list[str]]] = {}

    def connections_of(self, pid: int) -> list[Connection]:
        """The TCP connections of a process; raises Unknown if they cannot be read."""
        owned = self._inodes_of(pid)
        rows = [*self._rows(pid, "tcp"), *self._rows(pid, "tcp6")] if owned else []
        listening = {_port(row[1]) for row in rows if row[3] == LISTENING}
        return [
            Connection(
                _port(row[1]) in listening or _port(row[1]) < FIRST_EPHEMERAL_PORT,
                row[2].rpartition(":")[0] in LOOPBACK,
            )
            for row in rows
            if row[3] == ESTABLISHED and _inode(row) in owned
        ]

    def listens(self, pid: int) -> bool:
        """Whether a process listens for TCP connections; raises Unknown if that cannot be read."""
        owned = self._inodes_of(pid)
        rows = [*self._rows(pid, "tcp"), *self._rows(pid, "tcp6")] if owned else []
        return any(row[3] == LISTENING and _inode(row) in owned for row in rows)

    def has_udp_peer(self, pid: int) -> bool:
        """Whether a process has a connected UDP socket; raises Unknown if that cannot be read."""
        owned = self._inodes_of(pid)
        rows = [*self._rows(pid, "udp"), *self._rows(pid, "udp6")] if owned else []
        return any(_port(row[2]) != ANY_PORT and _inode(row) in owned for row in rows)

    def clients_at(self, pid: int, path: str) -> int:
        """The number of clients of the Unix socket on which a process listens."""
        rows = self._rows(pid, "unix")
        return sum(len(row) > 7 and row[5] == CONNECTED and row[7] == path for row in rows)

    def _folder_of(self, pid: int) -> str:
        own = f"/proc/{pid}/net"
        shared = shares_our_network(self._filesystem, pid) or not self._filesystem.at(own).is_dir()
        return "/proc/net" if shared else own

    def _rows(self, pid: int, kind: str) -> list[list[str]]:
        folder = self._folder_of(pid)
        if (folder, kind) not in self._tables:
            try:
                lines = self._filesystem.text(f"{folder}/{kind}").splitlines()[1:]
            except FileNotFoundError:  # without IPv6 there is no table for it
                if kind == "tcp":
                    raise Unknown(f"{folder}/{kind} is missing") from None
                lines = []
            self._tables[folder, kind] = [row for row in map(str.split, lines) if len(row) > 3]
        return self._tables[folder, kind]

    def _inodes_of(self, pid: int) -> set[str]:
        folder = self._filesystem.at(f"/proc/{pid}/fd")
        try:
            targets = [_target(os.path.join(folder, name)) for name in os.listdir(folder)]  # noqa: PTH118, PTH208
        except OSError as error:
            if self._filesystem.at(f"/proc/{pid}/stat").exists():
                raise Unknown(f"the open sockets of process {pid} cannot be read") from error
            return set()
        return {target[len("socket:[") : -1] for target in targets if target.startswith("socket:[")}


def _inode(row: list[str]) -> str:
    return row[9] if len(row) > 9 else ""


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def _target(link: str) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115 - `Path.readlink` is not in Python 3.8
    except OSError:
        return ""
