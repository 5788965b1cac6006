"""The NVIDIA GPUs, by one `nvidia-smi` that is kept running, because starting it costs much."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from ..filesystem import Places, Unknown, plain
from ..intervals import Pace
from ..notebooks.processes import survey
from ..system.processes import Processes
from ..system.programs import Brief, KeptRunning
from .devices import gpus_on_the_bus, holders
from .nvidia_smi import APPS, FORMAT, INFOROM_CORRUPTED, QUERY, Reading, processes_in, reading_in

FRESH_TICKS = 5
# The bus is counted once per minute; device files are looked at five times per minute.
COUNTED_TICKS = 60
PROOF_TICKS = 30
NOT_OF_EVERY = "nvidia-smi does not report it for every GPU"


class Gpus:
    """The GPUs of the machine: a signal is known if every GPU reports it."""

    name = "gpu"
    signals = ("gpu_percent", "gpu_memory_percent", "gpu_watts")

    def __init__(self, places: Places, pace: Pace) -> None:
        self.places = places
        self.problems: dict[str, str] = {}
        self._pace = pace
        self._child = KeptRunning("nvidia-smi", self._command, pace.tick)
        self._latest: dict[int, tuple[float, Reading]] = {}
        self._aside = ""
        self._aside_at = float("-inf")
        self._most = 0
        self._counted: int | None = None
        self._counted_at = float("-inf")
        self._unused_at = float("-inf")
        self._absent = False

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The busiest, the fullest, and the power of all; what one of them does not say is not known."""
        for line in self._child.lines(moment):
            self._take(line, moment)
        state, problem = self.state(moment)
        readings = [reading for _, reading in list(self._latest.values())] if state == "ok" else []
        found = {
            "gpu_percent": _known(max, [each.percent for each in readings]),
            "gpu_memory_percent": _known(max, [each.memory_percent for each in readings]),
            "gpu_watts": _known(sum, [each.watts for each in readings]),
        }
        if found["gpu_percent"] is None and moment - self._unused_at <= PROOF_TICKS * self._pace.tick:
            found["gpu_percent"] = 0.0
        known = {name: value for name, value in found.items() if value is not None}
        if state == "broken" and not known:
            raise Unknown(problem)
        unsaid = next((f"nvidia-smi says {each.unsaid} of it" for each in readings if each.unsaid), problem)
        why = {**dict.fromkeys(found, problem or NOT_OF_EVERY), "gpu_percent": unsaid or NOT_OF_EVERY}
        self.problems = {} if state == "absent" else {name: why[name] for name in found if name not in known}
        return known

    def state(self, moment: float) -> tuple[str, str]:
        """Whether the GPUs are "ok", "absent" or "broken", and what is broken."""
        stale = moment - FRESH_TICKS * self._pace.tick
        moments = [at for at, _ in list(self._latest.values())]
        if moments and max(moments) >= stale:
            missing = self._expected(moment) - sum(at >= stale for at in moments)
            if missing <= 0:
                return "ok", ""
            aside = f" ({self._aside})" if self._aside_at >= stale else ""
            return "broken", plain(f"nvidia-smi does not report {missing} of {self._expected(moment)} GPUs{aside}")
        if self._aside_at >= stale and not self._absent:
            return "broken", plain(f"nvidia-smi says: {self._aside}")
        return ("absent", "") if self._absent else ("broken", plain(self._child.problem))

    def tells_use(self, moment: float) -> bool:
        """Whether every GPU says how busy it is."""
        readings = [reading for _, reading in list(self._latest.values())]
        return self.state(moment)[0] == "ok" and all(reading.percent is not None for reading in readings)

    def note_holders(self, moment: float, held: int) -> None:
        """Note how many programs hold a GPU: if none does, no GPU is busy, whatever nvidia-smi does not say."""
        self._unused_at = float("-inf") if held else moment

    def end(self) -> None:
        """Let go of nvidia-smi."""
        self._child.end()

    def _command(self) -> list[str]:
        program = shutil.which("nvidia-smi")
        if program is None:
            self._absent = gpus_on_the_bus(self.places) == 0
            raise Unknown("there is an NVIDIA GPU, but no nvidia-smi")
        self._absent, self._latest = False, {}
        # Into a pipe, libc would keep lines back until 4 KiB have come together.
        unbuffered = ["stdbuf", "-oL"] if shutil.which("stdbuf") else []
        return [*unbuffered, program, QUERY, FORMAT, f"--loop-ms={round(1000 * self._pace.tick)}"]

    def _expected(self, moment: float) -> int:
        """How many GPUs have to report: those on the bus, and no fewer than the numbers of others imply."""
        if moment - self._counted_at > COUNTED_TICKS * self._pace.tick:
            self._counted, self._counted_at = gpus_on_the_bus(self.places), moment
        return max(self._most if self._counted is None else self._counted, max(self._latest, default=-1) + 1)

    def _take(self, line: str, moment: float) -> None:
        found = reading_in(line)
        if found is None:
            # A warning, say, or the header: if it is about a GPU that is lost, this one is missing among the rows.
            # What it says in several lines may arrive in two ticks: lines that are still of interest stay together.
            kept = self._aside if self._aside_at >= moment - FRESH_TICKS * self._pace.tick else ""
            said = plain(line)
            self._aside = kept if said in kept else plain(f"{kept}; {said}" if kept else said)
            self._aside_at = moment
            return
        number, reading = found
        self._latest = {**self._latest, number: (moment, reading)}
        self._most = max(self._most, number + 1)
        self._child.is_well()


class GpuProcesses:
    """The processes that compute on GPUs: kernels of notebooks keep a GPU without using it, others do not."""

    name = "gpu processes"
    signals = ("gpu_processes", "gpu_kernel_processes")

    def __init__(self, gpus: Gpus, processes: Processes) -> None:
        self._gpus = gpus
        self._processes = processes
        self._brief = Brief()

    def look(self, moment: float, since: float) -> dict[str, float]:
        """How many there are of both kinds; where nvidia-smi does not say, by who holds the GPUs' device files."""
        state, doubt = self._gpus.state(moment)
        if state == "absent":
            return {}
        pids: set[int] = set()
        if state == "ok":
            pids, doubt = self._told()
        if doubt or not self._gpus.tells_use(moment):
            try:
                pids |= holders(self._gpus.places, self._processes, moment)
                self._gpus.note_holders(moment, len(pids))
            except Unknown as error:
                if doubt:
                    raise Unknown(f"{doubt}, and {error}") from error
        found = survey(self._gpus.places, self._processes, moment)
        kernels = {pid for kernel in found.kernels if kernel.server is not None for pid in kernel.pids}
        return {"gpu_processes": len(pids - kernels), "gpu_kernel_processes": len(pids & kernels)}

    def _told(self) -> tuple[set[int], str]:
        """The processes that nvidia-smi names and that exist, and why there may be more; "" if there are not."""
        try:
            code, printed, complaint = self._brief.run(["nvidia-smi", APPS, FORMAT], seconds=10)
        except Unknown as error:
            return set(), plain(error)
        pids, whole = processes_in(printed)
        alive = {pid for pid in pids if self._processes.is_alive(pid)}
        if whole and code in (0, INFOROM_CORRUPTED):
            return alive, ""
        return alive, plain(f"nvidia-smi says: {printed or complaint or f'failed with {code}'}")


def _known(combine: Callable[[list[float]], float], values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return combine(known) if known and len(known) == len(values) else None
