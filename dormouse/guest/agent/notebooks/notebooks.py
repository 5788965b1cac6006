"""Notebooks: the activity of the kernels of all Jupyter servers, of kernels that other programs run, and of R sessions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..filesystem import FileSystem, Unknown
from ..intervals import now
from ..sources import ChangeDetector
from ..system.process_facts import words_of
from ..system.processes import Processes
from .kernel_use import KernelUse, Use
from .processes import JupyterProcesses, Kernel, find_jupyter_processes, has_no_runtime_file
from .r_sessions import RSessions
from .servers import Server, find_servers, kernels_of

MOST_SECONDS = 6.0
FIRST_LOOK = "its kernels have been measured only once"
NO_CONNECTIONS = "a Jupyter server does not report how many pages are open"


@dataclass
class KernelCounts:
    """The counts of one call; `marks` change when a kernel is used, `unsure` says why a signal is unknown."""

    since: float
    kernels: int = 0
    busy: int = 0
    active: int = 0
    connections: int = 0
    marks: dict[str, object] = field(default_factory=dict)
    unsure: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


class Notebooks:
    """The kernels of all users.

    For a server that cannot be queried, the processes of its kernels are measured; a kernel that was not started by a server
    belongs to another program, and counts as busy while it runs. An R session of RStudio is a kernel that is measured, too.
    """

    name = "notebooks"
    signals = ("kernels", "kernels_busy", "kernels_active", "kernel_connections")

    def __init__(self, filesystem: FileSystem, processes: Processes) -> None:
        self.problems: dict[str, str] = {}
        self.remark = ""
        self._filesystem = filesystem
        self._processes = processes
        self._use = KernelUse(filesystem)
        self._r_sessions = RSessions(filesystem, processes)
        self._changes = ChangeDetector()
        self._told: dict[int, dict[str, object]] = {}

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The counts of kernels; raises Unknown if neither a server nor its processes show them."""
        sessions = self._r_sessions.since_last(moment)
        found = find_jupyter_processes(self._filesystem, self._processes, moment)
        servers = find_servers(self._filesystem, self._processes, found)
        if {server.pid for server in servers} - set(found.servers):
            found = find_jupyter_processes(
                self._filesystem, self._processes, moment, also=[server.pid for server in servers]
            )
        uses = self._use.since_last(moment, found)
        self._told = {server.pid: self._told.get(server.pid, {}) for server in servers}
        seen, deadline = KernelCounts(since), now() + MOST_SECONDS
        for server in servers:
            self._count_kernels(seen, server, found, uses, deadline)
        others = len(found.kernels_of(None))
        seen.kernels, seen.busy = seen.kernels + others, seen.busy + others
        _count_r_sessions(seen, sessions)
        seen.active += self._changes.since(moment, seen.marks, since)
        return self._known(seen)

    def _known(self, seen: KernelCounts) -> dict[str, float]:
        signals = {
            "kernels": seen.kernels,
            "kernels_busy": seen.busy,
            "kernels_active": seen.active,
            "kernel_connections": seen.connections,
        }
        # A count above zero is certain, even if other kernels are unknown.
        certain = {name for name in ("kernels_busy", "kernels_active") if signals[name]}
        self.problems = {name: why for name, why in seen.unsure.items() if name not in certain}
        self.remark = "; ".join(seen.remarks)
        return {name: count for name, count in signals.items() if name not in self.problems}

    def _count_kernels(
        self, seen: KernelCounts, server: Server, found: JupyterProcesses, uses: dict[Kernel, Use | None], deadline: float
    ) -> None:
        own = found.kernels_of(server.pid)
        try:
            if now() > deadline:
                raise Unknown(f"{server} was not queried, because other servers took too long to answer")
            told = kernels_of(self._filesystem, server)
        except Unknown as error:
            seen.marks.update(self._told[server.pid])
            self._count_by_processes(seen, server, own, uses, str(error))
            return
        if len(own) > len(told):
            raise Unknown(f"{server} reports {len(told)} kernel(s), but {len(own)} are running")
        seen.kernels += len(told)
        seen.busy += sum(kernel.get("execution_state") == "busy" for kernel in told)
        connections = [kernel.get("connections") for kernel in told]
        if all(isinstance(count, int) for count in connections):
            seen.connections += sum(int(count or 0) for count in connections)
        else:
            seen.unsure["kernel_connections"] = NO_CONNECTIONS
        marks = {f"{server.pid} {kernel['id']}": kernel.get("last_activity") for kernel in told}
        self._told[server.pid] = marks
        seen.marks.update(marks)
        if None in marks.values():
            why = f"{server} does not report when its kernels were used"
            _count_active(seen, own, uses, why)
            if len(own) < len(told):
                seen.unsure["kernels_active"] = f"{why}, and not all of their processes were found"

    def _count_by_processes(
        self, seen: KernelCounts, server: Server, own: list[Kernel], uses: dict[Kernel, Use | None], why: str
    ) -> None:
        if not own and not server.described and not has_no_runtime_file(words_of(self._filesystem, server.pid)):
            raise Unknown(why)
        if any(uses[kernel] is None for kernel in own):
            raise Unknown(f"{why} and its kernels' processes cannot be read")
        seen.kernels += len(own)
        seen.busy += sum(_uses_processor(uses[kernel]) for kernel in own)
        seen.unsure["kernel_connections"] = NO_CONNECTIONS
        if any(_is_new(uses[kernel]) for kernel in own):
            seen.unsure["kernels_busy"] = f"{why}, and {FIRST_LOOK}"
        _count_active(seen, own, uses, why)
        seen.remarks.append(f"{why}; its {len(own)} kernel(s) were measured by their processes")


def _count_r_sessions(seen: KernelCounts, uses: dict[Kernel, Use | None]) -> None:
    why = "the CPU time of an R session cannot be read" if None in uses.values() else "an R session was found"
    seen.kernels += len(uses)
    seen.busy += sum(map(_uses_processor, uses.values()))
    if any(use is None or _is_new(use) for use in uses.values()):
        seen.unsure["kernels_busy"] = why if None in uses.values() else f"{why}, and it has been measured only once"
    _count_active(seen, uses, uses, why)


def _count_active(seen: KernelCounts, own: Iterable[Kernel], uses: dict[Kernel, Use | None], why: str) -> None:
    own = list(own)
    known = [use for kernel in own if (use := uses[kernel]) is not None]
    if len(known) < len(own) or any(map(_is_new, known)):
        seen.unsure["kernels_active"] = f"{why}, and {FIRST_LOOK}"
    seen.active += sum(use.last >= seen.since for use in known)


def _uses_processor(use: Use | None) -> bool:
    return use is not None and use.now is True


def _is_new(use: Use | None) -> bool:
    return use is not None and use.now is None
