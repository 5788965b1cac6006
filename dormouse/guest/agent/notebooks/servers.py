"""Jupyter servers: where each says how it can be asked, and asking it what its kernels do."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ..filesystem import Places, Unknown, read_note
from ..http_client import Answer, ask, ask_socket, fits_in_a_header
from ..system.listeners import addresses_of
from ..system.process_facts import environment_of, number_inside, owner_of, root_of, shares_our_network, words_of
from ..system.processes import Processes
from .processes import Survey

FILE = re.compile(r"(jpserver|nbserver)-(\d+)\.json")
KINDS = ("jpserver", "nbserver")
RUNTIME_OPTION = re.compile(r"--\w+\.runtime_dir=(.+)")
# A server of JupyterHub has its token, and the place of its pages, in its environment only.
TOKENS = ("JUPYTERHUB_API_TOKEN", "JUPYTER_TOKEN")
PREFIX, SERVICE = "JUPYTERHUB_SERVICE_PREFIX", "JUPYTERHUB_SERVICE_URL"
PATIENCE = 2.0
MOST_BYTES = 1 << 20
LONGEST_FILE = 65536


@dataclass(frozen=True)
class Server:
    """A running server, as it says itself; `problem` is why it cannot be asked, `described` whether it said anything."""

    pid: int
    port: int = 0
    socket: str = ""
    host: str = ""
    secure: bool = False
    base: str = "/"
    tokens: tuple[str, ...] = field(default=(), repr=False)
    problem: str = ""
    described: bool = True

    def __str__(self) -> str:
        if self.socket:
            return "the Jupyter server on a socket"
        return f"the Jupyter server on port {self.port}" if self.port else f"the Jupyter server with process ID {self.pid}"


def servers_among(places: Places, processes: Processes, found: Survey) -> list[Server]:
    """Every server that runs: those known by their processes, and those that only their files name."""
    servers = {pid: _server_of(places, pid) for pid in found.servers}
    for folder in _usual_folders(places, found):
        for pid, name in _files_in(places, folder):
            if pid in servers and servers[pid].described:
                continue
            server = _described(places, f"{folder}/{name}", pid, pid) if processes.is_alive(pid) else None
            if server is not None and pid in servers:
                servers[pid] = _reachable(places, _with_hub(server, environment_of(places, pid)))
            # Files outlive servers, and another program may have the number of the process by now.
            elif server is not None and (_looks_like_jupyter(places, pid) or _answers(places, server)):
                servers[pid] = server
    return list(servers.values())


def _files_in(places: Places, folder: str) -> Iterator[tuple[int, str]]:
    for name in places.names(folder):
        match = FILE.fullmatch(name)
        if match:
            yield int(match[2]), name


def kernels_of(places: Places, server: Server) -> list[dict[str, Any]]:
    """Ask a server for its kernels; raises Unknown, with the port and what went wrong, when it does not tell."""
    if server.problem:
        raise Unknown(server.problem)
    # Without `no_track_activity` our asking would keep a server alive that is told to end when nobody uses it.
    target = f"{server.base}api/kernels?no_track_activity=1"
    answer = None
    for token in server.tokens or ("",):
        answer = _asked(places, server, target, {"Authorization": f"token {token}"} if token else {})
        if answer.status == 200:
            break
    if answer is None or answer.status != 200:
        raise Unknown(f"{server} answers {answer.status if answer else 0}")
    try:
        kernels = json.loads(answer.content)
    except (ValueError, RecursionError):
        kernels = None
    if not isinstance(kernels, list) or not all(isinstance(kernel, dict) and "id" in kernel for kernel in kernels):
        raise Unknown(f"{server} does not answer with a list of kernels")
    return kernels


def _asked(places: Places, server: Server, target: str, headers: dict[str, str]) -> Answer:
    try:
        if server.socket:
            path = str(places.at(root_of(places, server.pid) + server.socket))
            return ask_socket(path, target, seconds=PATIENCE, most_bytes=MOST_BYTES, headers=headers)
        scheme = "https" if server.secure else "http"
        address = addresses_of(places, server.port, server.host, owner_of(places, server.pid))
        request = urllib.request.Request(f"{scheme}://{address}:{server.port}{target}", headers=headers)
        return ask(request, seconds=PATIENCE, most_bytes=MOST_BYTES, trust_anybody=True)
    except (Unknown, OSError) as error:
        raise Unknown(f"{server} cannot be asked: {error}") from error


def _answers(places: Places, server: Server) -> bool:
    try:
        kernels_of(places, server)
    except Unknown:
        return False
    return True


def _looks_like_jupyter(places: Places, pid: int) -> bool:
    command = " ".join(words_of(places, pid))
    return "jupyter" in command or "notebook" in command


def _server_of(places: Places, pid: int) -> Server:
    environment, inside, root = environment_of(places, pid), number_inside(places, pid), root_of(places, pid)
    for folder in _folders_of(places, pid, environment):
        for kind in KINDS:
            server = _described(places, f"{root}{folder}/{kind}-{inside}.json", pid, inside)
            if server is not None:
                return _reachable(places, _with_hub(server, environment))
    service = re.match(r"(https?)://([^/:]*):(\d+)", environment.get(SERVICE, ""))
    if service:
        hub = Server(pid, int(service[3]), host=service[2], secure=service[1] == "https")
        return _reachable(places, _with_hub(hub, environment))
    nothing = Server(pid, described=False)
    return replace(nothing, problem=f"{nothing} runs, but the file in which it says how to ask it was not found")


def _with_hub(server: Server, environment: dict[str, str]) -> Server:
    more = tuple(token for name in TOKENS if (token := environment.get(name, "")) and fits_in_a_header(token))
    base = environment.get(PREFIX, "") if server.base == "/" else ""
    return replace(server, tokens=tuple(dict.fromkeys((*server.tokens, *more))), base=_base(base) or server.base)


def _reachable(places: Places, server: Server) -> Server:
    if server.problem or server.socket or shares_our_network(places, server.pid):
        return server
    return replace(server, problem=f"{server} runs in a container, where it cannot be asked")


def _described(places: Places, path: str, pid: int, inside: int) -> Server | None:
    """The server that a file describes; None if there is no such file, or another user has written it."""
    try:
        note = read_note(places.at(path), LONGEST_FILE)
    except (OSError, Unknown):
        return None
    if note.owner not in (owner_of(places, pid), 0):
        return None
    try:
        said = json.loads(note.content)
        if int(said.get("pid", inside)) != inside:
            return None
        port, token = int(said.get("port") or 0), str(said.get("token") or "")
        found = Server(pid, port, str(said.get("sock") or ""), str(said.get("hostname") or ""), bool(said.get("secure")))
        base = _base(str(said.get("base_url") or "/"))
    except (ValueError, TypeError, AttributeError, RecursionError):
        # What is wrong with it is not repeated: there is a token in it.
        return Server(pid, problem=f"the file of {Server(pid)} cannot be read")
    if not base:
        return replace(found, problem=f"{found} has an address that cannot be asked")
    if not fits_in_a_header(token):
        return replace(found, problem=f"{found} has a token that cannot be sent")
    return replace(found, base=base, tokens=(token,) if token else ())


def _base(text: str) -> str:
    quoted = urllib.parse.quote(text, safe="/%")
    return quoted if quoted.startswith("/") and quoted.endswith("/") else ""


def _folders_of(places: Places, pid: int, environment: dict[str, str]) -> list[str]:
    """Where a server keeps its runtime files, the most certain first; see jupyter_core.paths.jupyter_runtime_dir."""
    options = (RUNTIME_OPTION.fullmatch(word) for word in words_of(places, pid))
    homes = [environment.get("HOME", ""), *(home for user, home in _homes(places) if user == owner_of(places, pid))]
    folders = [
        *(option[1] for option in options if option),
        environment.get("JUPYTER_RUNTIME_DIR", ""),
        *_below(environment.get("XDG_RUNTIME_DIR", ""), "jupyter"),
        *_below(environment.get("JUPYTER_DATA_DIR", ""), "runtime"),
        *_below(environment.get("XDG_DATA_HOME", ""), "jupyter/runtime"),
        *(folder for home in homes for folder in _below(home, ".local/share/jupyter/runtime")),
        f"/run/user/{owner_of(places, pid)}/jupyter",
    ]
    return [folder for folder in dict.fromkeys(folders) if folder.startswith("/")]


def _usual_folders(places: Places, found: Survey) -> Iterable[str]:
    """Where people's runtime files are: below their homes and below /run/user, and where kernels have theirs."""
    homes = ["/root", *(f"/home/{name}" for name in places.names("/home")), *(home for _, home in _homes(places))]
    folders = [f"{home}/.local/share/jupyter/runtime" for home in homes if home.startswith("/")]
    folders += [f"/run/user/{name}/jupyter" for name in places.names("/run/user")]
    words = (word for kernel in found.kernels for word in words_of(places, kernel.pids[0]))
    folders += [word.rpartition("/")[0].rpartition("=")[2] for word in words if word.endswith(".json") and "/" in word]
    return dict.fromkeys(folders)


def _homes(places: Places) -> Iterator[tuple[int, str]]:
    try:
        lines = places.text("/etc/passwd").splitlines()
    except OSError:
        return
    for fields in (line.split(":") for line in lines):
        if len(fields) > 5 and fields[2].isdigit() and fields[5] not in ("", "/"):
            yield int(fields[2]), fields[5].rstrip("/")


def _below(folder: str, path: str) -> list[str]:
    return [f"{folder.rstrip('/')}/{path}"] if folder else []
