"""A hundred minutes of the whole corpus with the timer on: what is stopped, when, and how soon quiet machines are found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from dormouse.clock import parse_moment
from tests.hazards.corpus import Hazard
from tests.hazards.fleet import Fleet, Name

SPEED, MINUTES = 80.0, 100
BUSY_FOR = 5
# Machines that work at first and become quiet at a known minute, each at another minute of the sweep's five.
GROUP, MANY = "becomes-quiet", 5
WINDOW, BETWEEN_SWEEPS, LAG = 30, 5, 3


@dataclass(slots=True)
class LongRun:
    """What was seen, in minutes: when machines were asleep, and how long quiet ones took to be found.

    How slow this computer was is seen, too: the longest time between two looks, and whether agents ever fell behind.
    """

    began: float
    asleep_after: dict[Name, float] = field(default_factory=dict)
    touched: set[Name] = field(default_factory=set)
    found_after: dict[Name, float] = field(default_factory=dict)
    lasted: float = 0.0
    slowest_look: float = 0.0
    were_behind: bool = False


def run(fleet: Fleet, hazards: Sequence[Hazard], enough: Event) -> LongRun:
    """Let the timer sweep over all of them for a hundred simulated minutes, or until it is enough."""
    # The delays of these are measured: their agents report before all others do.
    fleet.load([_becoming_quiet()])
    fleet.load(hazards)
    seen = LongRun(fleet.now())
    for hazard in hazards:
        for name, signals in hazard.later.items():
            fleet.change((hazard.name, name), signals)
    quiet_since: dict[Name, float] = {}
    while (passed := (fleet.now() - seen.began) / 60) < MINUTES and not enough.is_set():
        if passed > BUSY_FOR + len(quiet_since) and len(quiet_since) < MANY and fleet.now() % 60 < 30:
            node = (GROUP, f"node-{len(quiet_since)}")
            quiet_since[node] = fleet.now() // 60 * 60
            fleet.change(node, {"inside": {"gpu_percent": 0, "gpu_processes": 0}})
        _look(fleet, seen, quiet_since)
        fleet.pass_minutes(0.5)
        seen.slowest_look = max((fleet.now() - seen.began) / 60 - passed, seen.slowest_look)
    seen.touched = fleet.touched()
    seen.lasted = (fleet.now() - seen.began) / 60
    return seen


def _look(fleet: Fleet, seen: LongRun, quiet_since: dict[Name, float]) -> None:
    seen.were_behind |= fleet.behind() > 0
    for name, line in fleet.lines().items():
        if line["state"] == "stopped" and name not in seen.asleep_after:
            seen.asleep_after[name] = (fleet.now() - seen.began) / 60
        if line["verdict"] == "idle" and name in quiet_since and name not in seen.found_after:
            seen.found_after[name] = (parse_moment(line["since"]) - quiet_since[name]) / 60


def _becoming_quiet() -> Hazard:
    machines: list[dict[str, Any]] = [
        {"id": f"node-{number}", "quiet": True, "inside": {"gpu_percent": 90, "gpu_processes": 1}} for number in range(MANY)
    ]
    names = frozenset(machine["id"] for machine in machines)
    return Hazard(GROUP, "Work ends.", "", dict.fromkeys(names, "busy"), names, {}, "", {}, tuple(machines))
