"""The corpus of hazards: each a file with a sentence, an estate, and the expected outcome of its machines."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.fleet import GPU_SIZE, QUIET_INSIDE

ESTATES = Path(__file__).parent / "estates"
HEADER = frozenset({"hazard", "source", "expect", "stopped", "says", "setting", "later", "machines"})
# A quiet machine: every signal is known, and every signal is low.
QUIET: dict[str, Any] = {
    "size": GPU_SIZE,
    "agent": True,
    "tags": {"dormouse-idle": "on"},
    "host": {
        "cpu_percent": "1..2",
        "network_in_bytes_per_second": "200..900",
        "network_out_bytes_per_second": "200..900",
        "disk_read_bytes_per_second": "0..100",
        "disk_write_bytes_per_second": "200..4000",
    },
    "inside": {
        **QUIET_INSIDE,
        "gpu_watts": "50..55",
        "cpu_percent": "1..2",
        "cpu_cores": "0.02..0.1",
        "disk_bytes_per_second": "200..4000",
        "network_bytes_per_second": "400..1800",
    },
}
# On-hours relative to now, in minutes: a file does not know the time of day of its test.
HOURS, MOMENT = re.compile(r"now([+-]\d+)\.\.now([+-]\d+)"), re.compile(r"off at now([+-]\d+)")
ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Hazard:
    """One scenario that could go wrong.

    `expect` has the verdict for each machine by its short name (`absent`: no sweep may see it); `stopped` names exactly
    those that must be stopped in the end; `says` has words of a verdict's reason; `later` changes signals.
    """

    name: str
    sentence: str
    source: str
    expect: Mapping[str, str]
    stopped: frozenset[str]
    says: Mapping[str, str]
    setting: str
    later: Mapping[str, Any]
    machines: tuple[Mapping[str, Any], ...]

    def estate(self, now: float) -> dict[str, Any]:
        """The estate that the simulation loads: the machines in a group named after the hazard."""
        return {"machines": [_whole(machine, self.name, now) for machine in self.machines]}


@functools.cache
def read_all() -> tuple[Hazard, ...]:
    """Every hazard, sorted by name."""
    return tuple(_read(path) for path in sorted(ESTATES.glob("*.yaml")))


def _read(path: Path) -> Hazard:
    content = yaml.safe_load(path.read_text())
    assert set(content) <= HEADER, f"{path.name}: {sorted(set(content) - HEADER)}"
    hazard = Hazard(
        name=path.stem,
        sentence=content["hazard"],
        source=content["source"],
        expect=content["expect"],
        stopped=frozenset(content.get("stopped", ())),
        says=content.get("says", {}),
        setting=content.get("setting", ""),
        later=content.get("later", {}),
        machines=tuple(content["machines"]),
    )
    names = {machine["id"] for machine in hazard.machines}
    for what in (hazard.expect, hazard.stopped, hazard.says, hazard.later):
        assert set(what) <= names, f"{path.name}: {sorted(set(what) - names)}"
    assert set(hazard.expect) == names, f"{path.name} expects nothing of {sorted(names - set(hazard.expect))}"
    return hazard


def _whole(machine: Mapping[str, Any], group: str, now: float) -> dict[str, Any]:
    """A complete machine for the simulation: the given fields over those of a quiet one."""
    given = {**machine, "id": f"{group}/{machine['id']}"}
    if given.pop("quiet", False):
        signals = {
            side: {**QUIET[side], **given.get(side, {})} for side in ("host", "inside") if given.get(side, {}) is not None
        }
        given = {**QUIET, **given, **signals}
    given = {name: value for name, value in given.items() if value is not None}
    given["tags"] = {name: _clocks(text, now) for name, text in given.get("tags", {}).items()}
    return given


def _clocks(text: str, now: float) -> str:
    """Replace `now+40` in a tag's text by the time of day in 40 minutes."""

    def clocks(match: re.Match[str]) -> list[str]:
        moments = (datetime.fromtimestamp(now, UTC) + timedelta(minutes=int(minutes)) for minutes in match.groups())
        return [f"{moment:%H:%M}" for moment in moments]

    hours = HOURS.sub(lambda match: f"mon-sun {'-'.join(clocks(match))} UTC", text)
    return MOMENT.sub(lambda match: f"off at {clocks(match)[0]} UTC", hours)
