"""`python -m tests.hazards.table`: run every hazard, and write the results to docs/hazards.md."""

import sys
from collections.abc import Iterator
from typing import Any

from tests.hazards.corpus import ABSENT, Hazard, read_all
from tests.hazards.fleet import Name, fleet_on_a_ground
from tests.hazards.long_run import BETWEEN_SWEEPS, LAG, SPEEDS, WINDOW, LongRun, run
from tests.hazards.trials import FAST, SLOW, looked_at, tried
from tests.support import ROOT

DOCUMENT = ROOT / "docs" / "hazards.md"
HEAD = """# Hazards: situations in which the wrong machine could be stopped, and the results

Written by `python -m tests.hazards.table` from a run on the simulated Azure. Each hazard is a file in
[tests/hazards/estates](../tests/hazards/estates); `pytest tests/hazards` runs them all.

- {hazards} hazards with {machines} machines: {false} stopped wrongly, {missed} not stopped although they should have been.
- {long} hazards ran together for {lasted:.0f} minutes with a sweep every {between}. Each of the others needs a fault or an
  action by a user, and ran by itself under a policy without lead.
- Machines that became quiet at a known minute were called idle after {found} minutes (expected: a window of {window}, a
  sweep, and {lag} for metrics to arrive).

| hazard | verdict | stopped | after (minutes) |
|---|---|---|---|
"""


def rows_of(hazard: Hazard, verdicts: dict[str, str], asleep: dict[str, float | None]) -> Iterator[str]:
    """The rows of one hazard: one per machine, with the minute at which it was stopped, if known."""
    for name, verdict in verdicts.items():
        after = asleep.get(name)
        # A machine that was already stopped was not stopped by this run.
        stopped = name in asleep and verdict != "stopped"
        what = hazard.sentence if len(verdicts) == 1 else f"{hazard.sentence} ({name})"
        yield f"| {what} | {verdict} | {'yes' if stopped else ''} | {f'{after:.0f}' if stopped and after else ''} |"


def main() -> int:
    """Run and write; returns 1 if a machine was stopped wrongly, or was not stopped although it should have been."""
    hazards = read_all()
    with fleet_on_a_ground(speed=SLOW, timers=False) as fleet:
        at_once = looked_at(fleet, [hazard for hazard in hazards if not hazard.setting])
    with fleet_on_a_ground(speed=SPEEDS[-1], timers=True) as fleet:
        seen = run(fleet, [hazard for hazard in hazards if not hazard.setting])
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
