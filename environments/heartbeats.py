"""Heartbeats: what the agent in a machine tells, and how its minutes are laid beside each other.

An agent counts its minutes and tells how long ago each of them ended; it never tells what time it is. So a wrong clock in
the machine, a lost answer or a heartbeat that comes twice does no harm.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from environments.moments import MINUTE
from environments.policy import LONGEST_WINDOW
from environments.signals import INSIDE, Values

KEPT = LONGEST_WINDOW + 15  # minutes
BOOTS_REMEMBERED = 8
SHOWN_REMEMBERED = 20
# By so many minutes the way of a heartbeat may differ, and by so many an agent's clock may be taken to run fast or slow.
JITTER, DRIFT = 1, 3
SAME = 2 * MINUTE  # the end of a hold is told anew every minute, and arrives now sooner, now later

Amount = Annotated[float, Field(ge=0, le=1e18, allow_inf_nan=False)]


class Told(BaseModel):
    """A part of a heartbeat; what newer agents tell besides is left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class Reading(Told):
    """One signal over a minute of samples."""

    max: Amount
    p95: Amount


class Minute(Told):
    """One minute of samples: its number since the agent started, and how many seconds ago it ended."""

    sequence: Annotated[int, Field(ge=0)]
    age_seconds: Annotated[float, Field(ge=0, le=7 * 86400, allow_inf_nan=False)]
    signals: Annotated[dict[str, Reading], Field(max_length=60)]


class HoldWish(Told):
    """Somebody on the machine wants it awake for some more seconds."""

    by: Annotated[str, Field(max_length=64)]
    reason: Annotated[str, Field(max_length=300)] = ""
    until_in_seconds: Amount


class Heartbeat(Told):
    """What an agent tells about its machine."""

    version: Literal[1]
    machine: Annotated[str, Field(max_length=512)]
    agent: Annotated[str, Field(max_length=32)] = ""
    boot: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    uptime_seconds: Amount
    minutes: Annotated[tuple[Minute, ...], Field(max_length=LONGEST_WINDOW)] = ()
    gpu: Literal["ok", "absent", "broken"]
    gpu_problem: Annotated[str, Field(max_length=300)] = ""
    holds: Annotated[tuple[HoldWish, ...], Field(max_length=20)] = ()
    shown: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=SHOWN_REMEMBERED)] = ()


@dataclass(frozen=True, slots=True)
class Boot:
    """One run of an agent: the place (minutes since 1970) of its minute 0, and the newest of its minutes that is known."""

    id: str
    origin: int
    newest: int


@dataclass(frozen=True, slots=True)
class HoldInside:
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
    holds: tuple[HoldInside, ...] = ()
    shown: dict[str, float] = field(default_factory=dict)

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
        minutes={place: minutes[place] for place in sorted(minutes) if place > oldest},
        holds=tuple(_hold(hold, record.holds, now) for hold in beat.holds),
        shown=dict(list(shown.items())[-SHOWN_REMEMBERED:]),
    )


def _hold(wish: HoldWish, known: Iterable[HoldInside], now: float) -> HoldInside:
    """A hold as it is told now: the same that was told before, or a new one."""
    until = now + wish.until_in_seconds
    same = (hold for hold in known if (hold.by, hold.reason) == (wish.by, wish.reason) and abs(hold.until - until) < SAME)
    return HoldInside(wish.by, wish.reason, next((hold.since for hold in same), now), until)


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


def _kept(reading: Reading | None, *, peaks: bool) -> float | None:
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
