"""Heartbeats: the reports of the agent in a machine.

An agent numbers its minutes and reports how long ago each of them ended; it never reports the time of day. A wrong clock in
the machine, a lost response or a duplicate heartbeat therefore does no harm.
"""

import contextlib
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from dormouse.idle.policy import LONGEST_WINDOW
from dormouse.resources.compute.machines import machine_id
from dormouse.text.doc import doc
from dormouse.text.plain_text import plain
from dormouse.text.validators import Matching

SHOWN_REMEMBERED = 20
MOST_HOLDS, LONGEST_NAME, LONGEST_REASON = 20, 64, 300
MOST_PROBLEMS, LONGEST_PROBLEMS = 40, 4000  # the latter in characters, all together: a table row is limited

LARGEST = 1e18
EXAMPLE = machine_id("00000000-0000-0000-0000-000000000000", "research", "gpu1")
Amount = Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]


class HeartbeatPart(BaseModel):
    """A part of a heartbeat; unknown members from newer agents are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


def clip_to(longest: int) -> Callable[[Any], str]:
    """A validator that shortens a text and reads anything else as ""."""
    return lambda value: plain(value)[:longest] if isinstance(value, str) else ""


def limit_number(value: Any) -> Any:
    """Replace a number that is too large by the largest one."""
    return min(value, LARGEST) if isinstance(value, int | float) else value


class ReportedHold(HeartbeatPart):
    """A hold that a user has set on the machine, with the seconds that are left of it."""

    model_config = ConfigDict(title="HeartbeatReportedHold")

    by: Annotated[str, BeforeValidator(clip_to(LONGEST_NAME)), doc("The user of the machine who set it.", "alice")]
    reason: Annotated[str, BeforeValidator(clip_to(LONGEST_REASON)), doc("Why.", "a long run")] = ""
    until_in_seconds: Annotated[Amount, BeforeValidator(limit_number), doc("In how many seconds it ends.", 3600.0)]


def holds_in(value: Any) -> list[ReportedHold]:
    """The valid holds in a value, at most `MOST_HOLDS`: those that last longest."""
    holds: list[ReportedHold] = []
    for item in value if isinstance(value, list | tuple) else ():
        with contextlib.suppress(ValidationError):
            holds.append(ReportedHold.model_validate(item))
    longest = sorted(holds, key=lambda hold: -hold.until_in_seconds)[:MOST_HOLDS]
    return [hold for hold in holds if hold in longest][:MOST_HOLDS]


def shown_in(value: Any) -> list[str]:
    """The valid IDs of shown warnings in a value, at most `SHOWN_REMEMBERED`."""
    items = value if isinstance(value, list | tuple) else ()
    return [warning for warning in items if isinstance(warning, str) and len(warning) <= LONGEST_NAME][-SHOWN_REMEMBERED:]


def problems_in(value: Any) -> dict[str, str]:
    """The valid reasons for missing signals in a value, by signal."""
    items = value if isinstance(value, dict) else {}
    known = {name: _plain(why) for name, why in items.items() if isinstance(name, str) and isinstance(why, str)}
    return {name: why for name, why in list(known.items())[:MOST_PROBLEMS] if why and len(name) <= LONGEST_NAME}


def _plain(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:LONGEST_REASON]


class SignalSummary(HeartbeatPart):
    """One signal over a minute of samples."""

    max: Annotated[Amount, doc("The highest sample.", 99.0)]
    p95: Annotated[Amount, doc("The 95th percentile of the samples.", 97.0)]


class Minute(HeartbeatPart):
    """One minute of samples: its number since the agent started, and how many seconds ago it ended."""

    model_config = ConfigDict(title="HeartbeatMinute")

    sequence: Annotated[int, Field(ge=0), doc("The number of the minute since the agent started.", 59)]
    age_seconds: Annotated[
        float, Field(ge=0, le=7 * 86400, allow_inf_nan=False), doc("How many seconds ago it ended.", 12.5)
    ]
    signals: Annotated[
        dict[str, SignalSummary],
        Field(max_length=60),
        doc("The measurements, by signal.", {"gpu_percent": {"max": 99.0, "p95": 97.0}}),
    ]


class Heartbeat(HeartbeatPart):
    """The report of an agent; invalid optional parts are shortened or dropped, invalid minutes are rejected."""

    version: Annotated[Literal[1], doc("The version of this format.", 1)]
    machine: Annotated[str, Field(max_length=512), doc("The Azure resource ID of the machine.", EXAMPLE)]
    agent: Annotated[str, BeforeValidator(clip_to(32)), doc("The version of the agent.", "1.0")] = ""
    boot: Annotated[
        str,
        Matching(r"[0-9a-f]{32}", "32 hexadecimal digits"),
        doc("A random ID of this run of the agent.", "0f8c3b1e5d0f4f0e9f0c0a4d5c1c7e11"),
    ]
    uptime_seconds: Annotated[Amount, doc("How long the machine has been up.", 3600.0)]
    minutes: Annotated[
        tuple[Minute, ...],
        Field(max_length=LONGEST_WINDOW),
        doc("The last minutes of samples.", [{"sequence": 59, "age_seconds": 12.5, "signals": {}}]),
    ] = ()
    gpu: Annotated[Literal["ok", "absent", "broken"], doc("Whether the GPU can be measured.", "ok")]
    gpu_problem: Annotated[
        str, BeforeValidator(clip_to(LONGEST_REASON)), doc("What is wrong with the GPU.", "nvidia-smi exited with 9.")
    ] = ""
    problems: Annotated[
        dict[str, str],
        BeforeValidator(problems_in),
        doc("Why signals could not be measured, by signal.", {"logins": "who exited with 1."}),
    ] = {}
    holds: Annotated[
        tuple[ReportedHold, ...],
        BeforeValidator(holds_in),
        doc("The holds that were set on the machine.", [{"by": "alice", "until_in_seconds": 3600.0}]),
    ] = ()
    shown: Annotated[
        tuple[str, ...],
        BeforeValidator(shown_in),
        doc("The IDs of the warnings that were shown.", ["01JABCDEFGHJKMNPQRSTVWXYZ0"]),
    ] = ()
