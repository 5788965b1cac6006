"""What a sweep costs: seconds until every machine has its verdict, calls, memory, and how much of Azure's buckets."""

import contextlib
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.figures import Figure, Room, at_most
from benchmarks.fleet import Squad, copy_heartbeats, listed, muster
from local.azure.server import IDENTITY, MANAGEMENT, METRICS, SIMULATION, TABLES
from local.sandbox import Ground, temporary_ground

SPEED = 1.0  # a call takes as long as it would in earnest
SECONDS_PER_CALL = 0.3
PATIENCE = 240.0
HUNDRED, THOUSAND, MYRIAD = 100, 1_000, 10_000
LOOKS = 10
WARM_SWEEPS = {HUNDRED: 3, THOUSAND: 3, MYRIAD: 2}
STOPS = 50
# What is promised.
SECONDS = {THOUSAND: 5.0, MYRIAD: 30.0}
CALLS, SHARE = 127, 0.6
# MiB. "Memory flat" is taken to mean that the smallest instance of Functions is enough.
# https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#instance-sizes
SMALLEST_INSTANCE = 512
CALLS_OF_A_HEARTBEAT = 3  # what is known is read and written, and the machine's own row is read


@dataclass(slots=True)
class Found:
    """What was measured, by number of machines: the first sweep of a process, later ones, computing, the most memory."""

    cold: dict[int, float] = field(default_factory=dict)
    warm: dict[int, float] = field(default_factory=dict)
    cpu_seconds: dict[int, float] = field(default_factory=dict)
    start_mib: float = 0.0
    peak_mib: dict[int, float] = field(default_factory=dict)
    tokens: int = 0
    buckets: dict[str, float] = field(default_factory=dict)
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Stops:
    """A sweep that acted: how long it took, the calls to each service, and the heartbeats that came in."""

    took: float
    calls: dict[str, int]
    heartbeats: int


def measure() -> Room:
    """Dry runs over a fleet that grows from 100 machines to 10,000, and one sweep over 1,000 that stops 50 of them."""
    found = Found()
    few, more = Squad("fleet-a", HUNDRED), Squad("fleet-b", THOUSAND - HUNDRED)
    most = Squad("fleet-c", MYRIAD - THOUSAND, agents=False)
    with temporary_ground(speed=SPEED, timers=False) as ground, ground.simulation() as azure:
        muster(azure, few)
        _look(ground, azure, HUNDRED, found)
        muster(azure, more)
        _look(ground, azure, THOUSAND, found)
        muster(azure, most)
        copy_heartbeats(ground, azure, more, most)
        _look(ground, azure, MYRIAD, found)
    whole = Squad("fleet", THOUSAND)
    with temporary_ground(speed=SPEED, timers=False) as ground, ground.simulation() as azure:
        muster(azure, whole)
        stops = _act(ground, azure, whole.idle, found)
    return _room(found, stops)


def _room(found: Found, stops: Stops) -> Room:
    calls = stops.calls.get(MANAGEMENT, 0) + stops.calls.get(METRICS, 0)
    worst = max(found.buckets, key=lambda name: found.buckets[name])
    numbers = {
        f"calls_{THOUSAND}_{STOPS}_stops": calls,
        "seconds_to_verdicts": {str(machines): round(seconds, 2) for machines, seconds in found.warm.items()},
        "peak_mib": round(found.peak_mib[MYRIAD], 1),
        "worst_bucket_share": found.buckets[worst],
    }
    reports = CALLS_OF_A_HEARTBEAT * stops.heartbeats
    beside = {
        name.partition(".")[0]: n for name, n in stops.calls.items() if name not in (MANAGEMENT, METRICS, SIMULATION, TABLES)
    }
    figures = [
        *(_verdicts(machines, found) for machines in found.warm),
        *(Figure(f"the first sweep of a process, {n:,} machines", f"{found.cold[n]:.2f} s") for n in found.cold),
        *(Figure(f"computing of the host for it, {n:,} machines", f"{found.cpu_seconds[n]:.2f} s") for n in found.warm),
        *(_memory(machines, found) for machines in (THOUSAND, MYRIAD)),
        at_most(f"calls to manage and measure {THOUSAND:,} machines, {STOPS} stopped", calls, CALLS),
        Figure(
            "the same sweep, calls to tables",
            f"about {max(stops.calls.get(TABLES, 0) - reports, 0)}, and {reports} of agents",
        ),
        Figure("the same sweep, other calls", ", ".join(f"{name} {number}" for name, number in beside.items())),
        Figure("the same sweep, until all were seen deallocated", f"{stops.took:.0f} s"),
        Figure("tokens fetched by warm sweeps", str(found.tokens), "0 (they are kept)", kept=not found.tokens),
        at_most(f"worst share of a bucket ({worst})", found.buckets[worst], SHARE),
        at_most("requests refused because a bucket was empty", found.refused, 0),
    ]
    return Room("sweep", numbers, tuple(figures))


def _verdicts(machines: int, found: Found) -> Figure:
    name, seconds = f"verdicts on {machines:,} machines", found.warm[machines]
    return at_most(name, seconds, SECONDS[machines], " s") if machines in SECONDS else Figure(name, f"{seconds:.3g} s")


def _memory(machines: int, found: Found) -> Figure:
    name, peak = f"memory at most, {machines:,} machines ({found.start_mib:.0f} MiB at the start)", found.peak_mib[machines]
    return at_most(name, peak, SMALLEST_INSTANCE, " MiB") if machines == MYRIAD else Figure(name, f"{peak:.4g} MiB")


def _look(ground: Ground, azure: httpx.Client, machines: int, found: Found) -> None:
    """Dry runs of a host that has just started: the first finds nothing ready, the others do."""
    ground.host.kill()
    ground.host.start()
    found.start_mib = _effort(ground).now_mib
    with _slow(azure), ground.client() as client:
        found.cold[machines] = _dry_run(client, machines)
        azure.delete("/calls").raise_for_status()
        before = _effort(ground)
        took = [_dry_run(client, machines) for _ in range(WARM_SWEEPS[machines])]
        after = _effort(ground)
        found.warm[machines], found.peak_mib[machines] = statistics.median(took), after.peak_mib
        found.cpu_seconds[machines] = (after.cpu_seconds - before.cpu_seconds) / len(took)
        found.tokens += azure.get("/calls").json().get(IDENTITY, 0)
    _note_buckets(azure, found)


def _dry_run(client: httpx.Client, machines: int) -> float:
    took, tally = _swept(client, dry_run=True)
    if tally["machines"] != machines or tally["verdicts"].get("idle", 0) * 20 != machines:
        raise RuntimeError(f"of {machines} machines one in twenty is idle, and the sweep found {tally}")
    return took


def _note_buckets(azure: httpx.Client, found: Found) -> None:
    """Remember how much of each bucket was used up at worst."""
    told = azure.get("/buckets").json()
    found.refused += told["refused"]
    for bucket in told["value"]:
        found.buckets[bucket["name"]] = max(bucket["share_used"], found.buckets.get(bucket["name"], 0.0))


def _act(ground: Ground, azure: httpx.Client, idle: list[str], found: Found) -> Stops:
    # Agents go on reporting. Only they write what they have told: that counts them.
    reports = {"effect": "slow", "method": "PUT", "path": "/heartbeats(", "seconds": SECONDS_PER_CALL}
    with _slow(azure, reports), ground.client() as client:
        _dry_run(client, THOUSAND)
        azure.delete("/calls").raise_for_status()
        before = azure.get("/faults").json()["value"][0]["spoilt"]
        took, _ = _swept(client, dry_run=False)
        calls = azure.get("/calls").json()
        heartbeats = azure.get("/faults").json()["value"][0]["spoilt"] - before
    _note_buckets(azure, found)
    changed = [
        item["resource"].lower() for item in azure.get("/operations").json()["value"] if item["effect"] == "power changed"
    ]
    if sorted(changed) != sorted(idle) or len(changed) != STOPS:
        raise RuntimeError(f"{STOPS} idle machines should have been stopped, and {len(changed)} were changed")
    asleep: set[str] = set()
    with ground.client() as client:
        for _ in range(LOOKS):  # Resource Graph shows changes some seconds later
            _swept(client, dry_run=True)
            asleep = {line["id"].lower() for line in listed(client, "/machines?limit=100") if line["state"] == "stopped"}
            if asleep == set(idle):
                break
    if asleep != set(idle):
        raise RuntimeError(f"{len(asleep)} machines are deallocated in the end, and not the {STOPS} idle ones")
    return Stops(took, calls, heartbeats)


def _swept(client: httpx.Client, *, dry_run: bool) -> tuple[float, dict[str, Any]]:
    """Real seconds from the question to the end of a sweep, and its tally."""
    begun = time.perf_counter()
    answer = client.post("/sweeps", json={"dry_run": dry_run})
    answer.raise_for_status()
    path = answer.headers["Location"]
    while True:
        view = client.get(path).json()
        took = time.perf_counter() - begun
        if view["state"] == "ended":
            tally: dict[str, Any] = view["summary"]
            return took, tally
        if view["state"] != "running" or took > PATIENCE:
            raise RuntimeError(f"the sweep does not end: {view}")
        time.sleep(0.05)


@contextlib.contextmanager
def _slow(azure: httpx.Client, *first: dict[str, Any]) -> Iterator[None]:
    """Every call to Azure takes as long as one over a network does, as long as this lasts."""
    for fault in (*first, {"effect": "slow", "seconds": SECONDS_PER_CALL}):
        azure.post("/faults", json=fault).raise_for_status()
    try:
        yield
    finally:
        azure.delete("/faults").raise_for_status()


@dataclass(frozen=True, slots=True)
class Effort:
    """What the host's process has taken so far, as Linux tells it."""

    cpu_seconds: float
    now_mib: float
    peak_mib: float


def _effort(ground: Ground) -> Effort:
    process = ground.host.running
    assert process is not None
    place = Path("/proc", str(process.pid))
    user, system = (place / "stat").read_text().rpartition(")")[2].split()[11:13]
    told = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
    now, peak = (int(told[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return Effort((int(user) + int(system)) / os.sysconf("SC_CLK_TCK"), now, peak)
