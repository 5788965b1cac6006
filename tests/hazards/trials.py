"""Runs hazards: all at once in a dry run, or one after the other with its setting, to see what is stopped in the end."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.hazards.corpus import ABSENT, Hazard
from tests.hazards.fleet import Fleet, Name, identifier_of
from tests.hazards.settings import SETTINGS

# An agent reports at most twice per real second: at a higher speed its newest minutes would be missing.
FAST = 200.0
# Almost no time passes between reading an estate and the verdict on it.
SLOW = 1.0
MOST_SWEEPS = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdicts on the machines of a hazard, and which of them are stopped."""

    verdicts: dict[str, str]
    sentences: dict[str, str]
    asleep: frozenset[str]


def _sweep_in_time(fleet: Fleet, hazard: Hazard) -> None:
    """Sweep, and again if this computer was too slow for a verdict or a decision of the sweep."""
    late = 0
    for _ in range(MOST_SWEEPS):
        fleet.sweep()
        before, late = late, fleet.too_late(hazard.name)
        if late == before and not fleet.lacks_a_minute(hazard.name):
            break


def looked_at(fleet: Fleet, hazards: Sequence[Hazard]) -> dict[Name, dict[str, Any]]:
    """The results of one dry-run sweep over all of them together."""
    fleet.load(hazards)
    tally = fleet.sweep(dry_run=True)["summary"]
    assert tally["problems"] == [], tally["problems"]
    assert fleet.touched() == set()
    return fleet.lines()


def tried(fleet: Fleet, hazard: Hazard) -> Outcome:
    """Load a hazard, apply its setting, evaluate, act, and return the result."""
    fleet.load([hazard])
    setting = contextlib.contextmanager(SETTINGS[hazard.setting])
    try:
        with setting(fleet, hazard):
            fleet.sweep(dry_run=True)
            lines = {name[1]: line for name, line in fleet.lines().items() if name[0] == hazard.name}
            _sweep_in_time(fleet, hazard)
        fleet.pass_minutes(0.3)  # Resource Graph is some seconds behind
        fleet.sweep(dry_run=True)
        after = {name[1]: line["state"] for name, line in fleet.lines().items() if name[0] == hazard.name}
    finally:
        for machine in hazard.machines:
            fleet.azure.post("/resources/vanish", json={"id": identifier_of((hazard.name, machine["id"]))})
        fleet.pass_minutes(0.3)
    return Outcome(
        {name: lines[name]["verdict"] if name in lines else ABSENT for name in hazard.expect},
        {name: line["reason"] for name, line in lines.items()},
        frozenset(name for name, state in after.items() if state == "stopped"),
    )
