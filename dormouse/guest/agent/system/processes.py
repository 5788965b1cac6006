"""The running processes and their ancestry."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from ..filesystem import FileSystem

# A mosh server with a client wakes every three seconds.
MEASURE_SECONDS = 4.0
FORGET_SECONDS = 600.0


@dataclass(frozen=True)
class Process:
    """One process."""

    name: str
    parent: int
    # The leader of its session, and the device number of the session's terminal (0: none).
    session: int = 0
    terminal: int = 0


class Processes:
    """The running processes."""

    def __init__(self, filesystem: FileSystem) -> None:
        self._filesystem = filesystem
        self._seen: dict[int, Process] = {}
        self._moment = float("-inf")
        self._switches: dict[int, tuple[float, int, bool | None]] = {}

    def at(self, moment: float) -> dict[int, Process]:
        """All processes by ID; read at most once per second, because that walks through /proc."""
        if moment - self._moment >= 1:
            self._seen = {pid: found for pid, found in map(self._read, self._pids()) if found is not None}
            self._moment = moment
        return self._seen

    def is_alive(self, pid: int) -> bool:
        """Whether a process exists and is not a zombie."""
        return self._read(pid)[1] is not None

    def has_run(self, pid: int, moment: float) -> bool | None:
        """Whether a process has run since an earlier call; None on the first call."""
        before, count = self._switches.get(pid), self._switches_of(pid)
        if before is None or moment - before[0] >= MEASURE_SECONDS:
            changed = None if before is None else before[1] != count
            self._switches = {each: seen for each, seen in self._switches.items() if moment - seen[0] < FORGET_SECONDS}
            self._switches[pid] = before = (moment, count, changed)
        return before[2]

    def _switches_of(self, pid: int) -> int:
        try:
            lines = self._filesystem.text(f"/proc/{pid}/status").splitlines()
        except OSError:
            return 0
        return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches:"))

    def _pids(self) -> list[int]:
        return [int(name) for name in self._filesystem.names("/proc") if name.isdigit()]

    def _read(self, pid: int) -> tuple[int, Process | None]:
        try:
            line = self._filesystem.text(f"/proc/{pid}/stat")
        except OSError:
            return pid, None
        # The name stands in parentheses and may contain some: "1 (a) b) S 0 …".
        name, _, rest = line.partition("(")[2].rpartition(")")
        state, parent, _, session, terminal = rest.split()[:5]
        return pid, None if state in "ZX" else Process(name, int(parent), int(session), int(terminal))


def ancestors_of(pid: int, every: Mapping[int, Process]) -> Iterator[int]:
    """A process and its ancestors, from itself to the first."""
    # Parents can change while /proc is read, so the result may contain a cycle.
    passed: set[int] = set()
    while pid in every and pid not in passed:
        yield pid
        passed.add(pid)
        pid = every[pid].parent


def is_below(pid: int, above: Container[int], every: Mapping[int, Process]) -> bool:
    """Whether a process is one of some others or a descendant of one."""
    return any(each in above for each in ancestors_of(pid, every))
