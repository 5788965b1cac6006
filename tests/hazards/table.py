"""`python -m tests.hazards.table`: try every hazard, and write what became of it to docs/hazards.md."""

import sys
from collections.abc import Iterator
from threading import Event
from typing import Any

from tests.hazards.corpus import ABSENT, Hazard, read_all
from tests.hazards.fleet import Name, fleet_on_a_ground
from tests.hazards.long_run import BETWEEN_SWEEPS, LAG, SPEED, WINDOW, LongRun, run
from tests.hazards.trials import FAST, SLOW, looked_at, tried
from tests.support import ROOT

DOCUMENT = ROOT / "docs" / "hazards.md"
HEAD = """# Hazards: ways to stop the wrong machine, and what becomes of them here

Written by `python -m tests.hazards.table` from a run on the simulated Azure; each hazard is a file in
[tests/hazards/estates](../tests/hazards/estates), and `pytest tests/hazards` tries them all.

- {hazards} hazards, {machines} machines; stopped that may not be: {false}, not stopped that should be: {missed}.
- {long} hazards lived through {lasted:.0f} minutes with a sweep every {between}. The others need somebody or something to
  misbehave; they were tried one by one with a policy that acts at once.
- Machines that became quiet at a known minute were called idle after {found} minutes (promised: a window of {window}, a
  sweep, and {lag} for measurements to arrive).

| hazard | verdict | stopped | after (minutes) |
|---|---|---|---|
"""


def rows_of(hazard: Hazard, verdicts: dict[str, str], asleep: dict[str, float | None]) -> Iterator[str]:
    """The rows of one hazard: a machine each, with when it was asleep, if that is known."""
    for name, verdict in verdicts.items():
        after = asleep.get(name)
        # What was asleep already was stopped by nobody here.
        stopped = name in asleep and verdict != "stopped"
        what = hazard.sentence if len(verdicts) == 1 else f"{hazard.sentence} ({name})"
        yield f"| {what} | {verdict} | {'yes' if stopped else ''} | {f'{after:.0f}' if stopped and after else ''} |"


def main() -> int:
    """Try, and write; 1 if a machine was stopped that may not be, or was not that should."""
    hazards = read_all()
    with fleet_on_a_ground(speed=SLOW, timers=False) as fleet:
        at_once = looked_at(fleet, [hazard for hazard in hazards if not hazard.setting])
    with fleet_on_a_ground(speed=SPEED, timers=True) as fleet:
        seen = run(fleet, [hazard for hazard in hazards if not hazard.setting], Event())
    rows: list[str] = []
    false, missed = 0, 0
    with fleet_on_a_ground(speed=FAST, timers=False) as fleet:
        for hazard in hazards:
            verdicts, asleep = _lived(hazard, at_once, seen)
            if hazard.setting:
                outcome = tried(fleet, hazard)
                verdicts, asleep = outcome.verdicts, dict.fromkeys(outcome.asleep)
            rows += rows_of(hazard, verdicts, asleep)
            rested = {name for name, verdict in verdicts.items() if verdict == "stopped"}
            false += len(set(asleep) - hazard.stopped - rested)
            missed += len(hazard.stopped - set(asleep))
    found = sorted(round(minutes) for minutes in seen.found_after.values())
    head = HEAD.format(
        hazards=len(hazards),
        machines=sum(len(hazard.machines) for hazard in hazards),
        false=false,
        missed=missed,
        long=sum(not hazard.setting for hazard in hazards),
        lasted=seen.lasted,
        between=f"{BETWEEN_SWEEPS} minutes",
        found=f"{found[0]} to {found[-1]}",
        window=WINDOW,
        lag=LAG,
    )
    DOCUMENT.write_text(head + "\n".join(rows) + "\n")
    return 1 if false or missed else 0


def _lived(
    hazard: Hazard, at_once: dict[Name, dict[str, Any]], seen: LongRun
) -> tuple[dict[str, str], dict[str, float | None]]:
    lines = {name: at_once.get((hazard.name, name)) for name in hazard.expect}
    verdicts = {name: str(line["verdict"]) if line else ABSENT for name, line in lines.items()}
    return verdicts, {name: after for (group, name), after in seen.asleep_after.items() if group == hazard.name}


if __name__ == "__main__":
    sys.exit(main())
