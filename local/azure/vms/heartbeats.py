"""An agent's memory, and the heartbeat made of its unreported minutes."""

import json
import uuid
from bisect import bisect_right
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from typing import Any

from local.azure.core.store import Document
from local.azure.core.world import AGENTS, World
from local.azure.vms import timelines
from local.azure.vms.agent_process import begun, gpu_of
from local.azure.vms.timelines import MINUTE, OF_GPU, Timeline

VERSION, AGENT_VERSION = 1, "1.0"
MOST_MINUTES = 360
LARGEST_HEARTBEAT = 256 * 1024
AROUND_MINUTES = ',"minutes":[]'
BROKEN = "nvidia-smi: command not found"
MOST_HOLDS, LONGEST_NAME = 20, 64


@dataclass(slots=True)
class Memory:
    """The memory of one agent: its process, and which minutes it has reported."""

    boot: str
    begun: float
    first: int
    told: int
    status: int | None = None
    hold: dict[str, Any] | None = None
    warnings: list[dict[str, Any]] = field(default_factory=list)
    to_report: list[str] = field(default_factory=list)

    @property
    def document(self) -> Document:
        """The stored form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One heartbeat: its body ("" if there is nothing to report), its last minute, and the last finished minute."""

    body: bytes
    until: int
    over: int
    reported: list[str]


def memory_of(world: World, machine: Document) -> Memory:
    """The memory of a machine's agent; after a restart of the agent or the machine, only the warnings."""
    kept, since = world.store.get(AGENTS, machine["id"]), begun(machine)
    if kept is not None and kept["begun"] == since:
        return Memory(**kept)
    first = int(-(-since // MINUTE))
    warnings = kept["warnings"] if kept else []
    boot = uuid.UUID(world.guid("boot", machine["id"], str(since))).hex
    return Memory(boot, since, first, first - 1, warnings=warnings)


def heartbeat(world: World, machine: Document, memory: Memory) -> Heartbeat:
    """The heartbeat of an agent now: the finished, unreported minutes, oldest first, as many as fit."""
    now = world.seconds()
    over = int(now // MINUTE) - 1
    unreported = range(max(memory.told + 1, memory.first, over + 1 - MOST_MINUTES), over + 1)
    minutes = _minutes(world, machine, memory, unreported, now)
    if not minutes:
        return Heartbeat(b"", over, over, [])
    about = _about(machine, memory, now)
    sizes = list(accumulate((len(text) + 1 for _, text in minutes), initial=len(about) + len(AROUND_MINUTES)))
    fitting = bisect_right(sizes, LARGEST_HEARTBEAT) - 1
    until = over if fitting == len(minutes) else minutes[fitting - 1][0]
    texts = ",".join(text for _, text in minutes[:fitting])
    return Heartbeat(f'{about[:-1]},"minutes":[{texts}]}}'.encode(), until, over, list(memory.to_report))


def has_reader(world: World, machine: Document) -> bool:
    """Whether a session on the machine has a terminal on which a warning can be read."""
    inside, minute = timelines.signals_of(world, machine)["inside"], int(world.seconds() // MINUTE)
    sessions, without_terminal = (
        timelines.shown(inside.get(name), timelines.seed_of(machine["id"], name), range(minute, minute + 1))[0]
        for name in ("logins", "sessions_opaque")
    )
    return (sessions or 0) - (without_terminal or 0) >= 1


def holds_of(machine: Document, now: float) -> list[dict[str, Any]]:
    """The active holds made on a machine."""
    return [
        {"by": hold["by"], "reason": hold["reason"], "until_in_seconds": round(hold["until"] - now, 1)}
        for hold in (machine.get("_guest") or {}).get("holds", [])
        if hold["until"] > now
    ]


def _about(machine: Document, memory: Memory, now: float) -> str:
    gpu, problems = gpu_of(machine), machine["_guest"].get("problems", {})
    broken = problems.get("gpu_percent", BROKEN) if gpu == "broken" else ""
    said = {
        "version": VERSION,
        "machine": machine["id"],
        "agent": AGENT_VERSION,
        "boot": memory.boot,
        "uptime_seconds": round(now - float(machine["_guest"].get("up", memory.begun)), 1),
        "gpu": gpu,
        "gpu_problem": broken,
        "problems": {**(dict.fromkeys(sorted(OF_GPU), broken) if broken else {}), **problems},
        "holds": _longest_lasting(holds_of(machine, now)),
        "shown": memory.to_report,
    }
    return json.dumps(said)


def _longest_lasting(holds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One hold per user, and at most as many as a heartbeat may have: the longest."""
    of_each: dict[str, dict[str, Any]] = {}
    for hold in sorted(holds, key=lambda hold: float(hold["until_in_seconds"]), reverse=True):
        of_each.setdefault(hold["by"][:LONGEST_NAME], {**hold, "by": hold["by"][:LONGEST_NAME]})
    return sorted(list(of_each.values())[:MOST_HOLDS], key=lambda hold: str(hold["by"]))


def _minutes(world: World, machine: Document, memory: Memory, minutes: range, now: float) -> list[tuple[int, str]]:
    """Each minute that can be reported, as text, because a fleet with a backlog of hours is slow otherwise."""
    blind = gpu_of(machine) != "ok"
    seen = [
        _seen(name, timeline, timelines.seed_of(machine["id"], name), minutes)
        for name, timeline in timelines.signals_of(world, machine)["inside"].items()
        if not (blind and name in OF_GPU)
    ]
    reportable = []
    for minute, running, *texts in zip(minutes, timelines.ran(machine, minutes), *seen, strict=True):
        signals = ",".join([text for text in texts if text]) if running else ""
        if signals:  # a minute without data is omitted
            age = round(now - (minute + 1) * MINUTE, 1)
            text = f'{{"sequence":{minute - memory.first},"age_seconds":{age},"signals":{{{signals}}}}}'
            reportable.append((minute, text))
    return reportable


def _seen(name: str, timeline: Timeline, seed: int, minutes: range) -> list[str]:
    """The values of a signal in each of these minutes, as text; "" is missing."""
    peaks = timelines.shown(timeline, seed, minutes)
    if any(isinstance(value, dict) for value in timeline["values"]):
        pairs = zip(peaks, timelines.shown(timeline, seed, minutes, "p95"), strict=True)
    else:
        pairs = zip(peaks, peaks, strict=True)
    known: dict[Any, str] = {(None, None): ""}
    for pair in (listed := list(pairs)):
        if pair not in known:
            peak, most = pair
            known[pair] = f'"{name}":{{"max":{round(peak or 0, 3)},"p95":{round(most or 0, 3)}}}'
    return [known[pair] for pair in listed]
