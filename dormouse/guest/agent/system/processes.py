"""Processes: which there are, and which of them is below which."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from ..filesystem import Places

# A program that is connected by mosh wakes every three seconds.
LONG_ENOUGH = 4.0  # seconds
FORGOTTEN = 600.0  # seconds


@dataclass(frozen=True)
class Process:
    """One process."""

    name: str
    parent: int
    # The process that leads its session, and the terminal of that session as the kernel counts terminals (0: none).
    session: int = 0
    terminal: int = 0


class Processes:
    """The processes that are alive."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._seen: dict[int, Process] = {}
        self._moment = float("-inf")
        self._switches: dict[int, tuple[float, int, bool | None]] = {}

    def at(self, moment: float) -> dict[int, Process]:
        """All of them; looked up at most once per second, because it is a walk."""
        if moment - self._moment >= 1:
            self._seen = {pid: found for pid, found in map(self._read, self._pids()) if found is not None}
            self._moment = moment
        return self._seen

    def is_alive(self, pid: int) -> bool:
        """Whether there is such a process, and not only its remains."""
        return self._read(pid)[1] is not None

    def has_run(self, pid: int, moment: float) -> bool | None:
        """Whether a process has done anything since it was asked for before; None at first."""
        before, count = self._switches.get(pid), self._switches_of(pid)
        if before is None or moment - before[0] >= LONG_ENOUGH:
            changed = None if before is None else before[1] != count
            self._switches = {each: seen for each, seen in self._switches.items() if moment - seen[0] < FORGOTTEN}
            self._switches[pid] = before = (moment, count, changed)
        return before[2]

    def _switches_of(self, pid: int) -> int:
        try:
            lines = self._places.text(f"/proc/{pid}/status").splitlines()
        except OSError:
            return 0
        return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches:"))

    def _pids(self) -> list[int]:
        return [int(name) for name in self._places.names("/proc") if name.isdigit()]

    def _read(self, pid: int) -> tuple[int, Process | None]:
        try:
            line = self._places.text(f"/proc/{pid}/stat")
        except OSError:
            return pid, None
        # The name stands in parentheses and may contain some: "1 (a) b) S 0 …".
        name, _, rest = line.partition("(")[2].rpartition(")")
        state, parent, _, session, terminal = rest.split()[:5]
        return pid, None if state in "ZX" else Process(name, int(parent), int(session), int(terminal))


def line_of(pid: int, every: Mapping[int, Process]) -> Iterator[int]:
    """A process and those above it, from itself to the first."""
    # A walk takes a while, and parents change during it: what was read may even be a circle.
    passed: set[int] = set()
    while pid in every and pid not in passed:
        yield pid
        passed.add(pid)
        pid = every[pid].parent


def is_below(pid: int, above: Container[int], every: Mapping[int, Process]) -> bool:
    """Whether a process is one of some others, or below one."""
    return any(each in above for each in line_of(pid, every))
