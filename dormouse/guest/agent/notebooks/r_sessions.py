"""The R sessions of RStudio: each is one process with its children, whose CPU time shows whether it computes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..filesystem import FileSystem
from ..system.processes import Process, Processes, is_below
from .kernel_use import KernelUse, Use
from .processes import JupyterProcesses, Kernel

SESSION = "rsession"
# R waits like this for a program that it has started, or for its output. A pause (`Sys.sleep`) cannot be told from a session
# that waits for its page.
IN_A_COMMAND = re.compile(r"do_wait|pipe_read")


class RSessions:
    """The R sessions of all users; one that another has started, such as a background job, is a part of it."""

    def __init__(self, filesystem: FileSystem, processes: Processes) -> None:
        self._processes = processes
        self._use = KernelUse(filesystem, IN_A_COMMAND)

    def since_last(self, moment: float) -> dict[Kernel, Use | None]:
        """How every session was used since the last call; None for one whose processes cannot be read."""
        every = self._processes.at(moment)
        sessions = tuple(Kernel(SESSION, (pid,), None) for pid in r_sessions_in(every))
        return self._use.since_last(moment, JupyterProcesses(every, (), sessions))


def r_sessions_in(every: Mapping[int, Process]) -> list[int]:
    """The processes of R sessions, without those that another session has started."""
    pids = {pid for pid, process in every.items() if process.name == SESSION}
    return sorted(pid for pid in pids if not is_below(every[pid].parent, pids, every))
