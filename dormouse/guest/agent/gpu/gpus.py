"""Sources for NVIDIA GPUs: one `nvidia-smi` runs continuously, because starting it is expensive."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from ..filesystem import FileSystem, Unknown, plain
from ..intervals import Intervals
from ..notebooks.processes import find_jupyter_processes
from ..notebooks.r_sessions import r_sessions_in
from ..system.processes import Processes
from ..system.programs import CommandRunner, ContinuousProgram
from .devices import device_holders, gpus_on_the_bus
from .nvidia_smi import APPS, FORMAT, INFOROM_CORRUPTED, QUERY, Reading, processes_in, reading_in

FRESH_TICKS = 5
# The bus is read once per minute, device files five times per minute.
COUNTED_TICKS = 60
UNUSED_TICKS = 30
NOT_OF_EVERY = "nvidia-smi does not report it for every GPU"


class Gpus:
    """The GPUs of the machine; a signal is known only if every GPU reports it."""

    name = "gpu"
    signals = ("gpu_percent", "gpu_memory_percent", "gpu_watts")

    def __init__(self, filesystem: FileSystem, intervals: Intervals) -> None:
        self.filesystem = filesystem
        self.problems: dict[str, str] = {}
        self._intervals = intervals
        self._child = ContinuousProgram("nvidia-smi", self._command, intervals.tick)
        self._latest: dict[int, tuple[float, Reading]] = {}
        self._message = ""
        self._message_at = float("-inf")
        self._most = 0
        self._counted: int | None = None
        self._counted_at = float("-inf")
        self._unused_at = float("-inf")
        self._absent = False

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The utilization of the busiest GPU, the memory of the fullest, and the power of all."""
        for line in self._child.lines(moment):
            self._read_line(line, moment)
        state, problem = self.state(moment)
        readings = [reading for _, reading in list(self._latest.values())] if state == "ok" else []
        found = {
            "gpu_percent": _known(max, [each.percent for each in readings]),
            "gpu_memory_percent": _known(max, [each.memory_percent for each in readings]),
            "gpu_watts": _known(sum, [each.watts for each in readings]),
        }
        if found["gpu_percent"] is None and moment - self._unused_at <= UNUSED_TICKS * self._intervals.tick:
            found["gpu_percent"] = 0.0
        known = {name: value for name, value in found.items() if value is not None}
        if state == "broken" and not known:
            raise Unknown(problem)
        unsaid = next((f"nvidia-smi reports {each.unsaid}" for each in readings if each.unsaid), problem)
        why = {**dict.fromkeys(found, problem or NOT_OF_EVERY), "gpu_percent": unsaid or NOT_OF_EVERY}
        self.problems = {} if state == "absent" else {name: why[name] for name in found if name not in known}
        return known

    def state(self, moment: float) -> tuple[str, str]:
        """Whether the GPUs are "ok", "absent" or "broken", and why."""
        stale = moment - FRESH_TICKS * self._intervals.tick
        moments = [at for at, _ in list(self._latest.values())]
        if moments and max(moments) >= stale:
            missing = self._expected(moment) - sum(at >= stale for at in moments)
            if missing <= 0:
                return "ok", ""
            message = f" ({self._message})" if self._message_at >= stale else ""
            return "broken", plain(f"nvidia-smi does not report {missing} of {self._expected(moment)} GPUs{message}")
        if self._message_at >= stale and not self._absent:
            return "broken", plain(f"nvidia-smi reports: {self._message}")
        return ("absent", "") if self._absent else ("broken", plain(self._child.problem))

    def reports_utilization(self, moment: float) -> bool:
        """Whether every GPU reports its utilization."""
        readings = [reading for _, reading in list(self._latest.values())]
        return self.state(moment)[0] == "ok" and all(reading.percent is not None for reading in readings)

    def note_device_holders(self, moment: float, held: int) -> None:
        """Record the number of programs that use a GPU; with none, the utilization is 0 without a report of nvidia-smi."""
        self._unused_at = float("-inf") if held else moment

    def end(self) -> None:
        """End nvidia-smi."""
        self._child.end()

    def _command(self) -> list[str]:
        program = shutil.which("nvidia-smi")
        if program is None:
            self._absent = gpus_on_the_bus(self.filesystem) == 0
            raise Unknown("there is an NVIDIA GPU, but nvidia-smi is not installed")
        self._absent, self._latest = False, {}
        # libc would buffer the output to a pipe until 4 KiB have accumulated.
        unbuffered = ["stdbuf", "-oL"] if shutil.which("stdbuf") else []
        return [*unbuffered, program, QUERY, FORMAT, f"--loop-ms={round(1000 * self._intervals.tick)}"]

    def _expected(self, moment: float) -> int:
        """How many GPUs must report: those on the bus, and at least as many as the highest reported index implies."""
        if moment - self._counted_at > COUNTED_TICKS * self._intervals.tick:
            self._counted, self._counted_at = gpus_on_the_bus(self.filesystem), moment
        return max(self._most if self._counted is None else self._counted, max(self._latest, default=-1) + 1)

    def _read_line(self, line: str, moment: float) -> None:
        found = reading_in(line)
        if found is None:
            # For example a warning or the header; a lost GPU is missing among the rows.
            # A message of several lines may arrive in two ticks, so recent lines are kept together.
            kept = self._message if self._message_at >= moment - FRESH_TICKS * self._intervals.tick else ""
            said = plain(line)
            self._message = kept if said in kept else plain(f"{kept}; {said}" if kept else said)
            self._message_at = moment
            return
        number, reading = found
        self._latest = {**self._latest, number: (moment, reading)}
        self._most = max(self._most, number + 1)
        self._child.reset_failures()


class GpuProcesses:
    """The processes that use GPUs, without notebook kernels and R sessions: these keep a GPU without using it."""

    name = "gpu processes"
    signals = ("gpu_processes", "gpu_kernel_processes")

    def __init__(self, gpus: Gpus, processes: Processes) -> None:
        self._gpus = gpus
        self._processes = processes
        self._brief = CommandRunner()

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The counts of both kinds; if nvidia-smi does not list them, from the open device files of the GPUs."""
        state, doubt = self._gpus.state(moment)
        if state == "absent":
            return {}
        pids: set[int] = set()
        if state == "ok":
            pids, doubt = self._compute_processes()
        if doubt or not self._gpus.reports_utilization(moment):
            try:
                pids |= device_holders(self._gpus.filesystem, self._processes, moment)
                self._gpus.note_device_holders(moment, len(pids))
            except Unknown as error:
                if doubt:
                    raise Unknown(f"{doubt}, and {error}") from error
        found = find_jupyter_processes(self._gpus.filesystem, self._processes, moment)
        kernels = {pid for kernel in found.kernels if kernel.server is not None for pid in kernel.pids}
        kernels |= set(r_sessions_in(found.every))
        return {"gpu_processes": len(pids - kernels), "gpu_kernel_processes": len(pids & kernels)}

    def _compute_processes(self) -> tuple[set[int], str]:
        """The existing processes that nvidia-smi lists, and why the list may be incomplete ("": it is complete)."""
        try:
            code, printed, complaint = self._brief.run(["nvidia-smi", APPS, FORMAT], seconds=10)
        except Unknown as error:
            return set(), plain(error)
        pids, whole = processes_in(printed)
        alive = {pid for pid in pids if self._processes.is_alive(pid)}
        if whole and code in (0, INFOROM_CORRUPTED):
            return alive, ""
        return alive, plain(f"nvidia-smi reports: {printed or complaint or f'failed with {code}'}")


def _known(combine: Callable[[list[float]], float], values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return combine(known) if known and len(known) == len(values) else None
