"""Jupyter servers: their runtime files, and querying their kernels."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ..filesystem import FileSystem, Unknown, read_small_file
from ..http_client import Answer, get_from_socket, is_valid_in_header, send_request
from ..system.listeners import addresses_of
from ..system.process_facts import environment_of, namespace_pid_of, owner_of, root_of, shares_our_network, words_of
from ..system.processes import Processes
from .processes import JupyterProcesses

FILE = re.compile(r"(jpserver|nbserver)-(\d+)\.json")
KINDS = ("jpserver", "nbserver")
RUNTIME_OPTION = re.compile(r"--\w+\.runtime_dir=(.+)")
# A JupyterHub server has its token and its base path only in its environment.
TOKENS = ("JUPYTERHUB_API_TOKEN", "JUPYTER_TOKEN")
PREFIX, SERVICE = "JUPYTERHUB_SERVICE_PREFIX", "JUPYTERHUB_SERVICE_URL"
QUERY_SECONDS = 2.0
MOST_BYTES = 1 << 20
LONGEST_FILE = 65536


@dataclass(frozen=True)
class Server:
    """A running server; `problem` says why it cannot be queried, `described` whether its runtime file was found."""

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


def find_servers(filesystem: FileSystem, processes: Processes, found: JupyterProcesses) -> list[Server]:
    """All running servers: those found by their processes, and those found only by their runtime files."""
    servers = {pid: _server_of(filesystem, pid) for pid in found.servers}
    for folder in _usual_folders(filesystem, found):
        for pid, name in _files_in(filesystem, folder):
            if pid in servers and servers[pid].described:
                continue
            server = _described(filesystem, f"{folder}/{name}", pid, pid) if processes.is_alive(pid) else None
            if server is not None and pid in servers:
                servers[pid] = _reachable(filesystem, _with_hub(server, environment_of(filesystem, pid)))
            # Runtime files outlive servers, and another program may have the process ID by now.
            elif server is not None and (_looks_like_jupyter(filesystem, pid) or _answers(filesystem, server)):
                servers[pid] = server
    return list(servers.values())


def _files_in(filesystem: FileSystem, folder: str) -> Iterator[tuple[int, str]]:
    for name in filesystem.names(folder):
        match = FILE.fullmatch(name)
        if match:
            yield int(match[2]), name


def kernels_of(filesystem: FileSystem, server: Server) -> list[dict[str, Any]]:
    """Query the kernels of a server; raises Unknown with its port and the reason."""
    if server.problem:
        raise Unknown(server.problem)
    # Without `no_track_activity`, the query would keep a server alive that ends when it is idle.
    target = f"{server.base}api/kernels?no_track_activity=1"
    answer = None
    for token in server.tokens or ("",):
        answer = _query(filesystem, server, target, {"Authorization": f"token {token}"} if token else {})
        if answer.status == 200:
            break
    if answer is None or answer.status != 200:
        raise Unknown(f"{server} answers {answer.status if answer else 0}")
    try:
        kernels = json.loads(answer.content)
    except (ValueError, RecursionError):
        kernels = None
    if not isinstance(kernels, list) or not all(isinstance(kernel, dict) and "id" in kernel for kernel in kernels):
        raise Unknown(f"{server} does not return a list of kernels")
    return kernels


def _query(filesystem: FileSystem, server: Server, target: str, headers: dict[str, str]) -> Answer:
    try:
        if server.socket:
            path = str(filesystem.at(root_of(filesystem, server.pid) + server.socket))
            return get_from_socket(path, target, seconds=QUERY_SECONDS, most_bytes=MOST_BYTES, headers=headers)
        scheme = "https" if server.secure else "http"
        address = addresses_of(filesystem, server.port, server.host, owner_of(filesystem, server.pid))
        request = urllib.request.Request(f"{scheme}://{address}:{server.port}{target}", headers=headers)
        return send_request(request, seconds=QUERY_SECONDS, most_bytes=MOST_BYTES, skip_verification=True)
    except (Unknown, OSError) as error:
        raise Unknown(f"{server} cannot be queried: {error}") from error


def _answers(filesystem: FileSystem, server: Server) -> bool:
    try:
        kernels_of(filesystem, server)
    except Unknown:
        return False
    return True


def _looks_like_jupyter(filesystem: FileSystem, pid: int) -> bool:
    command = " ".join(words_of(filesystem, pid))
    return "jupyter" in command or "notebook" in command


def _server_of(filesystem: FileSystem, pid: int) -> Server:
    environment, inside, root = environment_of(filesystem, pid), namespace_pid_of(filesystem, pid), root_of(filesystem, pid)
    for folder in _folders_of(filesystem, pid, environment):
        for kind in KINDS:
            server = _described(filesystem, f"{root}{folder}/{kind}-{inside}.json", pid, inside)
            if server is not None:
                return _reachable(filesystem, _with_hub(server, environment))
    service = re.match(r"(https?)://([^/:]*):(\d+)", environment.get(SERVICE, ""))
    if service:
        hub = Server(pid, int(service[3]), host=service[2], secure=service[1] == "https")
        return _reachable(filesystem, _with_hub(hub, environment))
    nothing = Server(pid, described=False)
    return replace(nothing, problem=f"the runtime file of {nothing} was not found")


def _with_hub(server: Server, environment: dict[str, str]) -> Server:
    more = tuple(token for name in TOKENS if (token := environment.get(name, "")) and is_valid_in_header(token))
    base = environment.get(PREFIX, "") if server.base == "/" else ""
    return replace(server, tokens=tuple(dict.fromkeys((*server.tokens, *more))), base=_base(base) or server.base)


def _reachable(filesystem: FileSystem, server: Server) -> Server:
    if server.problem or server.socket or shares_our_network(filesystem, server.pid):
        return server
    return replace(server, problem=f"{server} runs in a container and cannot be reached")


def _described(filesystem: FileSystem, path: str, pid: int, inside: int) -> Server | None:
    """The server in a runtime file; None if there is no such file, or if another user has written it."""
    try:
        note = read_small_file(filesystem.at(path), LONGEST_FILE)
    except (OSError, Unknown):
        return None
    if note.owner not in (owner_of(filesystem, pid), 0):
        return None
    try:
        said = json.loads(note.content)
        if int(said.get("pid", inside)) != inside:
            return None
        port, token = int(said.get("port") or 0), str(said.get("token") or "")
        found = Server(pid, port, str(said.get("sock") or ""), str(said.get("hostname") or ""), bool(said.get("secure")))
        base = _base(str(said.get("base_url") or "/"))
    except (ValueError, TypeError, AttributeError, RecursionError):
        # The error is not repeated, because the file contains a token.
        return Server(pid, problem=f"the runtime file of {Server(pid)} is invalid")
    if not base:
        return replace(found, problem=f"{found} has an invalid base URL")
    if not is_valid_in_header(token):
        return replace(found, problem=f"{found} has an invalid token")
    return replace(found, base=base, tokens=(token,) if token else ())


def _base(text: str) -> str:
    quoted = urllib.parse.quote(text, safe="/%")
    return quoted if quoted.startswith("/") and quoted.endswith("/") else ""


def _folders_of(filesystem: FileSystem, pid: int, environment: dict[str, str]) -> list[str]:
    """The runtime folders of a server, the most certain first; see jupyter_core.paths.jupyter_runtime_dir."""
    options = (RUNTIME_OPTION.fullmatch(word) for word in words_of(filesystem, pid))
    homes = [environment.get("HOME", ""), *(home for user, home in _homes(filesystem) if user == owner_of(filesystem, pid))]
    folders = [
        *(option[1] for option in options if option),
        environment.get("JUPYTER_RUNTIME_DIR", ""),
        *_below(environment.get("XDG_RUNTIME_DIR", ""), "jupyter"),
        *_below(environment.get("JUPYTER_DATA_DIR", ""), "runtime"),
        *_below(environment.get("XDG_DATA_HOME", ""), "jupyter/runtime"),
        *(folder for home in homes for folder in _below(home, ".local/share/jupyter/runtime")),
        f"/run/user/{owner_of(filesystem, pid)}/jupyter",
    ]
    return [folder for folder in dict.fromkeys(folders) if folder.startswith("/")]


def _usual_folders(filesystem: FileSystem, found: JupyterProcesses) -> Iterable[str]:
    """The usual runtime folders: below home folders, below /run/user, and those of kernels' connection files."""
    homes = ["/root", *(f"/home/{name}" for name in filesystem.names("/home")), *(home for _, home in _homes(filesystem))]
    folders = [f"{home}/.local/share/jupyter/runtime" for home in homes if home.startswith("/")]
    folders += [f"/run/user/{name}/jupyter" for name in filesystem.names("/run/user")]
    words = (word for kernel in found.kernels for word in words_of(filesystem, kernel.pids[0]))
    folders += [word.rpartition("/")[0].rpartition("=")[2] for word in words if word.endswith(".json") and "/" in word]
    return dict.fromkeys(folders)


def _homes(filesystem: FileSystem) -> Iterator[tuple[int, str]]:
    try:
        lines = filesystem.text("/etc/passwd").splitlines()
    except OSError:
        return
    for fields in (line.split(":") for line in lines):
        if len(fields) > 5 and fields[2].isdigit() and fields[5] not in ("", "/"):
            yield int(fields[2]), fields[5].rstrip("/")


def _below(folder: str, path: str) -> list[str]:
    return [f"{folder.rstrip('/')}/{path}"] if folder else []
