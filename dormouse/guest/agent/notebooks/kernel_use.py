"""The activity of kernels by the CPU time of their processes, for servers that cannot be queried."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..filesystem import FileSystem
from ..system.process_facts import cpu_ticks_of, wait_channel_of
from ..system.processes import Process
from .processes import JupyterProcesses, Kernel

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# An idle kernel wakes up about once a second and uses less than this share of a CPU.
IDLE_SHARE = 0.03
# An idle kernel waits for messages; one that waits for a timer or for a child process is running a cell.
IN_A_CELL = re.compile(r"nanosleep|do_wait|pipe_read|sk_wait|wait_woken")


@dataclass(frozen=True)
class Use:
    """Whether a kernel was used since the last call (None: not known yet), and when it was last found to be used."""

    now: bool | None
    last: float


class KernelUse:
    """The CPU time of kernels and their descendants between calls; `waits` are the waits of a kernel that is in use."""

    def __init__(self, filesystem: FileSystem, waits: re.Pattern[str] = IN_A_CELL) -> None:
        self._filesystem = filesystem
        self._waits = waits
        self._moment = 0.0
        self._ticks: dict[int, int] | None = None
        self._last: dict[int, float] = {}

    def since_last(self, moment: float, found: JupyterProcesses) -> dict[Kernel, Use | None]:
        """How every kernel was used since the last call; None for a kernel whose processes cannot be read."""
        trees = {kernel: _tree(kernel, found.every) for kernel in found.kernels}
        ticks = {pid: cpu_ticks_of(self._filesystem, pid) for tree in trees.values() for pid in tree}
        before, elapsed = self._ticks, moment - self._moment
        last: dict[int, float] = {}
        uses: dict[Kernel, Use | None] = {}
        for kernel, tree in trees.items():
            first = kernel.pids[0]
            if any(ticks[pid] is None for pid in kernel.pids):
                uses[kernel] = None
                continue
            now = self._is_used(kernel, [(pid, ticks[pid] or 0) for pid in tree], before, elapsed)
            last[first] = moment if now else self._last.get(first, float("-inf"))
            uses[kernel] = Use(now, last[first])
        self._ticks = {pid: count for pid, count in ticks.items() if count is not None}
        self._moment, self._last = moment, last
        return uses

    def _is_used(
        self, kernel: Kernel, ticks: list[tuple[int, int]], before: Mapping[int, int] | None, elapsed: float
    ) -> bool | None:
        # With several processes, one may be a wrapper, which always waits for the others.
        if len(kernel.pids) == 1 and self._waits.search(wait_channel_of(self._filesystem, kernel.pids[0])):
            return True
        if before is None or elapsed <= 0:
            return None
        used = sum(max(0, count - before.get(pid, 0)) for pid, count in ticks)
        return used > IDLE_SHARE * elapsed * TICKS_PER_SECOND


def _tree(kernel: Kernel, every: Mapping[int, Process]) -> set[int]:
    """The processes of a kernel and all their descendants."""
    tree = set(kernel.pids)
    while more := {pid for pid, process in every.items() if process.parent in tree and pid not in tree}:
        tree |= more
    return tree
