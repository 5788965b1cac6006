"""Heartbeats: what the agent in a machine tells, and how its minutes are laid beside each other.

An agent counts its minutes and tells how long ago each of them ended; it never tells what time it is. So a wrong clock in
the machine, a lost answer or a heartbeat that comes twice does no harm.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from dormouse.clock import MINUTE
from dormouse.idle.policy import LONGEST_WINDOW
from dormouse.idle.signals import INSIDE, Values
from dormouse.text.plain_text import plain

KEPT = LONGEST_WINDOW + 15  # minutes
BOOTS_REMEMBERED = 8
SHOWN_REMEMBERED = 20
# By so many minutes the way of a heartbeat may differ, and by so many an agent's clock may be taken to run fast or slow.
JITTER, DRIFT = 1, 3
SAME = 2 * MINUTE  # the end of a hold is told anew every minute, and arrives now sooner, now later
MOST_HOLDS, LONGEST_NAME, LONGEST_REASON = 20, 64, 300
MOST_PROBLEMS, LONGEST_PROBLEMS = 40, 4000  # the latter together, in characters: a row of a table is not long

LARGEST = 1e18
Amount = Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]


class HeartbeatPart(BaseModel):
    """A part of a heartbeat; what newer agents tell besides is left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


def clipped(longest: int) -> Callable[[Any], str]:
    """Read a text that may be too long, or no text at all, as plain text."""
    return lambda value: plain(value)[:longest] if isinstance(value, str) else ""


def at_most(value: Any) -> Any:
    """Read a number that may be too large."""
    return min(value, LARGEST) if isinstance(value, int | float) and value == value else value


class ReportedHold(HeartbeatPart):
    """A person on the machine asks that it stays awake for some more seconds."""

    by: Annotated[str, BeforeValidator(clipped(LONGEST_NAME))]
    reason: Annotated[str, BeforeValidator(clipped(LONGEST_REASON))] = ""
    until_in_seconds: Annotated[Amount, BeforeValidator(at_most)]


def holds_in(value: Any) -> list[ReportedHold]:
    """Read as many holds as are kept, those that last longest, without what is none."""
    holds: list[ReportedHold] = []
    for item in value if isinstance(value, list | tuple) else ():
        with contextlib.suppress(ValidationError):
            holds.append(ReportedHold.model_validate(item))
    longest = sorted(holds, key=lambda hold: -hold.until_in_seconds)[:MOST_HOLDS]
    return [hold for hold in holds if hold in longest][:MOST_HOLDS]


def shown_in(value: Any) -> list[str]:
    """Read which warnings were shown, without what is none."""
    said = value if isinstance(value, list | tuple) else ()
    return [warning for warning in said if isinstance(warning, str) and len(warning) <= LONGEST_NAME][-SHOWN_REMEMBERED:]


def problems_in(value: Any) -> dict[str, str]:
    """Read why signals are not known, by signal, without what cannot be read."""
    said = value if isinstance(value, dict) else {}
    known = {name: _plain(why) for name, why in said.items() if isinstance(name, str) and isinstance(why, str)}
    return {name: why for name, why in list(known.items())[:MOST_PROBLEMS] if why and len(name) <= LONGEST_NAME}


def _plain(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:LONGEST_REASON]


class SignalSummary(HeartbeatPart):
    """One signal over a minute of samples."""

    max: Amount
    p95: Amount


class Minute(HeartbeatPart):
    """One minute of samples: its number since the agent started, and how many seconds ago it ended."""

    sequence: Annotated[int, Field(ge=0)]
    age_seconds: Annotated[float, Field(ge=0, le=7 * 86400, allow_inf_nan=False)]
    signals: Annotated[dict[str, SignalSummary], Field(max_length=60)]


class Heartbeat(HeartbeatPart):
    """What an agent reports about its machine; odd optional parts are clipped or left out, its minutes count."""

    version: Literal[1]
    machine: Annotated[str, Field(max_length=512)]
    agent: Annotated[str, BeforeValidator(clipped(32))] = ""
    boot: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    uptime_seconds: Amount
    minutes: Annotated[tuple[Minute, ...], Field(max_length=LONGEST_WINDOW)] = ()
    gpu: Literal["ok", "absent", "broken"]
    gpu_problem: Annotated[str, BeforeValidator(clipped(LONGEST_REASON))] = ""
    problems: Annotated[dict[str, str], BeforeValidator(problems_in)] = {}
    holds: Annotated[tuple[ReportedHold, ...], BeforeValidator(holds_in)] = ()
    shown: Annotated[tuple[str, ...], BeforeValidator(shown_in)] = ()


@dataclass(frozen=True, slots=True)
class Boot:
    """One run of an agent: the place (minutes since 1970) of its minute 0, and the newest of its minutes that is known."""

    id: str
    origin: int
    newest: int


@dataclass(frozen=True, slots=True)
class HoldOnMachine:
    """A hold made on the machine itself, first told of at a moment and ending at another (seconds since 1970)."""

    by: str
    reason: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """What is known from an agent: when it was heard, and its minutes by place, each a row of numbers under `names`."""

    machine: str
    heard_at: float
    booted_at: float
    version: str = ""
    gpu: str = ""
    gpu_problem: str = ""
    boots: tuple[Boot, ...] = ()
    names: tuple[str, ...] = ()
    minutes: dict[int, Values] = field(default_factory=dict)
    holds: tuple[HoldOnMachine, ...] = ()
    shown: dict[str, float] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def series(self, first: int, end: int) -> dict[str, Values]:
        """Every signal that was ever told, from one place up to another (exclusive); None where nothing is known."""
        rows = [self.minutes.get(place) for place in range(first, end)]
        return {name: tuple(row[number] if row else None for row in rows) for number, name in enumerate(self.names)}


def merged(known: AgentRecord | None, beat: Heartbeat, now: float) -> AgentRecord:
    """What is known after a heartbeat that arrives now (seconds since 1970); what was known already changes nothing."""
    names = tuple(signal.name for signal in INSIDE)
    record = known or AgentRecord(beat.machine, now, now)
    minutes = dict(record.minutes) if record.names == names else _renamed(record, names)
    boot = next((boot for boot in record.boots if boot.id == beat.boot), None)
    for minute in sorted(beat.minutes, key=lambda minute: minute.sequence):
        if boot is not None and minute.sequence <= boot.newest:
            continue
        before, row = boot, _row(minute)
        place, boot = _placed(minute, before, beat.boot, now)
        minutes[place] = _higher(minutes.get(place), row)
        if before is not None and (minute.sequence, place) == (before.newest + 1, before.origin + before.newest + 2):
            # Counted anew by one: between two minutes that follow each other no time is missing.
            minutes[place - 1] = _higher(minutes.get(place - 1), row)
    oldest = int(now // MINUTE) - KEPT
    minutes = {place: minutes[place] for place in sorted(minutes) if place > oldest}
    boots = [other for other in record.boots if other.id != beat.boot] + ([boot] if boot else [])
    shown = {**record.shown, **{warning: record.shown.get(warning, now) for warning in beat.shown}}
    return replace(
        record,
        heard_at=now,
        booted_at=now - beat.uptime_seconds,
        version=beat.agent,
        gpu=beat.gpu,
        gpu_problem=beat.gpu_problem,
        boots=tuple(boots[-BOOTS_REMEMBERED:]),
        names=names,
        minutes=minutes,
        holds=tuple(_hold(hold, record.holds, now) for hold in beat.holds),
        shown=dict(list(shown.items())[-SHOWN_REMEMBERED:]),
        problems=_problems(beat, record, names, minutes),
    )


def _problems(beat: Heartbeat, record: AgentRecord, names: tuple[str, ...], minutes: Mapping[int, Values]) -> dict[str, str]:
    """Why signals are not known: what is told now, and what was told of minutes that are still missing."""
    missing = {name for number, name in enumerate(names) if any(row[number] is None for row in minutes.values())}
    earlier = {name: why for name, why in record.problems.items() if name in missing}
    said = {name: why for name, why in {**earlier, **beat.problems}.items() if name in names}
    longest = min(LONGEST_REASON, LONGEST_PROBLEMS // max(len(said), 1))
    return {name: why[:longest] for name, why in said.items()}


def _hold(desired: ReportedHold, known: Iterable[HoldOnMachine], now: float) -> HoldOnMachine:
    """A hold as it is told now: the same that was told before, or a new one."""
    until = now + desired.until_in_seconds
    same = (
        hold for hold in known if (hold.by, hold.reason) == (desired.by, desired.reason) and abs(hold.until - until) < SAME
    )
    return HoldOnMachine(desired.by, desired.reason, next((hold.since for hold in same), now), until)


def _placed(minute: Minute, boot: Boot | None, identifier: str, now: float) -> tuple[int, Boot]:
    """Where a minute lies: behind the one before it, corrected by one when it drifts, anew when the machine has slept."""
    measured = int((now - minute.age_seconds - MINUTE / 2) // MINUTE)
    place = measured
    if boot is not None:
        counted = boot.origin + minute.sequence
        astray = measured - counted
        if abs(astray) <= JITTER:
            place = counted
        elif abs(astray) <= DRIFT:
            place = counted + (1 if astray > 0 else -1)
    return place, Boot(identifier, place - minute.sequence, minute.sequence)


def _row(minute: Minute) -> Values:
    return tuple(_kept(minute.signals.get(signal.name), peaks=signal.peaks) for signal in INSIDE)


def _kept(reading: SignalSummary | None, *, peaks: bool) -> float | None:
    if reading is None:
        return None
    value = reading.max if peaks else reading.p95
    # Three digits are enough for any limit, upwards: what is rounded never falls below one.
    exponent = 0 if value < 1000 else math.floor(math.log10(value)) - 2
    return math.ceil(value / 10**exponent) * 10.0**exponent if exponent else math.ceil(value * 10) / 10


def _higher(one: Values | None, other: Values) -> Values:
    if one is None:
        return other
    return tuple(_max(pair) for pair in zip(one, other, strict=True))


def _max(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _renamed(record: AgentRecord, names: tuple[str, ...]) -> dict[int, Values]:
    """The minutes of a record that was written when other signals were known."""
    where = [record.names.index(name) if name in record.names else None for name in names]
    return {
        place: tuple(None if number is None else row[number] for number in where) for place, row in record.minutes.items()
    }
