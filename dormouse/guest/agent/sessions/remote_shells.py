"""Remote shells: sessions of SSH servers and mosh."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..filesystem import FileSystem, Unknown
from ..system.process_facts import words_of
from ..system.processes import Process, Processes
from ..system.sockets import Sockets
from ..system.terminals import terminals_below

SSH_SERVERS = frozenset({"sshd", "sshd-session"})
# `sshd: ana@pts/0`, `sshd: ana@notty`, `sshd: ana` (forwards ports only). Titles in brackets are not user sessions:
# [listener], [accepted], [preauth], [net], [priv].
SSH_TITLE = re.compile(r"sshd(-session)?: (?P<user>[^\[\]]+?)(@(?P<where>notty|(pts/|tty)[^@\s]*))?")
FIRST_USER = 1000
MOSH_SERVER = "mosh-server"


@dataclass(frozen=True)
class Session:
    """A user session: its leading process, and the terminals in which its input can be observed ("pts/0")."""

    leader: int
    terminals: tuple[str, ...] = ()
    # Whether it has no terminal of its own: a desktop, an editor in a browser.
    graphical: bool = False


def ssh_sessions(filesystem: FileSystem, every: Mapping[int, Process]) -> Iterator[Session]:
    """The sessions of SSH servers on any port, without incomplete or rejected logins."""
    titles = {pid: " ".join(words_of(filesystem, pid)).strip() for pid, each in every.items() if each.name in SSH_SERVERS}
    matches = {pid: match for pid, title in titles.items() if (match := SSH_TITLE.fullmatch(title)) is not None}
    for pid, process in every.items():
        parent = every.get(process.parent)
        if process.name in SSH_SERVERS:
            title = matches.get(pid)
            if process.parent in matches:
                continue  # `sshd: ana@internal-sftp`, a part of the session above it
            if title is not None:
                where = (title["where"] or "notty").split(",")
                yield Session(pid, tuple(each for each in where if each != "notty") or terminals_below(pid, every))
            elif parent is not None and parent.name in SSH_SERVERS and _is_of_a_user(filesystem, pid):
                yield Session(pid, terminals_below(pid, every))
        elif _is_other_session(filesystem, pid, process, parent, every):
            yield Session(pid, terminals_below(pid, every))


def mosh_sessions(
    filesystem: FileSystem, processes: Processes, moment: float, registered: Mapping[int, bool], sockets: Sockets
) -> Iterator[Session]:
    """The mosh sessions with a connected client; raises Unknown if that is not known yet.

    A server wakes every three seconds while it receives packets of its client, and stops 40 seconds after the last one.
    """
    every = processes.at(moment)
    servers = [pid for pid, process in every.items() if process.name == MOSH_SERVER]
    # The child in the terminal has the same name until a client has connected.
    for pid in servers:
        if every[pid].parent in servers:
            continue
        live = registered.get(pid)
        if live is None:
            live = _has_peer(sockets, pid) or processes.has_run(pid, moment)
        if live is None:
            raise Unknown("it is not known yet whether a mosh client is connected")
        if live:
            yield Session(pid, terminals_below(pid, every))


def _has_peer(sockets: Sockets, pid: int) -> bool:
    try:
        return sockets.has_udp_peer(pid)
    except Unknown:
        return False  # other checks decide


def _is_other_session(
    filesystem: FileSystem, pid: int, process: Process, parent: Process | None, every: Mapping[int, Process]
) -> bool:
    """Whether it is a session of Tailscale, Teleport or Dropbear, which set no process title."""
    if process.name == "tailscaled":
        words = words_of(filesystem, pid)
        return "be-child" in words and not {"ssh", "sftp"}.isdisjoint(words)
    if parent is None or parent.name != process.name:
        return False
    if process.name == "teleport":
        return "".join(words_of(filesystem, pid)[1:2]) in ("exec", "forward")
    if process.name == "dropbear":
        # It always runs as root; before a successful login it has no children.
        return _is_of_a_user(filesystem, pid) or any(each.parent == pid for each in every.values())
    return False


def _is_of_a_user(filesystem: FileSystem, pid: int) -> bool:
    """Whether a process runs as a regular user; /proc/PID belongs to root where tracing is restricted."""
    try:
        lines = filesystem.text(f"/proc/{pid}/status").splitlines()
        return next((int(line.split()[2]) >= FIRST_USER for line in lines if line.startswith("Uid:")), False)
    except (OSError, ValueError, IndexError):
        return False
