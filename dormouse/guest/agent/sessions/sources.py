"""Sources for user activity: sessions, their connections, and terminals with input."""

from __future__ import annotations

from dataclasses import dataclass

from ..filesystem import FileSystem, Unknown
from ..sources import ChangeDetector
from ..system.processes import Processes
from ..system.sockets import Sockets
from ..work.terminal_jobs import consoles_with_a_shell
from .sessions import FoundSessions, find_sessions


@dataclass(frozen=True)
class Count:
    """A count; `unseen` says why there may be more."""

    number: int
    unseen: str = ""

    def known(self) -> int:
        """The number; raises Unknown if it is zero and there may be more."""
        if self.unseen and not self.number:
            raise Unknown(self.unseen)
        return self.number


@dataclass(frozen=True)
class Counts:
    """The user sessions, their connections, and the sessions in which typing cannot be observed."""

    sessions: Count
    connections: Count
    opaque: Count


class SessionCounter:
    """Counts user sessions, at most once per second."""

    def __init__(self, filesystem: FileSystem, processes: Processes) -> None:
        self._filesystem = filesystem
        self._processes = processes
        self._moment = float("-inf")
        self._counts: Counts | None = None

    def at(self, moment: float) -> Counts:
        """The current counts; raises Unknown if a session registry cannot be read."""
        if self._counts is None or moment - self._moment >= 1:
            self._counts = None
            sockets = Sockets(self._filesystem)
            self._counts = _counts(find_sessions(self._filesystem, self._processes, moment, sockets), sockets)
            self._moment = moment
        return self._counts


class Logins:
    """The number of user sessions of all kinds."""

    name = "logins"

    def __init__(self, people: SessionCounter) -> None:
        self._people = people

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The current number."""
        return {"logins": self._people.at(moment).sessions.known()}


class Connections:
    """The number of incoming connections of user sessions, on any port."""

    name = "connections"

    def __init__(self, people: SessionCounter) -> None:
        self._people = people

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The current number."""
        return {"connections": self._people.at(moment).connections.known()}


class OpaqueSessions:
    """The number of sessions without a terminal, in which typing cannot be observed: editors, remote desktops."""

    name = "opaque sessions"
    signals = ("sessions_opaque",)

    def __init__(self, people: SessionCounter) -> None:
        self._people = people

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The current number."""
        return {"sessions_opaque": self._people.at(moment).opaque.known()}


def _counts(seen: FoundSessions, sockets: Sockets) -> Counts:
    opaque = sum(not session.terminals for session in seen.sessions)
    why = "; ".join(seen.unseen)
    count, hidden = 0, list(seen.unseen)
    for session in seen.sessions:
        try:
            count += sum(each.inbound for each in sockets.connections_of(session.leader))
        except Unknown as error:
            hidden.append(str(error))
    return Counts(Count(len(seen.sessions), why), Count(count, "; ".join(hidden)), Count(opaque, why))


class Terminals:
    """Terminals with input: the kernel updates the access time of a terminal when its input is read.

    It does so in steps of eight seconds, to hide the length of passwords, so a single key can be missed.
    """

    name = "terminals"
    signals = ("terminals_active",)

    def __init__(self, filesystem: FileSystem, processes: Processes) -> None:
        self._filesystem = filesystem
        self._processes = processes
        self._changes = ChangeDetector()

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The number of terminals with input, or opened, in this minute."""
        marks: dict[str, object] = {}
        for name in (*self._pseudo_terminals(), *consoles_with_a_shell(self._processes.at(moment))):
            try:
                marks[name] = self._filesystem.at(f"/dev/{name}").stat().st_atime_ns
            except FileNotFoundError:
                continue  # just closed
        return {"terminals_active": self._changes.since(moment, marks, since)}

    def _pseudo_terminals(self) -> list[str]:
        return [f"pts/{name}" for name in self._filesystem.names("/dev/pts") if name.isdigit()]
