"""What kernels do by what their processes do, for the servers that cannot be asked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..filesystem import Places
from ..system.process_facts import cpu_ticks_of, waits_in
from ..system.processes import Process
from .processes import Kernel, Survey

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# A kernel that waits for its next cell wakes up about once a second, and uses less than this of a processor.
IDLE_SHARE = 0.03
# A kernel that is idle waits for messages. One that waits for the end of a pause or of a program runs a cell.
IN_A_CELL = re.compile(r"nanosleep|do_wait|pipe_read|sk_wait|wait_woken")


@dataclass(frozen=True)
class Use:
    """Whether a kernel has been used since the last look (None: not known yet), and when a look last found that it had."""

    now: bool | None
    last: float


class KernelUse:
    """The processor time of kernels and of what runs below them, from look to look."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._moment = 0.0
        self._ticks: dict[int, int] | None = None
        self._last: dict[int, float] = {}

    def since_last(self, moment: float, found: Survey) -> dict[Kernel, Use | None]:
        """How every kernel was used since the last call; None for a kernel whose processes cannot be read."""
        trees = {kernel: _tree(kernel, found.every) for kernel in found.kernels}
        ticks = {pid: cpu_ticks_of(self._places, pid) for tree in trees.values() for pid in tree}
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
        # Of several processes, one may wrap the others, and then it always waits for them.
        if len(kernel.pids) == 1 and IN_A_CELL.search(waits_in(self._places, kernel.pids[0])):
            return True
        if before is None or elapsed <= 0:
            return None
        used = sum(max(0, count - before.get(pid, 0)) for pid, count in ticks)
        return used > IDLE_SHARE * elapsed * TICKS_PER_SECOND


def _tree(kernel: Kernel, every: Mapping[int, Process]) -> set[int]:
    """The processes of a kernel, and everything that runs below them."""
    tree = set(kernel.pids)
    while more := {pid for pid, process in every.items() if process.parent in tree and pid not in tree}:
        tree |= more
    return tree
