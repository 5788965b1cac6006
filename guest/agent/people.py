"""Who is there: people logged in, connections to log in by, and terminals that are typed in."""

from __future__ import annotations

import struct

from .places import Places, Unknown
from .sources import Changes

# Type, process and, after line and id, the user; the rest of a record does not matter here. See utmp(5).
UTMP = struct.Struct("=hxxi32x4x32s")
UTMP_BYTES = 384
USER_PROCESS = 7
ESTABLISHED = "01"
LOGIN_PORTS = (22, 3389)


class Logins:
    """People logged in."""

    name = "logins"

    def __init__(self, places: Places) -> None:
        self._places = places

    def look(self, moment: float, since: float) -> dict[str, float]:
        """How many there are, without those whose session has died unrecorded."""
        content = self._places.at("/var/run/utmp").read_bytes()
        if len(content) % UTMP_BYTES:
            raise Unknown("/var/run/utmp does not consist of whole records")
        logins = 0
        for offset in range(0, len(content), UTMP_BYTES):
            kind, process, user = UTMP.unpack_from(content, offset)
            if kind == USER_PROCESS and user.strip(b"\0") and self._places.at(f"/proc/{process}").exists():
                logins += 1
        return {"logins": logins}


class Connections:
    """Established connections that came in to where people log in."""

    name = "connections"

    def __init__(self, places: Places) -> None:
        self._places = places

    def look(self, moment: float, since: float) -> dict[str, float]:
        """How many there are."""
        lines = self._places.text("/proc/net/tcp").splitlines()[1:]
        if self._places.at("/proc/net/tcp6").exists():
            lines += self._places.text("/proc/net/tcp6").splitlines()[1:]
        return {"connections": sum(map(_is_login, lines))}


def _is_login(line: str) -> bool:
    words = line.split()
    return words[3] == ESTABLISHED and int(words[1].rpartition(":")[2], 16) in LOGIN_PORTS


class Terminals:
    """Terminals in which somebody types: the kernel moves a terminal's access time when its input is read.

    It does so in steps of eight seconds, to hide how long passwords are: a single key may stay unseen.
    """

    name = "terminals"

    def __init__(self, places: Places) -> None:
        self._places = places
        self._changes = Changes()

    def look(self, moment: float, since: float) -> dict[str, float]:
        """How many were typed in, or opened, in this minute."""
        marks: dict[str, object] = {}
        for name in self._places.names("/dev/pts"):
            if name.isdigit():
                try:
                    marks[name] = self._places.at(f"/dev/pts/{name}").stat().st_atime_ns
                except FileNotFoundError:
                    continue  # closed a moment ago
        return {"terminals_active": self._changes.since(moment, marks, since)}
