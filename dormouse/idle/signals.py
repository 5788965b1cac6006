"""Signals: what is measured on a machine, minute by minute, and when a minute speaks against sleep."""

from collections.abc import Callable
from dataclasses import dataclass

from dormouse.idle.policy import IdlePolicy

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that is measured: its limit by policy (None: never speaks against sleep), and the words for reaching it."""

    name: str
    limit: Callable[[IdlePolicy], float | None]
    words: str
    # Where the system itself peaks for a second now and then, the 95th percentile of a minute is kept instead.
    peaks: bool = True
    # What is seen by it, for sentences about what could not be seen.
    noun: str = ""

    @property
    def subject(self) -> str:
        """What is seen by this signal, as people call it."""
        return self.noun or self.name.replace("_", " ")


def _once(_: IdlePolicy) -> float:
    return 1.0


def _never(_: IdlePolicy) -> None:
    return None


HOST = (
    Signal("cpu_percent", lambda policy: policy.cpu_percent, "the CPU was at {peak:.0f} %"),
    Signal(
        "network_bytes_per_second", lambda policy: policy.network_bytes_per_second, "the network carried {peak} a second"
    ),
    Signal("disk_bytes_per_second", lambda policy: policy.disk_bytes_per_second, "disks moved {peak} a second"),
)

# In the order in which they convince people.
INSIDE = (
    Signal("jobs", _once, "{peak:.0f} job marker(s) were set"),
    Signal("gpu_percent", lambda policy: policy.gpu_percent, "a GPU was at {peak:.0f} %"),
    Signal("gpu_processes", _once, "{peak:.0f} program(s) held a GPU"),
    Signal(
        "kernels_busy",
        _once,
        "{peak:.0f} notebook kernel(s) were executing a cell or ran outside Jupyter",
        noun="notebook kernels",
    ),
    Signal("kernels_active", _once, "{peak:.0f} notebook kernel(s) had just been used", noun="notebook kernels"),
    Signal(
        "kernels",
        lambda policy: 1.0 if policy.kernels == "alive" else None,
        "{peak:.0f} notebook kernel(s) were alive",
        noun="notebook kernels",
    ),
    Signal(
        "batch_jobs",
        _once,
        "{peak:.0f} job(s) of a batch system or CI agent were running",
        noun="jobs of batch systems and CI agents",
    ),
    Signal("terminal_jobs", _once, "{peak:.0f} program(s) ran in a terminal", noun="programs in terminals"),
    Signal("terminals_active", _once, "somebody typed in {peak:.0f} terminal(s)"),
    Signal(
        "logins",
        lambda policy: 1.0 if policy.sessions == "connected" else None,
        "{peak:.0f} session(s) were open",
    ),
    Signal(
        "connections",
        lambda policy: 1.0 if policy.sessions == "connected" else None,
        "{peak:.0f} connection(s) of sessions were open",
        noun="connections of sessions",
    ),
    Signal(
        "sessions_opaque",
        lambda policy: 1.0 if policy.sessions == "active" else None,
        "{peak:.0f} session(s) in which typing cannot be seen (an editor, a remote desktop) were open",
        noun="sessions without a terminal",
    ),
    Signal("cpu_percent", lambda policy: policy.cpu_percent, "the CPU was at {peak:.0f} %", peaks=False, noun="the CPU"),
    Signal("cpu_cores", lambda policy: policy.cpu_cores, "{peak:.1f} CPU core(s) were busy", peaks=False, noun="the CPU"),
    Signal(
        "network_bytes_per_second",
        lambda policy: policy.network_bytes_per_second,
        "the network carried {peak} a second",
        peaks=False,
        noun="network traffic",
    ),
    Signal(
        "disk_bytes_per_second",
        lambda policy: policy.disk_bytes_per_second,
        "disks moved {peak} a second",
        peaks=False,
        noun="disk traffic",
    ),
    Signal("gpu_memory_percent", _never, "GPU memory was {peak:.0f} % full"),
    Signal("gpu_watts", _never, "GPUs drew {peak:.0f} W"),
    Signal("gpu_kernel_processes", _never, "{peak:.0f} notebook kernel(s) held a GPU"),
    Signal("kernel_connections", _never, "{peak:.0f} notebook page(s) were open"),
    Signal(
        "containers",
        lambda policy: 1.0 if policy.containers == "running" else None,
        "{peak:.0f} container(s) were running",
    ),
)
GPU = frozenset({"gpu_percent", "gpu_processes"})


def shown(words: str, name: str, peak: float) -> str:
    """The words for a peak, with bytes as people read them."""
    return words.format(peak=_bytes(peak) if name.endswith("bytes_per_second") else peak)


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
