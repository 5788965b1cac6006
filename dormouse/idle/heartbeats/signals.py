"""Signals: what is measured on a machine every minute, and the limits at which a minute counts as use."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dormouse.idle.policy import IdlePolicy

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that is measured: its limit by policy (None: it never counts as use), and the words for a peak.

    In `words`, `{peak}` is the value and `{s}` the plural ending of the noun that it counts.
    """

    name: str
    limit: Callable[[IdlePolicy], float | None]
    words: str
    # The system itself peaks for a second now and then: such signals keep the 95th percentile of a minute instead.
    peaks: bool = True
    # What it measures, for sentences that say that it could not be observed.
    noun: str = ""

    @property
    def subject(self) -> str:
        """What it measures, in words."""
        return self.noun or self.name.replace("_", " ")


def _any(_: IdlePolicy) -> float:
    return 1.0


def _ignored(_: IdlePolicy) -> None:
    return None


HOST = (
    Signal("cpu_percent", lambda policy: policy.cpu_percent, "CPU at {peak:.0f} %"),
    Signal("network_bytes_per_second", lambda policy: policy.network_bytes_per_second, "network at {peak}/s"),
    Signal("disk_bytes_per_second", lambda policy: policy.disk_bytes_per_second, "disks at {peak}/s"),
)

# The most convincing first: sentences name the first few.
INSIDE = (
    Signal("jobs", _any, "{peak:.0f} job marker{s}"),
    Signal("gpu_percent", lambda policy: policy.gpu_percent, "GPU at {peak:.0f} %"),
    Signal("gpu_processes", _any, "{peak:.0f} program{s} using a GPU"),
    Signal(
        "kernels_busy",
        _any,
        "{peak:.0f} notebook kernel{s} running a cell or started outside Jupyter",
        noun="notebook kernels",
    ),
    Signal("kernels_active", _any, "{peak:.0f} recently used notebook kernel{s}", noun="notebook kernels"),
    Signal(
        "kernels",
        lambda policy: 1.0 if policy.kernels == "alive" else None,
        "{peak:.0f} live notebook kernel{s}",
        noun="notebook kernels",
    ),
    Signal(
        "batch_jobs",
        _any,
        "{peak:.0f} job{s} of a batch system or CI agent",
        noun="jobs of batch systems and CI agents",
    ),
    Signal("terminal_jobs", _any, "{peak:.0f} program{s} running in a terminal", noun="programs in terminals"),
    Signal("terminals_active", _any, "input in {peak:.0f} terminal{s}", noun="input in terminals"),
    Signal(
        "logins",
        lambda policy: 1.0 if policy.sessions == "connected" else None,
        "{peak:.0f} open session{s}",
    ),
    Signal(
        "connections",
        lambda policy: 1.0 if policy.sessions == "connected" else None,
        "{peak:.0f} open session connection{s}",
        noun="connections of sessions",
    ),
    Signal(
        "sessions_opaque",
        lambda policy: 1.0 if policy.sessions == "active" else None,
        "{peak:.0f} open session{s} without a terminal (editor, remote desktop)",
        noun="sessions without a terminal",
    ),
    Signal("cpu_percent", lambda policy: policy.cpu_percent, "CPU at {peak:.0f} %", peaks=False, noun="the CPU"),
    Signal("cpu_cores", lambda policy: policy.cpu_cores, "{peak:.1f} CPU cores busy", peaks=False, noun="the CPU"),
    Signal(
        "network_bytes_per_second",
        lambda policy: policy.network_bytes_per_second,
        "network at {peak}/s",
        peaks=False,
        noun="network traffic",
    ),
    Signal(
        "disk_bytes_per_second",
        lambda policy: policy.disk_bytes_per_second,
        "disks at {peak}/s",
        peaks=False,
        noun="disk traffic",
    ),
    Signal("gpu_memory_percent", _ignored, "GPU memory {peak:.0f} % full"),
    Signal("gpu_watts", _ignored, "GPU power {peak:.0f} W"),
    Signal("gpu_kernel_processes", _ignored, "{peak:.0f} notebook kernel{s} holding a GPU"),
    Signal("kernel_connections", _ignored, "{peak:.0f} open notebook page{s}"),
    Signal(
        "containers",
        lambda policy: 1.0 if policy.containers == "running" else None,
        "{peak:.0f} running container{s}",
    ),
)
GPU = frozenset({"gpu_percent", "gpu_processes"})


def limits_of(policy: IdlePolicy, names: Iterable[str]) -> dict[str, float]:
    """The limits of a policy for the signals of these names; a name that is no signal, or never counts as use, has none."""
    known = {signal.name: signal.limit(policy) for signal in (*HOST, *INSIDE)}
    return {name: limit for name in names if (limit := known.get(name)) is not None}


def describe_peak(signal: Signal, peak: float) -> str:
    """A peak of a signal in words: `GPU at 99 %`, `2 open sessions`, `network at 3 MB/s`."""
    value = bytes_text(peak) if signal.name.endswith("bytes_per_second") else peak
    return signal.words.format(peak=value, s="" if round(peak) == 1 else "s")


def count_text(count: float, noun: str) -> str:
    """A count with its noun: `1 container`, `2 containers`."""
    return f"{count:.0f} {noun}{'' if round(count) == 1 else 's'}"


def bytes_text(count: float) -> str:
    """A number of bytes in the largest fitting unit: `300 B`, `2 kB`, `1.5 GB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
