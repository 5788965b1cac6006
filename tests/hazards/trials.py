"""Hazards tried: all at once to look at them, or one after the other with its setting, to see what sleeps in the end."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.hazards.corpus import ABSENT, Hazard
from tests.hazards.fleet import Fleet, Name, identifier_of
from tests.hazards.settings import SETTINGS

# An agent tells at most twice in a second of ours: at a higher speed its newest minutes would be missing.
FAST = 200.0
# As good as no time passes between a look at an estate and the verdict on it.
SLOW = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found of the machines of a hazard, and which of them sleep."""

    verdicts: dict[str, str]
    sentences: dict[str, str]
    asleep: frozenset[str]


def looked_at(fleet: Fleet, hazards: Sequence[Hazard]) -> dict[Name, dict[str, Any]]:
    """What one sweep that only looks finds, with all of them side by side."""
    fleet.load(hazards)
    tally = fleet.sweep(dry_run=True)["summary"]
    assert tally["problems"] == [], tally["problems"]
    assert fleet.touched() == set()
    return fleet.lines()


def tried(fleet: Fleet, hazard: Hazard) -> Outcome:
    """Load a hazard, set its setting, look, act, and look what has come of it."""
    fleet.load([hazard])
    setting = contextlib.contextmanager(SETTINGS[hazard.setting])
    try:
        with setting(fleet, hazard):
            fleet.sweep(dry_run=True)
            lines = {name[1]: line for name, line in fleet.lines().items() if name[0] == hazard.name}
            fleet.sweep()
            if fleet.was_too_slow(hazard.name):
                fleet.sweep()
        fleet.pass_minutes(0.3)  # Resource Graph is some seconds late
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
