"""The NVIDIA GPUs, by one `nvidia-smi` that is kept running, because starting it costs much."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from .pace import Pace
from .places import Places, Unknown, plain
from .processes import Processes
from .programs import Brief, KeptRunning

QUERY = "--query-gpu=index,utilization.gpu,memory.used,memory.total,power.draw"
APPS = "--query-compute-apps=pid,used_memory"
FORMAT = "--format=csv,noheader,nounits"
FRESH_TICKS = 5
NVIDIA = "0x10de"
DISPLAY = "0x03"


@dataclass(frozen=True)
class Reading:
    """What one GPU said of itself; None is what it would not say."""

    percent: float | None
    memory_percent: float | None
    watts: float | None


class Gpus:
    """The GPUs of the machine: all of them are known, or none is."""

    name = "gpu"

    def __init__(self, places: Places, pace: Pace) -> None:
        self._places = places
        self._pace = pace
        self._child = KeptRunning("nvidia-smi", self._command, pace.tick)
        self._latest: dict[int, tuple[float, Reading]] = {}
        self._rubbish = ""
        self._rubbish_at = float("-inf")
        self._absent = False

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The busiest, the fullest, and the power of all; what one of them does not say is not known."""
        for line in self._child.lines(moment):
            self._take(line, moment)
        state, problem = self.state(moment)
        if state == "broken":
            raise Unknown(problem)
        readings = [reading for _, reading in self._latest.values()] if state == "ok" else []
        found = {
            "gpu_percent": _known(max, [each.percent for each in readings]),
            "gpu_memory_percent": _known(max, [each.memory_percent for each in readings]),
            "gpu_watts": _known(sum, [each.watts for each in readings]),
        }
        return {name: value for name, value in found.items() if value is not None}

    def state(self, moment: float) -> tuple[str, str]:
        """Whether the GPUs are "ok", "absent" or "broken", and what is broken."""
        stale = moment - FRESH_TICKS * self._pace.tick
        if self._rubbish_at >= stale:
            return "broken", plain(self._rubbish)
        moments = [at for at, _ in list(self._latest.values())]
        if moments and min(moments) >= stale:
            return "ok", ""
        if moments and max(moments) >= stale:
            return "broken", "nvidia-smi has stopped reporting one of the GPUs"
        return ("absent", "") if self._absent else ("broken", plain(self._child.problem))

    def end(self) -> None:
        """Let go of nvidia-smi."""
        self._child.end()

    def _command(self) -> list[str]:
        program = shutil.which("nvidia-smi")
        if program is None:
            self._absent = not self._has_device()
            raise Unknown("there is an NVIDIA GPU, but no nvidia-smi")
        self._absent, self._latest = False, {}
        # Into a pipe, libc would keep lines back until 4 KiB have come together.
        unbuffered = ["stdbuf", "-oL"] if shutil.which("stdbuf") else []
        return [*unbuffered, program, QUERY, FORMAT, f"--loop-ms={round(1000 * self._pace.tick)}"]

    def _has_device(self) -> bool:
        """Whether there is one, or nobody can know."""
        bus = "/sys/bus/pci/devices"
        if not self._places.at(bus).is_dir():
            return True
        return any(
            self._places.text(f"{bus}/{device}/vendor").strip() == NVIDIA
            and self._places.text(f"{bus}/{device}/class").startswith(DISPLAY)
            for device in self._places.names(bus)
        )

    def _take(self, line: str, moment: float) -> None:
        try:
            index, *fields = line.split(",")
            number = int(index)
            percent, used, total, watts = map(_value, fields)
        except ValueError:
            # One GPU may have fallen off the bus: what the others say is not the whole machine any more.
            self._rubbish, self._rubbish_at = f"nvidia-smi says: {line}", moment
            return
        full = 100 * used / total if used is not None and total else None
        self._latest = {**self._latest, number: (moment, Reading(_percent(percent), _percent(full), watts))}
        self._child.is_well()


class GpuProcesses:
    """The processes that compute on GPUs: kernels of notebooks keep a GPU without using it, others do not."""

    name = "gpu processes"

    def __init__(self, gpus: Gpus, processes: Processes) -> None:
        self._gpus = gpus
        self._processes = processes
        self._brief = Brief()

    def look(self, moment: float, since: float) -> dict[str, float]:
        """How many there are of both kinds."""
        state, problem = self._gpus.state(moment)
        if state == "absent":
            return {}
        if state == "broken":
            raise Unknown(problem)
        printed = self._brief.output(["nvidia-smi", APPS, FORMAT], seconds=10)
        try:
            pids = {int(line.split(",")[0]) for line in printed.splitlines()}
        except ValueError:
            raise Unknown(f"nvidia-smi says: {plain(printed)}") from None
        kernels = sum(map(self._processes.is_notebook_kernel, pids))
        return {"gpu_processes": len(pids) - kernels, "gpu_kernel_processes": kernels}


def _value(field: str) -> float | None:
    """A number, or None for "[N/A]" and its likes; raises ValueError for anything else."""
    text = field.strip()
    if text == "N/A" or (text.startswith("[") and text.endswith("]")):
        return None
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError(text)
    return number


def _percent(number: float | None) -> float | None:
    return number if number is not None and number <= 100 else None


def _known(combine: Callable[[list[float]], float], values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return combine(known) if known and len(known) == len(values) else None
