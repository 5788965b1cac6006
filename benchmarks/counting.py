"""Counting: what a small fleet makes the control plane do, per heartbeat and per sweep, over some simulated minutes."""

import contextlib
import itertools
import json
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.fleet import GPU, QUIET, QUIET_HOST, TRAINING, wait_for_agents
from benchmarks.sweep import effort
from local.azure.server import TABLES
from local.clock import Clock
from local.host.durable.events import EventType
from local.host.functions.executions import FILE
from local.sandbox import Ground, temporary_ground

SPEED = 20.0
BUSY, IDLE = 18, 2  # the idle ones are warned all the time, and report every minute
SWEEP, BEFORE, OVER = 300, 5, 120  # seconds: between sweeps, before one, and after one, when only heartbeats follow
HEARTBEAT = "receive_heartbeat"
# What the Durable Task Scheduler bills as actions: messages to the app.
# https://learn.microsoft.com/azure/azure-functions/durable/durable-task-scheduler/durable-task-scheduler-billing
ACTIONS = tuple(
    int(kind)
    for kind in (
        EventType.EXECUTION_STARTED,
        EventType.TASK_SCHEDULED,
        EventType.TASK_COMPLETED,
        EventType.TASK_FAILED,
        EventType.SUB_ORCHESTRATION_COMPLETED,
        EventType.SUB_ORCHESTRATION_FAILED,
        EventType.TIMER_FIRED,
        EventType.EVENT_RAISED,
    )
)
ESTATE = {
    "machines": [
        {
            "id": "bill/busy",
            "repeat": BUSY,
            "size": GPU,
            "tags": {"dormouse-idle": "on"},
            "agent": True,
            "host": QUIET_HOST,
            "inside": TRAINING,
        },
        {
            "id": "bill/idle",
            "repeat": IDLE,
            "size": GPU,
            "tags": {"dormouse-idle": "window=30m, grace=0m, lead=12h"},
            "agent": True,
            "host": QUIET_HOST,
            "inside": QUIET | {"logins": 0},
        },
    ]
}


@dataclass(frozen=True, slots=True)
class Moment:
    """The counters at a moment: calls of tables, durable actions, CPU seconds of the host."""

    table_calls: int
    actions: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """What happened between two moments; executions are lines of `local/host/functions/executions.py`."""

    executions: Sequence[dict[str, Any]]
    table_calls: int
    actions: int
    cpu_seconds: float

    @property
    def heartbeats(self) -> int:
        """How many heartbeats were answered."""
        return sum(one["function"] == HEARTBEAT for one in self.executions)

    @property
    def others(self) -> int:
        """How many other executions there were."""
        return len(self.executions) - self.heartbeats


@dataclass(slots=True)
class Counted:
    """A run: its stretches of sweeps, and those of nothing but heartbeats."""

    swept: list[Stretch] = field(default_factory=list)
    calm: list[Stretch] = field(default_factory=list)


def count(heartbeat_seconds: int, sweeps: int) -> Counted:
    """Let a fleet run for some sweeps with an interval; raises RuntimeError if the idle machines are not warned of."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "executions")
        settings = {"HEARTBEAT_SECONDS": str(heartbeat_seconds), FILE: str(path)}
        with temporary_ground(speed=SPEED, settings=settings) as ground, ground.simulation() as azure:
            azure.post("/estate", json=ESTATE, timeout=60).raise_for_status()
            wait_for_agents(azure)
            begin = _wait_until_warned(ground)
            return _counted(ground, azure, path, [begin + SWEEP * number for number in range(sweeps + 1)])


def _wait_until_warned(ground: Ground) -> float:
    """Wait until the idle machines are warned; returns the beginning of the sweep to count from."""
    deadline = time.monotonic() + 120
    with ground.client() as client:
        while True:
            rows = client.get("/machines").raise_for_status().json()["value"]
            if sum((row["next_action_text"] or "").startswith("A warning was sent") for row in rows) == IDLE:
                return (ground.clock.seconds() // SWEEP + 2) * SWEEP
            if time.monotonic() > deadline:
                seen = [(row["reason"], row["next_action_text"]) for row in rows if row["name"].startswith("idle")]
                raise RuntimeError(f"{IDLE} machines should have been warned of: {seen}")
            time.sleep(0.5)


def _counted(ground: Ground, azure: httpx.Client, path: Path, sweeps: Sequence[float]) -> Counted:
    counted, moments = Counted(), []
    marks = [sweep + part for sweep in sweeps for part in (-BEFORE, OVER)][:-1]
    for mark in marks:
        time.sleep(max(mark - ground.clock.seconds(), 0.0) / SPEED)
        moments.append((mark, _now(ground, azure)))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["at"] = _simulated(ground.clock, line["began"])
    for number, ((mark, before), (until, after)) in enumerate(itertools.pairwise(moments)):
        inside = [line for line in lines if mark <= line["at"] < until]
        stretch = Stretch(
            inside,
            after.table_calls - before.table_calls,
            after.actions - before.actions,
            after.cpu_seconds - before.cpu_seconds,
        )
        (counted.calm if number % 2 else counted.swept).append(stretch)
    return counted


def _simulated(clock: Clock, real: float) -> float:
    return clock.origin + (real - clock.origin) * clock.speed


def _now(ground: Ground, azure: httpx.Client) -> Moment:
    calls = azure.get("/calls").json().get(TABLES, 0)
    with contextlib.closing(sqlite3.connect(f"file:{ground.home / 'host' / 'host.sqlite'}?mode=ro", uri=True)) as store:
        kinds = ", ".join(map(str, ACTIONS))
        query = f"SELECT count(*) FROM history WHERE json_extract(event, '$.EventType') IN ({kinds})"  # noqa: S608 - numbers
        (actions,) = store.execute(query).fetchone()
    return Moment(calls, actions, effort(ground).cpu_seconds)
