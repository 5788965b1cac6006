"""Who is there: the sessions of people, the connections of these sessions, and terminals that are typed in."""

from __future__ import annotations

from .places import Places, Unknown
from .processes import Processes
from .sessions import Seen, look_for_sessions
from .sockets import Sockets
from .sources import Changes
from .terminal_jobs import consoles_with_a_shell


class Sessions:
    """The sessions of people: how many, how many connections they have, and in how many typing cannot be seen."""

    name = "sessions"
    signals = ("logins", "connections", "sessions_opaque")

    def __init__(self, places: Places, processes: Processes) -> None:
        self.problems: dict[str, str] = {}
        self._places = places
        self._processes = processes

    def look(self, moment: float, since: float) -> dict[str, float]:
        """What is known: a number from 1 on is known even if there may be more, and zero only if everything was seen."""
        sockets = Sockets(self._places)
        seen = look_for_sessions(self._places, self._processes, moment, sockets)
        connections, hidden = _connections(seen, sockets)
        counts = {
            "logins": (len(seen.sessions), seen.unseen),
            "connections": (connections, (*seen.unseen, *hidden)),
            "sessions_opaque": (sum(not session.terminals for session in seen.sessions), seen.unseen),
        }
        known = {name: float(count) for name, (count, unseen) in counts.items() if count or not unseen}
        self.problems = {name: unseen[0] for name, (_, unseen) in counts.items() if name not in known}
        if not known:
            raise Unknown(next(iter(self.problems.values())))
        return known


def _connections(seen: Seen, sockets: Sockets) -> tuple[int, list[str]]:
    """How many connections came in to the sessions, and why more could not be seen."""
    count, hidden = 0, []
    for session in seen.sessions:
        try:
            count += sum(each.inbound for each in sockets.connections_of(session.leader))
        except Unknown as error:
            hidden.append(str(error))
    return count, hidden


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
