"""The costs of a sweep: seconds until every machine has its verdict, requests, memory, and use of Azure's token buckets."""

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
from benchmarks.fleet import Squad, copy_heartbeats, create, listed
from local.azure.server import IDENTITY, MANAGEMENT, METRICS, SIMULATION, TABLES
from local.sandbox import Ground, temporary_ground

SPEED = 1.0  # requests take as long as in real time
SECONDS_PER_CALL = 0.3
PATIENCE = 600.0
HUNDRED, THOUSAND, MYRIAD, MOST = 100, 1_000, 10_000, 50_000
LOOKS = 10
WARM_SWEEPS = {HUNDRED: 3, THOUSAND: 3, MYRIAD: 2, MOST: 2}
STOPS = 50
# The promises.
SECONDS = {THOUSAND: 5.0, MYRIAD: 15.0, MOST: 75.0}
CALLS, SHARE = 127, 0.6
# MiB. We take "flat memory" to mean that the smallest instance of Functions is enough.
# https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#instance-sizes
SMALLEST_INSTANCE = 512
CALLS_OF_A_HEARTBEAT = 3  # each machine's record is read and written, and its own row is read


@dataclass(slots=True)
class Found:
    """Measurements by number of machines: the first sweep of a process, later ones, CPU time, peak memory."""

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
    """A sweep that acted: its duration, the requests to each service, and the heartbeats received."""

    took: float
    calls: dict[str, int]
    heartbeats: int


def measure() -> Room:
    """Dry runs over a fleet that grows from 100 machines to 10,000, and one sweep over 1,000 that stops 50 of them.

    With SIZES=50000 in the environment, also dry runs over 50,000 machines, in a simulated Azure of their own.
    """
    found = Found()
    few, more = Squad("fleet-a", HUNDRED), Squad("fleet-b", THOUSAND - HUNDRED)
    most = Squad("fleet-c", MYRIAD - THOUSAND, agents=False)
    with temporary_ground(speed=SPEED, timers=False) as ground, ground.simulation() as azure:
        create(azure, few)
        _dry_runs(ground, azure, HUNDRED, found)
        create(azure, more)
        _dry_runs(ground, azure, THOUSAND, found)
        create(azure, most)
        copy_heartbeats(ground, azure, more, most)
        _dry_runs(ground, azure, MYRIAD, found)
    if str(MOST) in os.environ.get("SIZES", ""):
        _largest(found)
    whole = Squad("fleet", THOUSAND)
    with temporary_ground(speed=SPEED, timers=False) as ground, ground.simulation() as azure:
        create(azure, whole)
        stops = _act(ground, azure, whole.idle, found)
    return _room(found, stops)


def _largest(found: Found) -> None:
    few, rest = Squad("fleet-b", THOUSAND), Squad("fleet-c", MOST - THOUSAND, agents=False)
    settings = {"HEARTBEAT_SECONDS": "300"}  # as in Azure, where other instances take heartbeats
    with temporary_ground(speed=SPEED, timers=False, settings=settings) as ground, ground.simulation() as azure:
        create(azure, few)
        create(azure, rest)
        copy_heartbeats(ground, azure, few, rest)
        _dry_runs(ground, azure, MOST, found)


def _room(found: Found, stops: Stops) -> Room:
    calls = stops.calls.get(MANAGEMENT, 0) + stops.calls.get(METRICS, 0)
    worst = max(found.buckets, key=lambda name: found.buckets[name])
    numbers = {
        f"calls_{THOUSAND}_{STOPS}_stops": calls,
        "seconds_to_verdicts": {str(machines): round(seconds, 2) for machines, seconds in found.warm.items()},
        "peak_mib": round(max(found.peak_mib.values()), 1),
        "worst_bucket_share": found.buckets[worst],
    }
    reports = CALLS_OF_A_HEARTBEAT * stops.heartbeats
    beside = {
        name.partition(".")[0]: n for name, n in stops.calls.items() if name not in (MANAGEMENT, METRICS, SIMULATION, TABLES)
    }
    figures = [
        *(_verdicts(machines, found) for machines in found.warm),
        *(Figure(f"the first sweep of a process, {n:,} machines", f"{found.cold[n]:.2f} s") for n in found.cold),
        *(Figure(f"CPU time of the host for it, {n:,} machines", f"{found.cpu_seconds[n]:.2f} s") for n in found.warm),
        *(_memory(machines, found) for machines in found.peak_mib if machines >= THOUSAND),
        at_most(f"calls to manage and measure {THOUSAND:,} machines, {STOPS} stopped", calls, CALLS),
        Figure(
            "the same sweep, calls to tables",
            f"about {max(stops.calls.get(TABLES, 0) - reports, 0)}, and {reports} of agents",
        ),
        Figure("the same sweep, other calls", ", ".join(f"{name} {number}" for name, number in beside.items())),
        Figure("the same sweep, until all were confirmed as deallocated", f"{stops.took:.0f} s"),
        Figure("tokens fetched by warm sweeps", str(found.tokens), "0 (they are kept)", kept=not found.tokens),
        at_most(f"worst share of a bucket ({worst})", found.buckets[worst], SHARE),
        at_most("requests refused because a bucket was empty", found.refused, 0),
    ]
    return Room("sweep", numbers, tuple(figures))


def _verdicts(machines: int, found: Found) -> Figure:
    name, seconds = f"verdicts on {machines:,} machines", found.warm[machines]
    return at_most(name, seconds, SECONDS[machines], " s") if machines in SECONDS else Figure(name, f"{seconds:.3g} s")


def _memory(machines: int, found: Found) -> Figure:
    name, peak = f"peak memory, {machines:,} machines ({found.start_mib:.0f} MiB at the start)", found.peak_mib[machines]
    return at_most(name, peak, SMALLEST_INSTANCE, " MiB") if machines >= MYRIAD else Figure(name, f"{peak:.4g} MiB")


def _dry_runs(ground: Ground, azure: httpx.Client, machines: int, found: Found) -> None:
    """Dry runs of a freshly started host: the first one creates clients and tokens, the others reuse them."""
    ground.host.kill()
    ground.host.start()
    found.start_mib = effort(ground).now_mib
    with slow(azure), ground.client() as client:
        found.cold[machines] = _dry_run(client, machines)
        azure.delete("/calls").raise_for_status()
        before = effort(ground)
        took = [_dry_run(client, machines) for _ in range(WARM_SWEEPS[machines])]
        after = effort(ground)
        found.warm[machines], found.peak_mib[machines] = statistics.median(took), after.peak_mib
        found.cpu_seconds[machines] = (after.cpu_seconds - before.cpu_seconds) / len(took)
        found.tokens += azure.get("/calls").json().get(IDENTITY, 0)
    _note_buckets(azure, found)


def _dry_run(client: httpx.Client, machines: int) -> float:
    took, tally = swept(client, dry_run=True)
    if tally["machines"] != machines or tally["verdicts"].get("idle", 0) * 20 != machines:
        raise RuntimeError(f"of {machines} machines one in twenty is idle, and the sweep found {tally}")
    return took


def _note_buckets(azure: httpx.Client, found: Found) -> None:
    """Record the highest use of each bucket."""
    told = azure.get("/buckets").json()
    found.refused += told["refused"]
    for bucket in told["value"]:
        found.buckets[bucket["name"]] = max(bucket["share_used"], found.buckets.get(bucket["name"], 0.0))


def _act(ground: Ground, azure: httpx.Client, idle: list[str], found: Found) -> Stops:
    # Agents continue to report. Only they write heartbeats: that counts them.
    reports = {"effect": "slow", "method": "PUT", "path": "/heartbeats(", "seconds": SECONDS_PER_CALL}
    with slow(azure, reports), ground.client() as client:
        _dry_run(client, THOUSAND)
        azure.delete("/calls").raise_for_status()
        before = azure.get("/faults").json()["value"][0]["spoilt"]
        took, _ = swept(client, dry_run=False)
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
            swept(client, dry_run=True)
            asleep = {line["id"].lower() for line in listed(client, "/machines?limit=100") if line["state"] == "stopped"}
            if asleep == set(idle):
                break
    if asleep != set(idle):
        raise RuntimeError(f"{len(asleep)} machines are deallocated in the end, and not the {STOPS} idle ones")
    return Stops(took, calls, heartbeats)


def swept(client: httpx.Client, *, dry_run: bool, patience: float = PATIENCE) -> tuple[float, dict[str, Any]]:
    """Real seconds from the request to the end of a sweep, and its summary."""
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
        if view["state"] != "running" or took > patience:
            raise RuntimeError(f"the sweep does not end: {view}")
        time.sleep(min(0.05 + took / 50, 1.0))  # as often as a person who waits looks, or the CLI


@contextlib.contextmanager
def slow(azure: httpx.Client, *first: dict[str, Any]) -> Iterator[None]:
    """Delay every request to Azure by a network's latency while this is active."""
    for fault in (*first, {"effect": "slow", "seconds": SECONDS_PER_CALL}):
        azure.post("/faults", json=fault).raise_for_status()
    try:
        yield
    finally:
        azure.delete("/faults").raise_for_status()


@dataclass(frozen=True, slots=True)
class Effort:
    """The resources that the host's process has used so far, as reported by Linux."""

    cpu_seconds: float
    now_mib: float
    peak_mib: float


def effort(ground: Ground) -> Effort:
    """The resources that the host of a sandbox has used so far."""
    process = ground.host.running
    assert process is not None
    place = Path("/proc", str(process.pid))
    user, system = (place / "stat").read_text().rpartition(")")[2].split()[11:13]
    told = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
    now, peak = (int(told[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return Effort((int(user) + int(system)) / os.sysconf("SC_CLK_TCK"), now, peak)
