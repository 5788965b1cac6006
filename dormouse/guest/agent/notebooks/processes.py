"""The processes of Jupyter: its servers, and the notebook kernels with the server that started each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ..filesystem import FileSystem
from ..system.process_facts import words_of
from ..system.processes import Process, Processes

SERVER = re.compile(
    r"(jupyter-(lab|labhub|notebook|server|nbclassic|retro|voila|kernelgateway|enterprisegateway)"
    r"|jupyterhub-singleuser|batchspawner-singleuser|voila)(-.*|\.py|\.exe)?"
)
MODULE = re.compile(
    r"jupyterlab|notebook|jupyter_server|nbclassic|retrolab|voila|kernel_gateway|enterprise_gateway|jupyterhub\.singleuser"
)
SUBCOMMANDS = ("lab", "labhub", "notebook", "server", "nbclassic", "retro", "voila", "kernelgateway", "enterprisegateway")
# These servers write no runtime file, so a missing file means nothing.
WITHOUT_FILE = ("voila", "gateway")
INTERPRETER = re.compile(r"(python|pypy)[\d.]*")
LONGEST_NAME = 15  # of a process, in the kernel
CONNECTION_FILE = re.compile(r"kernel-[\w.-]+?\.json")
# Kernels of any language have a connection file (of Jupyter or VS Code); Python kernels are also found by their module.
CONNECTED = re.compile(r"kernel-([0-9a-f-]{36}|v\d[\w-]+)\.json")
MODULE_OF_KERNELS = "ipykernel"


@dataclass(frozen=True)
class Kernel:
    """A kernel of a notebook: its processes, and the server that started it (None: another program did)."""

    name: str
    pids: tuple[int, ...]
    server: int | None

    @property
    def id(self) -> str:
        """The kernel ID of Jupyter; "" if it is not in the command line."""
        return self.name[len("kernel-") : -len(".json")]


@dataclass(frozen=True)
class JupyterProcesses:
    """The running servers and kernels; `every` has all processes by ID."""

    every: Mapping[int, Process]
    servers: tuple[int, ...]
    kernels: tuple[Kernel, ...]

    def kernels_of(self, server: int | None) -> list[Kernel]:
        """The kernels that a server started (None: those that no server started)."""
        return [kernel for kernel in self.kernels if kernel.server == server]


def find_jupyter_processes(
    filesystem: FileSystem, processes: Processes, moment: float, also: Collection[int] = ()
) -> JupyterProcesses:
    """Find servers and kernels among all processes; `also` are servers that were found by other means than their command."""
    every = processes.at(moment)
    words = {pid: words_of(filesystem, pid) for pid in every}
    servers = {pid for pid, process in every.items() if pid in also or is_server(process.name, words[pid])}
    # A server that forks appears twice with the same command.
    servers -= {pid for pid in servers if every[pid].parent in servers and pid not in also}
    names = {pid: name for pid in every if pid not in servers and (name := kernel_name(words[pid])) is not None}
    return JupyterProcesses(every, tuple(sorted(servers)), tuple(_kernels(names, every, servers)))


def is_server(name: str, words: list[str]) -> bool:
    """Whether a process is a notebook server, by its name or its command line."""
    if not words:
        return SERVER.fullmatch(name) is not None or name == "jupyterhub-singleuser"[:LONGEST_NAME]
    program, rest = _base(words[0]), words[1:]
    if INTERPRETER.fullmatch(program):
        while rest and rest[0].startswith("-") and rest[0] not in ("-m", "-c"):
            rest = rest[1:]
        if rest[:1] == ["-m"]:
            module, rest = "".join(rest[1:2]), rest[2:]
            return MODULE.fullmatch(module.partition(".__main__")[0]) is not None or _is_jupyter(module, rest)
        program, rest = _base("".join(rest[:1])), rest[1:]
    return SERVER.fullmatch(program) is not None or _is_jupyter(program, rest)


def has_no_runtime_file(words: Iterable[str]) -> bool:
    """Whether a server is of a kind that writes no runtime file."""
    return any(kind in word for word in list(words)[:3] for kind in WITHOUT_FILE)


def kernel_name(words: list[str]) -> str | None:
    """The connection file of a kernel, "" for a kernel without one; None if the command is not a kernel."""
    command, program = " ".join(words), _base("".join(words[:1]))
    of_python = MODULE_OF_KERNELS in command and "install" not in words
    runs_python = INTERPRETER.fullmatch(program) is not None or program.startswith(MODULE_OF_KERNELS)
    if not CONNECTED.search(command) and not (of_python and runs_python):
        return None
    found = CONNECTION_FILE.search(command)
    return found[0] if found else ""


def _is_jupyter(program: str, rest: list[str]) -> bool:
    return program in ("jupyter", "jupyter.py") and "".join(rest[:1]) in SUBCOMMANDS


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _kernels(names: Mapping[int, str], every: Mapping[int, Process], servers: Collection[int]) -> Iterable[Kernel]:
    """Group processes by connection file: a kernel, its wrappers and its forks are one kernel."""
    groups: dict[object, list[int]] = {}
    for pid in sorted(names):
        groups.setdefault(names[pid] or _first_of(pid, names, every), []).append(pid)
    for pids in groups.values():
        owner = next((every[pid].parent for pid in pids if every[pid].parent in servers), None)
        yield Kernel(names[pids[0]], tuple(pids), owner)


def _first_of(pid: int, names: Mapping[int, str], every: Mapping[int, Process]) -> int:
    passed: set[int] = set()
    while names.get(every[pid].parent) == "" and pid not in passed:
        passed.add(pid)
        pid = every[pid].parent
    return pid
