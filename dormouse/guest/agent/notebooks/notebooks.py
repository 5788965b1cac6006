"""Notebooks: what the kernels of all Jupyter servers do, and the kernels that other programs run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..filesystem import Places, Unknown
from ..intervals import now
from ..sources import Changes
from ..system.process_facts import words_of
from ..system.processes import Processes
from .kernel_use import KernelUse, Use
from .processes import Kernel, Survey, leaves_no_file, survey
from .servers import Server, kernels_of, servers_among

MOST_SECONDS = 6.0
FIRST_LOOK = "its kernels were looked at for the first time"
NO_CONNECTIONS = "a Jupyter server does not say how many pages are open"


@dataclass
class Seen:
    """What was found at one look; `marks` change when a kernel is used, `unsure` says of a signal why it is not known."""

    since: float
    kernels: int = 0
    busy: int = 0
    active: int = 0
    connections: int = 0
    marks: dict[str, object] = field(default_factory=dict)
    unsure: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


class Notebooks:
    """The kernels of all people.

    A server that cannot be asked is judged by the processes of its kernels; a kernel that no server has started is a
    program's, and counts as busy while it runs.
    """

    name = "notebooks"
    signals = ("kernels", "kernels_busy", "kernels_active", "kernel_connections")

    def __init__(self, places: Places, processes: Processes) -> None:
        self.problems: dict[str, str] = {}
        self.remark = ""
        self._places = places
        self._processes = processes
        self._use = KernelUse(places)
        self._changes = Changes()
        self._told: dict[int, dict[str, object]] = {}

    def look(self, moment: float, since: float) -> dict[str, float]:
        """What the kernels do; unknown as soon as neither a server nor its processes tell."""
        found = survey(self._places, self._processes, moment)
        servers = servers_among(self._places, self._processes, found)
        if {server.pid for server in servers} - set(found.servers):
            found = survey(self._places, self._processes, moment, also=[server.pid for server in servers])
        uses = self._use.since_last(moment, found)
        self._told = {server.pid: self._told.get(server.pid, {}) for server in servers}
        seen, deadline = Seen(since), now() + MOST_SECONDS
        for server in servers:
            self._take(seen, server, found, uses, deadline)
        others = len(found.kernels_of(None))
        seen.kernels, seen.busy = seen.kernels + others, seen.busy + others
        seen.active += self._changes.since(moment, seen.marks, since)
        return self._known(seen)

    def _known(self, seen: Seen) -> dict[str, float]:
        signals = {
            "kernels": seen.kernels,
            "kernels_busy": seen.busy,
            "kernels_active": seen.active,
            "kernel_connections": seen.connections,
        }
        # What is known to be used is, whatever else is not known.
        certain = {name for name in ("kernels_busy", "kernels_active") if signals[name]}
        self.problems = {name: why for name, why in seen.unsure.items() if name not in certain}
        self.remark = "; ".join(seen.remarks)
        return {name: count for name, count in signals.items() if name not in self.problems}

    def _take(self, seen: Seen, server: Server, found: Survey, uses: dict[Kernel, Use | None], deadline: float) -> None:
        own = found.kernels_of(server.pid)
        try:
            if now() > deadline:
                raise Unknown(f"{server} could not be asked, because others took too long to answer")
            told = kernels_of(self._places, server)
        except Unknown as error:
            seen.marks.update(self._told[server.pid])
            self._take_by_processes(seen, server, own, uses, str(error))
            return
        if len(own) > len(told):
            raise Unknown(f"{server} reports {len(told)} kernel(s), but {len(own)} run")
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
            why = f"{server} does not say when its kernels were used"
            _take_activity(seen, own, uses, why)
            if len(own) < len(told):
                seen.unsure["kernels_active"] = f"{why}, and not all of their processes were found"

    def _take_by_processes(
        self, seen: Seen, server: Server, own: list[Kernel], uses: dict[Kernel, Use | None], why: str
    ) -> None:
        if not own and not server.described and not leaves_no_file(words_of(self._places, server.pid)):
            raise Unknown(why)
        if any(uses[kernel] is None for kernel in own):
            raise Unknown(f"{why} and its kernels' processes cannot be read")
        seen.kernels += len(own)
        seen.busy += sum(_uses_processor(uses[kernel]) for kernel in own)
        seen.unsure["kernel_connections"] = NO_CONNECTIONS
        if any(_is_new(uses[kernel]) for kernel in own):
            seen.unsure["kernels_busy"] = f"{why}, and {FIRST_LOOK}"
        _take_activity(seen, own, uses, why)
        seen.remarks.append(f"{why}; its {len(own)} kernel(s) were judged by their processes")


def _take_activity(seen: Seen, own: Iterable[Kernel], uses: dict[Kernel, Use | None], why: str) -> None:
    own = list(own)
    known = [use for kernel in own if (use := uses[kernel]) is not None]
    if len(known) < len(own) or any(map(_is_new, known)):
        seen.unsure["kernels_active"] = f"{why}, and {FIRST_LOOK}"
    seen.active += sum(use.last >= seen.since for use in known)


def _uses_processor(use: Use | None) -> bool:
    return use is not None and use.now is True


def _is_new(use: Use | None) -> bool:
    return use is not None and use.now is None
