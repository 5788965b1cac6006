"""What the control plane has said last, in a file that everybody on the machine may read."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import Any

from .filesystem import Places, read_note
from .heartbeat import Hold

STATE = "/run/dormouse/state.json"
log = logging.getLogger("dormouse")


@dataclass(frozen=True)
class State:
    """When the control plane has answered last (since boot; 0: never), what it has on record, and what troubles us."""

    answered: float = 0.0
    hold: Hold | None = None
    problem: str = ""


def write_state(places: Places, state: State) -> None:
    """Leave it for people; a full disk must not keep the agent from its work."""
    path = places.at(STATE)
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(json.dumps(asdict(state)), encoding="utf-8")
        new.chmod(0o644)
        new.replace(path)
    except OSError as error:
        log.warning("what the control plane says cannot be written down: %s", error)


def read_state(places: Places) -> State:
    """What was left there; raises OSError or ValueError."""
    said: dict[str, Any] = json.loads(read_note(places.at(STATE)).content)
    hold = Hold(**said["hold"]) if said["hold"] else None
    return State(float(said["answered"]), hold, str(said["problem"]))
