"""Who is there: the sessions of people, the connections of these sessions, and terminals that are typed in."""

from __future__ import annotations

from dataclasses import dataclass

from ..filesystem import Places, Unknown
from ..sources import Changes
from ..system.processes import Processes
from ..system.sockets import Sockets
from ..work.terminal_jobs import consoles_with_a_shell
from .sessions import Seen, look_for_sessions


@dataclass(frozen=True)
class Count:
    """How many there are; with `unseen`, why there may be more."""

    number: int
    unseen: str = ""

    def known(self) -> int:
        """The number; raises Unknown for a zero that may be more. A number from 1 on is known even if there may be more."""
        if self.unseen and not self.number:
            raise Unknown(self.unseen)
        return self.number


@dataclass(frozen=True)
class Counts:
    """The sessions of people, their connections, and the sessions in which typing cannot be seen."""

    sessions: Count
    connections: Count
    opaque: Count


class People:
    """The sessions of people, looked for at most once per second."""

    def __init__(self, places: Places, processes: Processes) -> None:
        self._places = places
        self._processes = processes
        self._moment = float("-inf")
        self._counts: Counts | None = None

    def at(self, moment: float) -> Counts:
        """How many there are; raises Unknown if a register of sessions cannot be read."""
        if self._counts is None or moment - self._moment >= 1:
            self._counts = None
            sockets = Sockets(self._places)
            self._counts = _counts(look_for_sessions(self._places, self._processes, moment, sockets), sockets)
            self._moment = moment
        return self._counts


class Logins:
    """Sessions of people, by whatever way they came."""

    name = "logins"

    def __init__(self, people: People) -> None:
        self._people = people

    def look(self, moment: float, since: float) -> dict[str, float]:
        """How many there are."""
        return {"logins": self._people.at(moment).sessions.known()}


class Connections:
    """Established connections that came in to sessions of people, on any port."""

    name = "connections"

    def __init__(self, people: People) -> None:
        self._people = people

    def look(self, moment: float, since: float) -> dict[str, float]:
        """How many there are."""
        return {"connections": self._people.at(moment).connections.known()}


class OpaqueSessions:
    """Sessions without a terminal, in which typing cannot be seen: editors, remote desktops."""

    name = "opaque sessions"
    signals = ("sessions_opaque",)

    def __init__(self, people: People) -> None:
        self._people = people

    def look(self, moment: float, since: float) -> dict[str, float]:
        """How many there are."""
        return {"sessions_opaque": self._people.at(moment).opaque.known()}


def _counts(seen: Seen, sockets: Sockets) -> Counts:
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
    """Terminals in which somebody types: the kernel moves a terminal's access time when its input is read.

    It does so in steps of eight seconds, to hide how long passwords are: a single key may stay unseen.
    """

    name = "terminals"
    signals = ("terminals_active",)

    def __init__(self, places: Places, processes: Processes) -> None:
        self._places = places
        self._processes = processes
        self._changes = Changes()

    def look(self, moment: float, since: float) -> dict[str, float]:
        """How many were typed in, or opened, in this minute."""
        marks: dict[str, object] = {}
        for name in (*self._pseudo_terminals(), *consoles_with_a_shell(self._processes.at(moment))):
            try:
                marks[name] = self._places.at(f"/dev/{name}").stat().st_atime_ns
            except FileNotFoundError:
                continue  # closed a moment ago
        return {"terminals_active": self._changes.since(moment, marks, since)}

    def _pseudo_terminals(self) -> list[str]:
        return [f"pts/{name}" for name in self._places.names("/dev/pts") if name.isdigit()]
