"""How soon a sweep stops machines and confirms it: 50 at once, and more than the burst limit."""

import time
from dataclasses import dataclass
from datetime import datetime

import httpx

from benchmarks.figures import Figure, Room, at_most
from benchmarks.fleet import listed
from local.sandbox import temporary_ground

SECONDS_PER_CALL = 0.05
FEW, MANY = 50, 250
PATIENCE = 400.0
# The promises, in seconds.
ORDERS_OUT, CONFIRMED = 1.0, 10.0
QUIET = {
    "cpu_percent": 1,
    "network_in_bytes_per_second": 200,
    "network_out_bytes_per_second": 200,
    "disk_read_bytes_per_second": 10,
    "disk_write_bytes_per_second": 100,
}
NOW = {"dormouse-idle": "lead=0m, grace=0m, window=5m"}


@dataclass(frozen=True, slots=True)
class Stopped:
    """One sweep: the seconds from the first stop request to the last, the longest confirmation, and the number of stops."""

    spread: float
    confirmed: float
    count: int


def measure() -> Room:
    """Two fleets of idle machines, each stopped by one sweep, in real time."""
    few, many = _stopped(FEW), _stopped(MANY)
    numbers = {
        f"orders_out_{FEW}_seconds": round(few.spread, 2),
        f"confirmed_{FEW}_seconds": round(few.confirmed, 1),
        f"confirmed_{MANY}_seconds": round(many.confirmed, 1),
    }
    milliseconds = f"{SECONDS_PER_CALL * 1000:.0f} ms a call"
    return Room(
        "stops",
        numbers,
        (
            at_most(f"from the first of {FEW} orders to the last, {milliseconds}", few.spread, ORDERS_OUT, " s"),
            at_most(f"from the end of a deallocation to its confirmation, {FEW} at once", few.confirmed, CONFIRMED, " s"),
            at_most(f"the same, {MANY} in one sweep", many.confirmed, CONFIRMED, " s"),
            Figure(f"stopped by one sweep, of {MANY}", str(many.count), str(MANY), kept=many.count == MANY),
        ),
    )


def _stopped(count: int) -> Stopped:
    with temporary_ground(speed=1.0, timers=False) as ground, ground.simulation() as azure, ground.client() as client:
        machine = {"id": "stops/idle", "repeat": count, "size": "Standard_D4s_v5", "tags": NOW, "host": QUIET}
        azure.post("/estate", json={"machines": [machine]}).raise_for_status()
        azure.post("/faults", json={"effect": "slow", "seconds": SECONDS_PER_CALL}).raise_for_status()
        _sweep(client, dry_run=True)  # opens every connection
        _sweep(client, dry_run=False)
        return _measured(azure, client)


def _sweep(client: httpx.Client, *, dry_run: bool) -> None:
    answer = client.post("/sweeps", json={"dry_run": dry_run}).raise_for_status()
    path, deadline = answer.headers["Location"], time.monotonic() + PATIENCE
    while client.get(path).json()["state"] == "running":
        if time.monotonic() > deadline:
            raise RuntimeError("the sweep does not end")
        time.sleep(0.1)


def _measured(azure: httpx.Client, client: httpx.Client) -> Stopped:
    ordered = {
        item["resource"].rpartition("/")[2].lower(): item
        for item in azure.get("/operations").json()["value"]
        if item["effect"] == "power changed"
    }
    ended = {operation["environment"].rpartition(":")[2]: operation for operation in listed(client, "/operations?limit=200")}
    begun = [item["begun"] for item in ordered.values()]
    waits = [datetime.fromisoformat(ended[name]["ended_at"]).timestamp() - ordered[name]["ends"] for name in ordered]
    succeeded = [name for name in ordered if ended[name]["outcome"] == "succeeded"]
    return Stopped(max(begun) - min(begun), max(waits), len(succeeded))
