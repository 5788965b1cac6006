"""`python -m tests.contract.durations`: how long operations took in recorded traffic, for the simulation to draw from."""

import csv
import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from local.azure.core import world
from tests.contract.recordings import DATA

FILE = Path(world.__file__).parent / "durations.json"
SAMPLES = DATA / "lro-samples.csv.gz"
SINCE = "2021"
# Of fewer samples the 99th percentile is only the longest one: then it is that of all years.
ENOUGH = 100
SHARES = {"p10": 0.1, "p50": 0.5, "p90": 0.9, "p99": 0.99}
CREATED, CHANGED = "201", "200"
GROUP = "/subscriptions/{}/resourcegroups/{}"


def figures() -> dict[str, dict[str, float | int]]:
    """The percentiles of every operation that the simulation draws, in seconds."""
    recent, all_years = _samples(SINCE), _samples("")
    return {name: _figures(recent[name], all_years[name]) for name in json.loads(FILE.read_text())["operations"]}


def _figures(recent: list[float], all_years: list[float]) -> dict[str, float | int]:
    found: dict[str, float | int] = {name: _rank(recent, share) for name, share in SHARES.items()}
    if len(recent) < ENOUGH:
        found["p99"] = max(found["p90"], _rank(all_years, SHARES["p99"]))
    return {**found, "n": len(recent), "n_of_all_years": len(all_years)}


def _rank(samples: list[float], share: float) -> float:
    """The smallest sample that this share of all does not exceed."""
    return round(sorted(samples)[min(len(samples) - 1, int(share * len(samples)))], 1)


def _samples(since: str) -> dict[str, list[float]]:
    """The seconds of every operation that succeeded since a year: the provider's own, or else those that clients saw."""
    found: dict[str, list[float]] = defaultdict(list)
    with gzip.open(SAMPLES, "rt") as lines:
        for row in csv.DictReader(lines):
            seconds = row["service_seconds"] or row["observed_seconds"]
            if seconds and row["recorded_at"] >= since and row["terminal"] != "Failed":
                found[_name(row)].append(float(seconds))
    return found


def _name(row: dict[str, str]) -> str:
    """The name by which the simulation draws an operation: "PUT Microsoft.Compute/virtualMachines"."""
    verb, _, route = row["op"].partition(" ")
    if route == GROUP:
        return f"{verb} Microsoft.Resources/resourceGroups"
    kind = "/".join(part for part in route.removeprefix("[rg]/").split("/") if part != "{}")
    known: dict[str, str] = {name.lower(): name for name in json.loads(FILE.read_text())["operations"]}
    machine = kind == "microsoft.compute/virtualmachines"
    if verb == "PUT" and machine and row["initial_status"] == CHANGED:
        verb = "UPDATE"
    return known.get(f"{verb} {kind}".lower(), "")


def written(operations: dict[str, Any]) -> str:
    """The whole file with these figures, one operation in a line."""
    now = json.loads(FILE.read_text())
    lines = [f"    {json.dumps(name)}: {json.dumps(found)}" for name, found in operations.items()]
    assumed = [f"      {json.dumps(name)}: {json.dumps(found)}" for name, found in now["assumed"]["operations"].items()]
    parts = [
        "{",
        f'  "source": {json.dumps(now["source"])},',
        '  "operations": {',
        ",\n".join(lines),
        "  },",
        '  "assumed": {',
        f'    "source": {json.dumps(now["assumed"]["source"])},',
        '    "operations": {',
        ",\n".join(assumed),
        "    }",
        "  }",
        "}",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(figures()))
