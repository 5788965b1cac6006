"""Processes: which there are, and which of them run below tmux or screen."""

from __future__ import annotations

from dataclasses import dataclass

from .places import Places

MULTIPLEXERS = ("tmux", "screen")
# `sudo -i` is a way to a shell; what it runs otherwise is a process of its own below it.
SHELLS = frozenset({"sh", "bash", "dash", "zsh", "fish", "ksh", "csh", "tcsh", "su", "sudo", "login"})


@dataclass(frozen=True)
class Process:
    """One process."""

    name: str
    parent: int


class Processes:
    """The processes that are alive."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._seen: dict[int, Process] = {}
        self._moment = float("-inf")

    def at(self, moment: float) -> dict[int, Process]:
        """All of them; looked up at most once per second, because it is a walk."""
        if moment - self._moment >= 1:
            self._seen = {pid: found for pid, found in map(self._read, self._pids()) if found is not None}
            self._moment = moment
        return self._seen

    def is_alive(self, pid: int) -> bool:
        """Whether there is such a process, and not only its remains."""
        return self._read(pid)[1] is not None

    def _pids(self) -> list[int]:
        return [int(name) for name in self._places.names("/proc") if name.isdigit()]

    def _read(self, pid: int) -> tuple[int, Process | None]:
        try:
            line = self._places.text(f"/proc/{pid}/stat")
        except OSError:
            return pid, None
        # The name stands in parentheses and may contain some: "1 (a) b) S 0 …".
        name, _, rest = line.partition("(")[2].rpartition(")")
        state, parent = rest.split()[:2]
        return pid, None if state in "ZX" else Process(name, int(parent))


class MultiplexerJobs:
    """Programs that somebody left running in tmux or screen."""

    name = "multiplexers"

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    def look(self, moment: float, since: float) -> dict[str, float]:
        """How many run below a multiplexer and are neither shells nor multiplexers."""
        every = self._processes.at(moment)
        jobs = [pid for pid, process in every.items() if not _is_way_to_a_shell(process) and _is_below(pid, every)]
        return {"multiplexer_jobs": len(jobs)}


def _is_multiplexer(process: Process) -> bool:
    return process.name.split(":")[0] in MULTIPLEXERS


def _is_way_to_a_shell(process: Process) -> bool:
    return process.name in SHELLS or _is_multiplexer(process)


def _is_below(pid: int, every: dict[int, Process]) -> bool:
    # A walk takes a while, and parents change meanwhile: what was read may even be a circle.
    passed: set[int] = set()
    parent = every[pid].parent
    while parent in every and parent not in passed:
        if _is_multiplexer(every[parent]):
            return True
        passed.add(parent)
        parent = every[parent].parent
    return False
