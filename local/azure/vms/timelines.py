"""Timelines: the stored signals of machines, and their values minute by minute."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, get_args
from zlib import crc32

from local.azure.core.store import Document
from local.azure.core.world import SIGNALS, World

MINUTE = 60
FOUR_BYTES = 2**32 - 1

HostSignal = Literal[
    "cpu_percent",
    "network_in_bytes_per_second",
    "network_out_bytes_per_second",
    "disk_read_bytes_per_second",
    "disk_write_bytes_per_second",
]
GpuSignal = Literal["gpu_percent", "gpu_memory_percent", "gpu_watts", "gpu_processes", "gpu_kernel_processes"]
InsideSignal = Literal[
    GpuSignal,
    "cpu_percent",
    "cpu_cores",
    "disk_bytes_per_second",
    "network_bytes_per_second",
    "logins",
    "connections",
    "sessions_opaque",
    "terminals_active",
    "terminal_jobs",
    "batch_jobs",
    "kernels",
    "kernels_busy",
    "kernels_active",
    "kernel_connections",
    "containers",
    "jobs",
]
OF_GPU = frozenset(get_args(GpuSignal))

# One stored timeline: from each of `starts` (minutes since 1970) on, the value at the same index of `values` applies.
# A value is a number, [low, high] (drawn every minute), {"max", "p95"}, or None (no data). Before the first start: no data.
Timeline = dict[str, list[Any]]


def _always(value: Any) -> Timeline:
    return {"starts": [0], "values": [value]}


# The signals of a machine without any others: it is unused.
QUIET: dict[str, dict[str, Timeline]] = {
    "host": {
        "cpu_percent": _always([1, 2]),
        "network_in_bytes_per_second": _always([500, 2000]),
        "network_out_bytes_per_second": _always([500, 2000]),
        "disk_read_bytes_per_second": _always([0, 200]),
        "disk_write_bytes_per_second": _always([200, 4000]),
    },
    "inside": {
        **{name: _always(0) for name in get_args(InsideSignal)},
        "cpu_percent": _always([1, 2]),
        "cpu_cores": _always([0.01, 0.05]),
        "disk_bytes_per_second": _always([200, 4000]),
        "network_bytes_per_second": _always([500, 2000]),
    },
}


def ending(items: Iterable[tuple[Any, int]], last: int) -> Timeline:
    """The timeline of (value, minutes) whose last minute is this one; the last value is held."""
    listed = list(items)
    start = max(last + 1 - sum(minutes for _, minutes in listed), 0)
    return beginning(listed, start)


def beginning(items: Iterable[tuple[Any, int]], first: int) -> Timeline:
    """The timeline of (value, minutes) from a minute on; the last value is held."""
    starts, values = [], []
    for value, minutes in items:
        starts.append(first)
        values.append(value)
        first += minutes
    return {"starts": starts, "values": values}


def changed(old: Timeline | None, new: Timeline) -> Timeline:
    """A timeline that continues as another one from the minute on at which that one begins."""
    if old is None:
        return new
    kept = bisect_right(old["starts"], new["starts"][0] - 1)
    return {"starts": old["starts"][:kept] + new["starts"], "values": old["values"][:kept] + new["values"]}


def seed_of(machine: str, signal: str) -> int:
    """The seed of the draws for a signal of a machine."""
    return crc32(f"{machine.lower()}|{signal}".encode())


def shown(timeline: Timeline | None, seed: int, minutes: range, kind: str = "max") -> list[float | None]:
    """The value of a signal in each of these minutes: its "max" or its "p95"; None is no data."""
    if timeline is None:
        return [None] * len(minutes)
    starts, values = timeline["starts"], timeline["values"]
    found: list[float | None] = []
    minute, place = minutes.start, bisect_right(starts, minutes.start) - 1
    while minute < minutes.stop:
        end = min(starts[place + 1], minutes.stop) if place + 1 < len(starts) else minutes.stop
        value = values[place] if place >= 0 else None
        if isinstance(value, dict):
            value = value[kind]
        if isinstance(value, list):
            low, width = value[0], value[1] - value[0]
            found += [low + width * chance for chance in _chances(seed, range(minute, end))]
        else:
            found += [value] * (end - minute)
        minute, place = end, place + 1
    return found


def signals_of(world: World, machine: Document) -> Mapping[str, dict[str, Timeline]]:
    """The timelines of a machine: those of Azure Monitor ("host") and those of the agent ("inside")."""
    return world.store.get(SIGNALS, machine["id"]) or QUIET


def ran(machine: Document, minutes: range) -> list[bool]:
    """Whether a machine ran, in each of these minutes."""
    spans = spans_of(machine)
    if len(spans) == 1 and spans[0][1] is None and spans[0][0] < (minutes.start + 1) * MINUTE:
        return [True] * len(minutes)
    return [
        any(begun < (minute + 1) * MINUTE and (over is None or over > minute * MINUTE) for begun, over in spans)
        for minute in minutes
    ]


def spans_of(machine: Document) -> list[list[Any]]:
    """The spans of time in which a machine ran; an end of None is now."""
    known: list[list[Any]] = machine.get("_ran", [[0, None]] if machine["_power"] == "running" else [])
    return known


def with_power(machine: Document, power: str, at: float) -> Document:
    """A machine with a changed power state: it records since when it runs, and when it ran."""
    spans = spans_of(machine)
    running = bool(spans) and spans[-1][1] is None
    if power == "running" and not running:
        spans = [*spans, [at, None]]
    elif power != "running" and running:
        spans = [*spans[:-1], [spans[-1][0], at]]
    return {**machine, "_power": power, "_ran": spans[-100:]}


def _chances(seed: int, minutes: range) -> Iterator[float]:
    """From 0 to 1, the same for the same minute in every run: the finisher of MurmurHash3 over seed and minute."""
    for minute in minutes:
        mixed = (seed ^ (minute * 0x9E3779B1)) & FOUR_BYTES
        mixed = ((mixed ^ (mixed >> 16)) * 0x85EBCA6B) & FOUR_BYTES
        mixed = ((mixed ^ (mixed >> 13)) * 0xC2B2AE35) & FOUR_BYTES
        yield (mixed ^ (mixed >> 16)) / FOUR_BYTES
