"""Sessions of servers with network clients: remote desktops and development environments.

Only a connected client counts as a session, not the running server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from ..filesystem import FileSystem, Unknown
from ..system.command_lines import option_value
from ..system.process_facts import words_of
from ..system.processes import Process, is_below
from ..system.sockets import Sockets
from .remote_shells import Session

DESKTOPS = re.compile(r"gnome-remote-de|krdpserver|krfb|dcvserver|nxd|nx(server|node|agent|exec)(\.bin)?")
NX = re.compile(r"nx\w+(\.bin)?")
# Development environments run in these programs.
RUNTIMES = re.compile(
    r"node|MainThread|bun|java|code.*|cursor.*|idea|pycharm|webstorm|clion|goland|rider|phpstorm|rubymine|rustrover|dataspell"
    r"|remote-dev-serv.*|ttyd|theia.*|openvscode.*"
)
VS_CODE = re.compile(r"(.*/)?server-main\.js")
OTHER_SERVERS = re.compile(
    r"(.*/)?(code-server(/.*)?|remoteDevHost|cwmHost(NoLobby)?|serverMode|ttyd|theia)|.*/code-server/.*/entry(\.js)?"
)
SOCKET = "--socket-path"
EXTENSIONS = "--type=extensionHost"


class ServedSessions:
    """The sessions of servers with a client; `unseen` lists the servers for which that could not be determined."""

    def __init__(self, filesystem: FileSystem, every: Mapping[int, Process], sockets: Sockets) -> None:
        self.unseen: list[str] = []
        self._filesystem = filesystem
        self._every = every
        self._sockets = sockets

    def desktops(self) -> list[Session]:
        """Remote desktops with a viewer: VNC, RDP, NX and similar."""
        found = [
            pid for pid, process in self._every.items() if self._is_desktop(process) and self._check(self._has_client, pid)
        ]
        if self._has_rdp_session():
            clients = [pid for pid, process in self._every.items() if process.name == "xrdp"]
            found += [pid for pid in clients if self._check(self._has_client, pid)]
        return [Session(pid, graphical=True) for pid in found]

    def editors(self) -> list[Session]:
        """Development environments with a client: VS Code, JetBrains, code-server, RStudio and similar."""
        found = list(self._of_runtimes())
        if any(process.name == "rsession" for process in self._every.values()):
            servers = [pid for pid, process in self._every.items() if process.name == "rserver"]
            found += [pid for pid in servers if self._check(self._has_client, pid)]
        return [Session(pid, graphical=True) for pid in found]

    def _of_runtimes(self) -> Iterator[int]:
        for pid, process in self._every.items():
            if not RUNTIMES.fullmatch(process.name):
                continue
            words = words_of(self._filesystem, pid)
            if any(map(VS_CODE.fullmatch, words)):
                if self._check(self._has_client_of_vs_code, pid):
                    yield pid
            elif any(map(OTHER_SERVERS.fullmatch, words)) and self._check(self._has_client, pid):
                yield pid

    def _is_desktop(self, process: Process) -> bool:
        return DESKTOPS.fullmatch(process.name) is not None or "vnc" in process.name.lower()

    def _has_rdp_session(self) -> bool:
        """Whether a user has signed in by xrdp; before that, a connection shows only the sign-in screen."""
        managers = {pid for pid, process in self._every.items() if process.name.startswith("xrdp-ses")}
        return any(process.parent in managers for process in self._every.values())

    def _has_client(self, pid: int) -> bool:
        # The processes of NX have connections among themselves.
        among_others = NX.fullmatch(self._every[pid].name) is None
        return any(each.inbound and (among_others or not each.local) for each in self._sockets.connections_of(pid))

    def _has_client_of_vs_code(self, pid: int) -> bool:
        # A tunnel connects to the server by a Unix socket.
        path = option_value(SOCKET, words_of(self._filesystem, pid))
        if self._has_client(pid) or (path and self._sockets.clients_at(pid, path)):
            return True
        # If its listening address is unknown: its extension host runs while a client is connected, and a while longer.
        below = [each for each in self._every if each != pid and is_below(each, {pid}, self._every)]
        listens = path or self._sockets.listens(pid)
        return not listens and any(EXTENSIONS in words_of(self._filesystem, each) for each in below)

    def _check(self, question: Callable[[int], bool], pid: int) -> bool:
        try:
            return question(pid)
        except (Unknown, OSError) as error:
            self.unseen.append(f"cannot determine whether a client is connected to {self._every[pid].name}: {error}")
            return False
