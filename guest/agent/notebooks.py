"""Jupyter servers: who runs cells, and who only left a notebook open."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from .pace import now
from .places import Places, Unknown, read_note
from .processes import Processes
from .sources import Changes
from .web import ask, fits_in_a_header

RUNTIME = ".local/share/jupyter/runtime"
FILE = re.compile(r"(jpserver|nbserver)-\d+\.json")
PATIENCE = 2.0
MOST_SECONDS = 6.0
MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Server:
    """A running server, as the file says that it leaves while it runs."""

    pid: int
    port: int
    secure: bool
    base: str
    token: str


class Notebooks:
    """The kernels of all Jupyter servers of all people."""

    name = "notebooks"

    def __init__(self, places: Places, processes: Processes) -> None:
        self._places = places
        self._processes = processes
        self._changes = Changes()

    def look(self, moment: float, since: float) -> dict[str, float]:
        """What the kernels do; unknown as soon as one server that runs does not tell."""
        kernels: list[dict[str, Any]] = []
        deadline = now() + MOST_SECONDS
        for server in self._servers():
            if now() > deadline:
                raise Unknown("the Jupyter servers take too long to answer")
            kernels += self._kernels(server)
        marks = {str(kernel["id"]): kernel["last_activity"] for kernel in kernels}
        return {
            "kernels": len(kernels),
            "kernels_busy": sum(kernel["execution_state"] == "busy" for kernel in kernels),
            "kernels_active": self._changes.since(moment, marks, since),
            "kernel_connections": sum(int(kernel["connections"]) for kernel in kernels),
        }

    def _servers(self) -> list[Server]:
        homes = ["/root", *(f"/home/{name}" for name in self._places.names("/home"))]
        found: dict[int, Server] = {}
        for home in homes:
            for name in self._runtime_files(home):
                server = _server(read_note(self._places.at(f"{home}/{RUNTIME}/{name}"), 65536).content)
                if self._processes.is_alive(server.pid):
                    found[server.port] = server
        return list(found.values())

    def _runtime_files(self, home: str) -> list[str]:
        return [name for name in self._places.names(f"{home}/{RUNTIME}") if FILE.fullmatch(name)]

    def _kernels(self, server: Server) -> list[dict[str, Any]]:
        # Whatever address the file names, only this machine is asked. Without `no_track_activity` our asking would keep a
        # server alive that is told to end when nobody uses it.
        scheme = "https" if server.secure else "http"
        url = f"{scheme}://127.0.0.1:{server.port}{server.base}api/kernels?no_track_activity=1"
        request = urllib.request.Request(url, headers={"Authorization": f"token {server.token}"})
        try:
            answer = ask(request, seconds=PATIENCE, most_bytes=MOST_BYTES, trust_anybody=True)
        except Unknown as error:
            # Files outlive servers, across reboots too, and then somebody else may have the number of the process.
            cause = getattr(error.__cause__, "reason", error.__cause__)
            if isinstance(cause, ConnectionRefusedError) and not self._is_jupyter(server.pid):
                return []
            raise
        if answer.status != 200:
            raise Unknown(f"the Jupyter server at port {server.port} answers {answer.status}")
        kernels = json.loads(answer.content)
        if not isinstance(kernels, list):
            raise Unknown(f"the Jupyter server at port {server.port} does not answer with a list of kernels")
        return kernels

    def _is_jupyter(self, pid: int) -> bool:
        command = self._processes.command(pid)
        return b"jupyter" in command or b"notebook" in command


def _server(content: bytes) -> Server:
    said = json.loads(content)
    if said.get("sock"):
        raise Unknown("a Jupyter server listens on a socket only, which is not asked")
    base = urllib.parse.quote(str(said.get("base_url") or "/"), safe="/%")
    if not (base.startswith("/") and base.endswith("/")):
        raise Unknown("a Jupyter server has a strange address")
    token = str(said.get("token") or "")
    if not fits_in_a_header(token):
        raise Unknown("a Jupyter server has a token that cannot be sent")
    return Server(int(said["pid"]), int(said["port"]), bool(said.get("secure")), base, token)
