"""The heartbeat protocol between agent and control plane, version 1."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import VERSION
from .filesystem import plain
from .minutes import Minute

MOST_BYTES = 230 * 1024  # of 256 KiB: the rest is for everything but the minutes
MOST_PROBLEMS = 40


@dataclass(frozen=True)
class Hold:
    """A hold that a user has set on the machine, or the one that the control plane has on record."""

    by: str
    reason: str
    until: float


@dataclass(frozen=True)
class StopWarning:
    """A warning that the control plane is going to stop the machine."""

    id: str
    text: str
    stops_at: float


@dataclass(frozen=True)
class Reply:
    """The response of the control plane to a heartbeat."""

    confirmed: bool
    next_in_seconds: float
    warning: StopWarning | None
    hold: Hold | None


def fit_in_heartbeat(minutes: Sequence[Minute]) -> list[Minute]:
    """The oldest minutes, as many as fit in one heartbeat."""
    fit, size = [], 0
    for minute in minutes:
        size += len(_packed(_minute(minute, 0.0))) + 20
        if size > MOST_BYTES:
            break
        fit.append(minute)
    return fit


def heartbeat(
    *,
    machine: str,
    boot: str,
    minutes: Sequence[Minute],
    gpu: tuple[str, str],
    holds: Sequence[Hold],
    shown: Sequence[str],
    moment: float,
    problems: Mapping[str, str] | None = None,
) -> bytes:
    """The body of a heartbeat."""
    body = {
        "version": 1,
        "machine": machine,
        "agent": VERSION,
        "boot": boot,
        "uptime_seconds": round(moment, 1),
        "minutes": [_minute(minute, moment) for minute in minutes],
        "gpu": gpu[0],
        "gpu_problem": gpu[1],
        "holds": [
            {"by": hold.by, "reason": hold.reason, "until_in_seconds": round(hold.until - moment, 1)} for hold in holds
        ],
        "shown": list(shown),
        "problems": dict(list((problems or {}).items())[:MOST_PROBLEMS]),
    }
    return _packed(body)


def reply_in(content: bytes, moment: float) -> Reply:
    """Parse a response; raises ValueError if it is invalid."""
    try:
        said = json.loads(content)
        warning, hold = said.get("warning"), said.get("hold")
        return Reply(
            said.get("confirmed") is True,
            _seconds(said["next_in_seconds"]),
            _stop_warning(warning, moment) if warning else None,
            _hold(hold, moment) if hold else None,
        )
    except (AttributeError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"invalid response of the control plane: {type(error).__name__}") from error


def _stop_warning(said: dict[str, Any], moment: float) -> StopWarning:
    return StopWarning(str(said["id"])[:200], plain(said["text"], 1000), moment + _seconds(said["stop_in_seconds"]))


def _hold(said: dict[str, Any], moment: float) -> Hold:
    return Hold(plain(said["by"]), plain(said["reason"]), moment + _seconds(said["until_in_seconds"]))


def _minute(minute: Minute, moment: float) -> dict[str, Any]:
    age = round(max(0.0, moment - minute.ended), 2)
    return {"sequence": minute.sequence, "age_seconds": age, "signals": minute.signals}


def _packed(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _seconds(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("invalid response of the control plane: a duration is not finite")
    return number
