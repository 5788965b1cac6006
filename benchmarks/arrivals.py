"""Arrivals: when heartbeats of large fleets come, by the answers of the control plane, and which seconds are billed."""

import heapq
import random
from collections.abc import Iterator

from dormouse.idle.heartbeats.agent_record import AgentRecord
from dormouse.idle.heartbeats.intervals import SWEEP_SECONDS, next_heartbeat
from dormouse.idle.heartbeats.slots import Slots
from dormouse.idle.tracking import TrackedMachine
from dormouse.lifecycle import State
from dormouse.resources.compute.machines import machine_id

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
SETTLED, SEEN = 3, 3  # sweeps: until slots have their length, and those that are looked at
ANSWERED = (0.05, 1.05)  # seconds from a heartbeat to its answer


def share_billed(machines: int, quick: int, fleet: int) -> float:
    """The share of time in which one instance is billed; `quick` machines report every minute. Fleets have other names."""
    begin, end = SETTLED * SWEEP_SECONDS, (SETTLED + SEEN) * SWEEP_SECONDS
    billed, until = 0.0, 0.0
    for moment in _moments(machines, quick, fleet, end):
        if moment >= begin:
            billed += moment + 1 - max(moment, until)  # at least a second, and nothing twice
            until = moment + 1
    return billed / (end - begin)


def _moments(machines: int, quick: int, fleet: int, end: float) -> Iterator[float]:
    """Every heartbeat up to a moment, in order."""
    dice, slots = random.Random(fleet), Slots()  # noqa: S311 - no secret
    soon = TrackedMachine("", 0.0, State.RUNNING, 0.0, due_soon=True)
    due = [(SWEEP_SECONDS * number / machines, number) for number in range(machines)]
    heapq.heapify(due)
    while due[0][0] < end:
        moment, number = due[0]
        yield moment
        key = machine_id(SUBSCRIPTION, f"fleet{fleet}", f"machine{number}").lower()
        record = AgentRecord(key, moment, booted_at=-86_400.0)
        pause = next_heartbeat(key, record, soon if number < quick else None, moment, SWEEP_SECONDS, slots)
        heapq.heapreplace(due, (moment + dice.uniform(*ANSWERED) + pause, number))
