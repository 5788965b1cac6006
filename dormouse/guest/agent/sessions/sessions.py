"""The user sessions on the machine, from all detection methods, each counted once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..filesystem import FileSystem, Unknown
from ..intervals import now
from ..system.processes import Process, Processes, is_below
from ..system.sockets import Connection, Sockets
from ..system.terminals import container_of, is_multiplexed, terminal_name
from .registers import Registered, read_registers
from .remote_shells import MOSH_SERVER, Session, mosh_sessions, ssh_sessions
from .served import ServedSessions

# Services that keep a desktop when its viewer disconnects, and the programs that have the viewer's connection.
DESKTOP_SERVICES = {"xrdp": "xrdp", "tigervnc": "vnc", "vncserver": "vnc", "nx": "nx"}
EMULATORS = (
    "gnome-terminal", "xfce4-terminal", "mate-terminal", "konsole", "xterm", "tilix", "terminator", "lxterminal",
    "qterminal", "kitty", "alacritty", "ptyxis", "kgx", "urxvt", "rxvt", "foot", "wezterm",
)  # fmt: skip
LONGEST_NAME = 15  # of a process, in the kernel


@dataclass(frozen=True)
class FoundSessions:
    """The sessions found, the terminals that their users can see, and what could not be determined."""

    sessions: tuple[Session, ...]
    shown: tuple[str, ...]
    unseen: tuple[str, ...]


def find_sessions(filesystem: FileSystem, processes: Processes, moment: float, sockets: Sockets) -> FoundSessions:
    """Find sessions by all methods; raises Unknown if a session registry cannot be read."""
    every = processes.at(moment)
    registers = read_registers(filesystem)
    served = ServedSessions(filesystem, every, sockets)
    desktops, editors = served.desktops(), served.editors()
    unseen = list(served.unseen)
    found = [_in_its_container(each, every) for each in ssh_sessions(filesystem, every)]
    try:
        found += mosh_sessions(filesystem, processes, moment, registers.mosh, sockets)
    except Unknown as error:
        unseen.append(str(error))
    found += [Session(pid) for pid, live in registers.mosh.items() if live and pid in every and pid not in _leaders(found)]
    for record in registers.logind:
        _add(record, found, every)
    desktop = any(session.graphical for session in (*found, *desktops))
    for record in registers.utmp:
        if record.leader and not (record.graphical and desktop):  # else it is a terminal in the desktop
            _add(record, found, every)
    found += [*desktops, *_not_by_ssh(editors, found, every, sockets)]
    shown = [terminal for session in found if not session.graphical for terminal in session.terminals]
    shown += _opened_below([each.leader for each in editors], every, emulators=desktop)
    return FoundSessions(tuple(found), tuple(dict.fromkeys(shown)), tuple(unseen))


def terminals_of_people(filesystem: FileSystem, processes: Processes) -> list[str]:
    """The terminals that users can see now, like /dev/pts/3; raises Unknown or OSError."""
    return [f"/dev/{name}" for name in find_sessions(filesystem, processes, now(), Sockets(filesystem)).shown]


def _add(record: Registered, found: list[Session], every: Mapping[int, Process]) -> None:
    """Add a registered session that was not found by its processes, if a user is in it."""
    if record.leader and record.leader not in every:
        return  # it ended without a record
    if is_multiplexed(record.leader, every) or _is_mosh(record.leader, every) or _has_viewer_of_its_own(record, every):
        return
    terminals = () if record.graphical or not record.terminal or record.terminal.startswith(":") else (record.terminal,)
    for place, known in enumerate(found):
        if _are_one(record, known, every):
            found[place] = replace(known, terminals=tuple(dict.fromkeys((*known.terminals, *terminals))))
            return
    found.append(Session(record.leader, terminals, record.graphical))


def _are_one(record: Registered, known: Session, every: Mapping[int, Process]) -> bool:
    return (
        (bool(record.terminal) and record.terminal in known.terminals and not record.graphical)
        or (known.leader in every and is_below(known.leader, {record.leader}, every) and record.leader > 1)
        or (known.leader > 1 and is_below(record.leader, {known.leader}, every))
    )


def _is_mosh(pid: int, every: Mapping[int, Process]) -> bool:
    return is_below(pid, {each for each, process in every.items() if process.name == MOSH_SERVER}, every)


def _has_viewer_of_its_own(record: Registered, every: Mapping[int, Process]) -> bool:
    """Whether the server of a desktop is running, whose connections show whether it has a viewer."""
    servers = [server for service, server in DESKTOP_SERVICES.items() if record.service.startswith(service)]
    names = {process.name.lower() for process in every.values()}
    return any(name == server or (server != "xrdp" and server in name) for server in servers for name in names)


def _in_its_container(session: Session, every: Mapping[int, Process]) -> Session:
    # The name of a terminal in a container belongs to another terminal outside.
    return session if container_of(session.leader, every) is None else replace(session, terminals=())


def _not_by_ssh(
    editors: list[Session], found: Iterable[Session], every: Mapping[int, Process], sockets: Sockets
) -> list[Session]:
    """The editors that are not used through an SSH session without a terminal, which is counted itself."""
    through = any(not session.terminals and _is_ssh(session, every) for session in found)
    return [each for each in editors if not (through and _only_local(sockets.connections_of(each.leader)))]


def _only_local(connections: Iterable[Connection]) -> bool:
    return {each.local for each in connections if each.inbound} == {True}


def _is_ssh(session: Session, every: Mapping[int, Process]) -> bool:
    return session.leader in every and every[session.leader].name.startswith("sshd")


def _opened_below(editors: Iterable[int], every: Mapping[int, Process], *, emulators: bool) -> list[str]:
    """The terminals in open editors and, if a desktop is open, in its terminal emulators."""
    owners = set(editors)
    if emulators:
        names = {name[:LONGEST_NAME] for name in EMULATORS}
        owners |= {
            pid
            for pid, process in every.items()
            if process.name in names or process.name.startswith(("gnome-terminal", "wezterm"))
        }
    leaders = {
        pid: process
        for pid, process in every.items()
        if process.terminal and process.session == pid and is_below(pid, owners, every)
    }
    own = [process for pid, process in leaders.items() if container_of(pid, every) is None]
    return [name for process in own if (name := terminal_name(process.terminal))]


def _leaders(found: Iterable[Session]) -> set[int]:
    return {session.leader for session in found}
