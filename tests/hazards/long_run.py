"""A hundred minutes of the whole corpus with the timer on: what is stopped, when, and how soon quiet machines are found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dormouse.clock import parse_moment
from tests.hazards.corpus import Hazard
from tests.hazards.fleet import Fleet, Name

# Simulated seconds in a real one: the fastest that the computer can follow is used. At the first, host and simulation take
# half a core, so that two cores can follow while they run other tests; an attempt that cannot is lost.
SPEEDS, MINUTES = (40.0, 15.0), 100
# More minutes than these between two checks mean that hosts and agents get too little of the computer.
SLOWEST_LOOK = 3.0
BUSY_FOR = 5
# Machines that become quiet at a known minute, each at another minute of the five-minute sweep interval.
GROUP, MANY = "becomes-quiet", 5
WINDOW, BETWEEN_SWEEPS, LAG = 30, 5, 3


@dataclass(slots=True)
class LongRun:
    """The observations, in minutes: when machines were stopped, and how long quiet ones took to be found.

    Also how slow this computer was: the longest time between two checks, and whether agents ever fell behind.
    """

    began: float
    asleep_after: dict[Name, float] = field(default_factory=dict)
    touched: set[Name] = field(default_factory=set)
    found_after: dict[Name, float] = field(default_factory=dict)
    lasted: float = 0.0
    slowest_look: float = 0.0
    were_behind: bool = False

    @property
    def latest(self) -> float:
        """The minutes after which a quiet machine must have been found."""
        # A second of this computer is more than a simulated minute: its delays are not the sweep's.
        slow = self.slowest_look + (BETWEEN_SWEEPS if self.were_behind else 0)
        return WINDOW + BETWEEN_SWEEPS + LAG + slow

    @property
    def was_too_fast(self) -> bool:
        """Whether this computer could not follow, so that delays may be its own: at half the speed, these are halved too."""
        return self.slowest_look > SLOWEST_LOOK or any(minutes > self.latest for minutes in self.found_after.values())


def run(fleet: Fleet, hazards: Sequence[Hazard]) -> LongRun:
    """Let the timer sweep for a hundred simulated minutes, or until the computer cannot follow."""
    # The delays of these are measured: their agents report before all others.
    try:
        fleet.load([_becoming_quiet()])
        fleet.load(hazards)
    except AssertionError:  # their agents have not caught up: at half the speed, they have half as much to report
        return LongRun(fleet.now(), slowest_look=math.inf)
    seen = LongRun(fleet.now())
    for hazard in hazards:
        for name, signals in hazard.later.items():
            fleet.change((hazard.name, name), signals)
    quiet_since: dict[Name, float] = {}
    while (passed := (fleet.now() - seen.began) / 60) < MINUTES and not seen.was_too_fast:
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
