"""The last response of the control plane, in a file that every user of the machine can read."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import Any

from .filesystem import FileSystem, read_small_file
from .heartbeat import Hold

STATE = "/run/dormouse/state.json"
log = logging.getLogger("dormouse")


@dataclass(frozen=True)
class State:
    """When the control plane last answered (seconds since boot; 0: never), its hold on record, and the current problem."""

    answered: float = 0.0
    hold: Hold | None = None
    problem: str = ""


def write_state(filesystem: FileSystem, state: State) -> None:
    """Write the state file; an error, like a full disk, is only logged."""
    path = filesystem.at(STATE)
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(json.dumps(asdict(state)), encoding="utf-8")
        new.chmod(0o644)
        new.replace(path)
    except OSError as error:
        log.warning("cannot write the state file: %s", error)


def read_state(filesystem: FileSystem) -> State:
    """Read the state file; raises OSError or ValueError."""
    said: dict[str, Any] = json.loads(read_small_file(filesystem.at(STATE)).content)
    hold = Hold(**said["hold"]) if said["hold"] else None
    return State(float(said["answered"]), hold, str(said["problem"]))
