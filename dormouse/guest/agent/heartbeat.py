"""The words of the protocol between agent and control plane, version 1."""

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
    """Somebody's wish that the machine stays awake, or what the control plane made of it."""

    by: str
    reason: str
    until: float


@dataclass(frozen=True)
class Warned:
    """The control plane is about to stop the machine."""

    id: str
    text: str
    stops_at: float


@dataclass(frozen=True)
class Reply:
    """What the control plane has answered."""

    confirmed: bool
    next_in_seconds: float
    warning: Warned | None
    hold: Hold | None


def fitting(minutes: Sequence[Minute]) -> list[Minute]:
    """The oldest minutes, as many as one heartbeat can carry."""
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
    """The body of a request."""
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
    """Read an answer; raises ValueError for one that cannot be understood."""
    try:
        said = json.loads(content)
        warning, hold = said.get("warning"), said.get("hold")
        return Reply(
            said.get("confirmed") is True,
            _seconds(said["next_in_seconds"]),
            _warned(warning, moment) if warning else None,
            _hold(hold, moment) if hold else None,
        )
    except (AttributeError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"the answer cannot be understood: {type(error).__name__}") from error


def _warned(said: dict[str, Any], moment: float) -> Warned:
    return Warned(str(said["id"])[:200], plain(said["text"], 1000), moment + _seconds(said["stop_in_seconds"]))


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
        raise ValueError("a time is not a number")
    return number
