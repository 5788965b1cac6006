"""What a sweep costs: seconds until every machine has its verdict, calls, memory, and how much of Azure's buckets."""

import contextlib
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.figures import Figure, Room, at_most
from benchmarks.fleet import Squad, copy_heartbeats, muster
from local.azure.server import IDENTITY, MANAGEMENT, METRICS, SIMULATION, TABLES
from local.ground import Ground, temporary_ground

SPEED = 1.0  # a call takes as long as it would in earnest
SECONDS_PER_CALL = 0.3
PATIENCE = 240.0
HUNDRED, THOUSAND, MYRIAD = 100, 1_000, 10_000
WARM_SWEEPS = {HUNDRED: 3, THOUSAND: 3, MYRIAD: 2}
STOPS = 50
# What is promised.
SECONDS = {THOUSAND: 5.0, MYRIAD: 30.0}
CALLS, SHARE = 127, 0.6
FLAT = 1.5  # ten times the machines take at most so many times the memory
CALLS_OF_A_HEARTBEAT = 3  # what is known is read and written, and the machine's own row is read


@dataclass(slots=True)
class Found:
    """What was measured, by the number of machines: seconds of the first sweep of a process and of later ones, and peaks."""

    cold: dict[int, float] = field(default_factory=dict)
    warm: dict[int, float] = field(default_factory=dict)
    before_mib: dict[int, float] = field(default_factory=dict)
    peak_mib: dict[int, float] = field(default_factory=dict)
    calls: dict[int, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stops:
    """A sweep that acted: how long it took, the calls to each service, and heartbeats that arrived meanwhile."""

    took: float
    calls: dict[str, int]
    heartbeats: int


def measure() -> Room:
    """Dry runs over a fleet that grows from 100 machines to 10,000, and at 1,000 one sweep that stops 50 of them."""
    found = Found()
    few, more = Squad("fleet-a", HUNDRED), Squad("fleet-b", THOUSAND - HUNDRED)
    most = Squad("fleet-c", MYRIAD - THOUSAND, agents=False)
    with temporary_ground(speed=SPEED, timers=False) as ground, ground.simulation() as azure:
        azure.delete("/buckets").raise_for_status()
        muster(azure, few)
        _look(ground, azure, HUNDRED, len(few.idle), found)
        muster(azure, more)
        to_stop = [*few.idle, *more.idle]
        _look(ground, azure, THOUSAND, len(to_stop), found)
        stops = _act(ground, azure, to_stop)
        for machine in to_stop:  # so many run again; of these nobody knows enough yet to call them idle
            azure.post("/machines/start", json={"id": machine}).raise_for_status()
        muster(azure, most)
        copy_heartbeats(ground, azure, more, most)
        _look(ground, azure, MYRIAD, len(most.idle), found)
        buckets = azure.get("/buckets").json()
    return _room(found, stops, buckets)


def _room(found: Found, stops: Stops, buckets: dict[str, Any]) -> Room:
    calls = stops.calls.get(MANAGEMENT, 0) + stops.calls.get(METRICS, 0)
    worst = max(buckets["value"], key=lambda bucket: float(bucket["share_used"]))
    numbers = {
        f"calls_{THOUSAND}_{STOPS}_stops": calls,
        "seconds_to_verdicts": {str(machines): round(seconds, 2) for machines, seconds in found.warm.items()},
        "peak_mib": round(found.peak_mib[MYRIAD], 1),
        "worst_bucket_share": worst["share_used"],
    }
    reports = CALLS_OF_A_HEARTBEAT * stops.heartbeats
    beside = {
        name.partition(".")[0]: n for name, n in stops.calls.items() if name not in (MANAGEMENT, METRICS, SIMULATION, TABLES)
    }
    figures = [
        *(_verdicts(machines, found) for machines in found.warm),
        *(Figure(f"the first sweep of a process, {n:,} machines", f"{found.cold[n]:.2f} s") for n in found.cold),
        *(_memory(machines, found) for machines in (THOUSAND, MYRIAD)),
        at_most(f"calls to manage and measure {THOUSAND:,} machines, {STOPS} stopped", calls, CALLS),
        Figure(
            "the same sweep, calls to tables",
            f"about {max(stops.calls.get(TABLES, 0) - reports, 0)}, and {reports} of agents",
        ),
        Figure("the same sweep, other calls", ", ".join(f"{name} {number}" for name, number in beside.items())),
        Figure("the same sweep, until all were seen deallocated", f"{stops.took:.0f} s"),
        Figure("tokens fetched by warm sweeps", str(sum(calls.get(IDENTITY, 0) for calls in found.calls.values())), "0"),
        at_most(f"worst share of a bucket ({worst['name']})", worst["share_used"], SHARE),
        at_most("requests refused because a bucket was empty", buckets["refused"], 0),
    ]
    return Room("sweep", numbers, tuple(figures))


def _verdicts(machines: int, found: Found) -> Figure:
    name, seconds = f"verdicts on {machines:,} machines", found.warm[machines]
    return at_most(name, seconds, SECONDS[machines], " s") if machines in SECONDS else Figure(name, f"{seconds:.3g} s")


def _memory(machines: int, found: Found) -> Figure:
    before, peak = found.before_mib[machines], found.peak_mib[machines]
    if machines == THOUSAND:
        return Figure(f"memory with {machines:,} machines", f"{before:.0f}, at most {peak:.0f} MiB")
    limit = FLAT * found.peak_mib[THOUSAND]
    return Figure(
        f"memory with {machines:,} machines",
        f"{before:.0f}, at most {peak:.0f} MiB",
        f"≤ {limit:.0f} MiB (flat)",
        peak <= limit,
    )


def _look(ground: Ground, azure: httpx.Client, machines: int, idle: int, found: Found) -> None:
    """Dry runs of a host that has just started: the first finds nothing ready, the others do."""
    ground.host.kill()
    ground.host.start()
    with _slow(azure), ground.client() as client:
        found.cold[machines] = _dry_run(client, machines, idle)
        memory = Memory(ground)
        found.before_mib[machines] = memory.now
        azure.delete("/calls").raise_for_status()
        took = [_dry_run(client, machines, idle) for _ in range(WARM_SWEEPS[machines])]
        found.warm[machines], found.peak_mib[machines] = statistics.median(took), memory.peak
        found.calls[machines] = azure.get("/calls").json()


def _dry_run(client: httpx.Client, machines: int, idle: int) -> float:
    took, tally = _swept(client, dry_run=True)
    if (tally["machines"], tally["verdicts"].get("idle", 0)) != (machines, idle):
        raise RuntimeError(f"of {machines} machines {idle} are idle, and the sweep found {tally}")
    return took


def _act(ground: Ground, azure: httpx.Client, idle: list[str]) -> Stops:
    # Agents go on reporting. Only they write what they have told: that counts them.
    reports = {"effect": "slow", "method": "PUT", "path": "/heartbeats(", "seconds": SECONDS_PER_CALL}
    with _slow(azure, reports), ground.client() as client:
        azure.delete("/calls").raise_for_status()
        took, _ = _swept(client, dry_run=False)
        calls = azure.get("/calls").json()
        heartbeats = azure.get("/faults").json()["value"][0]["spoilt"]
    changed = [
        item["resource"].lower() for item in azure.get("/operations").json()["value"] if item["effect"] == "power changed"
    ]
    if sorted(changed) != sorted(idle) or len(changed) != STOPS:
        raise RuntimeError(f"{STOPS} idle machines should have been stopped, and {len(changed)} were changed")
    with ground.client() as client:
        _swept(client, dry_run=True)
        asleep = {line["id"].lower() for line in _machines(client) if line["state"] == "stopped"}
    if asleep != set(idle):
        raise RuntimeError(f"{len(asleep)} machines are deallocated in the end, and not the {STOPS} idle ones")
    return Stops(took, calls, heartbeats)


def _machines(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path: str | None = "/machines?limit=100"
    while path:
        answer = client.get(path.removeprefix("/api")).json()
        found += answer["value"]
        path = answer["next"]
    return found


def _swept(client: httpx.Client, *, dry_run: bool) -> tuple[float, dict[str, Any]]:
    """Real seconds from the question to the end of a sweep, and its tally."""
    begun = time.perf_counter()
    answer = client.post("/sweeps", json={"dry_run": dry_run})
    answer.raise_for_status()
    path = answer.headers["Location"].removeprefix("/api")
    while True:
        view = client.get(path).json()
        took = time.perf_counter() - begun
        if view["state"] == "ended":
            tally: dict[str, Any] = view["tally"]
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


class Memory:
    """The memory of the host's process from now on, in MiB, as Linux tells it."""

    def __init__(self, ground: Ground) -> None:
        """Forget how high it was before."""
        process = ground.host.running
        assert process is not None
        self._place = Path("/proc", str(process.pid))
        (self._place / "clear_refs").write_text("5")

    @property
    def now(self) -> float:
        """What it takes up."""
        return self._told("VmRSS")

    @property
    def peak(self) -> float:
        """The most it has taken up."""
        return self._told("VmHWM")

    def _told(self, name: str) -> float:
        lines = (line.split() for line in (self._place / "status").read_text().splitlines())
        return next(int(line[1]) / 1024 for line in lines if line[0] == f"{name}:")
