"""Session registries: systemd-logind and utmp."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from ..filesystem import FileSystem, Unknown

LOGIND = "/run/systemd/sessions"
UTMP = "/var/run/utmp"
# Type, process, line and, after an ID, user and host; the rest of a record is not used. See utmp(5).
RECORD = struct.Struct("=hxxi32s4x32s256s")
RECORD_BYTES = 384
USER_PROCESS = 7
# Services whose sessions are opened by programs, or by users within another session, whatever their class.
PROGRAMS = frozenset({
    "cron", "crond", "crontab", "atd", "systemd-user",
    "su", "su-l", "sudo", "sudo-i", "runuser", "runuser-l", "systemd-run0",
})  # fmt: skip
GRAPHICAL = frozenset({"x11", "wayland", "mir"})
# What terminal multiplexers and mosh write instead of an address: "tmux(7).%0", ":pts/0:S.1", "mosh [7]".
MULTIPLEXED = re.compile(r"(tmux|screen|zellij)\(|:.*:S\.\d+$|.*\bmosh \[")
MOSH = re.compile(r"(?P<live>.* via )?mosh \[(?P<pid>\d+)\]")


@dataclass(frozen=True)
class Registered:
    """A session in a registry: its leading process (0: unknown), terminal and service."""

    leader: int
    terminal: str = ""
    service: str = ""
    graphical: bool = False


@dataclass(frozen=True)
class Registers:
    """The sessions in both registries; `mosh` has the mosh servers by process ID, and whether a client was connected."""

    logind: tuple[Registered, ...]
    utmp: tuple[Registered, ...]
    mosh: dict[int, bool]


def read_registers(filesystem: FileSystem) -> Registers:
    """Read both registries; a missing one counts as empty. Raises Unknown for one that cannot be read."""
    logind = [found for name in filesystem.names(LOGIND) if (found := _session(filesystem, name)) is not None]
    utmp, mosh = _records(filesystem)
    return Registers(tuple(logind), tuple(utmp), mosh)


def _session(filesystem: FileSystem, name: str) -> Registered | None:
    if name.startswith(".") or name.endswith(".ref"):  # a temporary file or a pipe
        return None
    try:
        lines = filesystem.text(f"{LOGIND}/{name}").splitlines()
    except FileNotFoundError:
        return None  # it has just ended
    said = {key: value for key, _, value in (line.partition("=") for line in lines)}
    service, kind = said.get("SERVICE", ""), said.get("CLASS", "user")
    if not kind.startswith("user") or said.get("STATE") == "closing" or service in PROGRAMS:
        return None
    leader = said.get("LEADER", "")
    terminal = said.get("TTY", "").replace("/dev/", "")
    return Registered(int(leader) if leader.isdigit() else 0, terminal, service, said.get("TYPE") in GRAPHICAL)


def _records(filesystem: FileSystem) -> tuple[list[Registered], dict[int, bool]]:
    found: list[Registered] = []
    mosh: dict[int, bool] = {}
    try:
        content = filesystem.at(UTMP).read_bytes()
    except FileNotFoundError:  # newer systems have none
        content = b""
    if len(content) % RECORD_BYTES:
        raise Unknown(f"{UTMP} has an incomplete record")
    for offset in range(0, len(content), RECORD_BYTES):
        kind, process, *texts = RECORD.unpack_from(content, offset)
        line, user, host = (text.split(b"\0")[0].decode("utf-8", "replace") for text in texts)
        if kind != USER_PROCESS or not user:
            continue
        if match := MOSH.search(host):
            mosh[int(match["pid"])] = match["live"] is not None
        if not MULTIPLEXED.match(host):
            found.append(Registered(process, "" if line.startswith(":") else line, graphical=host.startswith(":")))
    return found, mosh
