"""Agent records: what is stored of an agent's heartbeats, merged into the minutes of one time series."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from dormouse.clock import MINUTE
from dormouse.idle.heartbeats.heartbeat import (
    LONGEST_PROBLEMS,
    SHOWN_REMEMBERED,
    Heartbeat,
    Minute,
    ReportedHold,
    SignalSummary,
)
from dormouse.idle.heartbeats.signals import INSIDE, Values
from dormouse.idle.policy import LONGEST_WINDOW

KEPT_MINUTES = LONGEST_WINDOW + 15
BOOTS_REMEMBERED = 8
# Differences in minutes that the delay of a heartbeat explains, and that a fast or slow clock of the agent explains.
JITTER, DRIFT = 1, 3
SAME_HOLD = 2 * MINUTE  # the end of a hold is reported every minute, with varying delay


@dataclass(frozen=True, slots=True)
class Boot:
    """One run of an agent: the index (minutes since 1970) of its minute 0, and the newest of its minutes that is known."""

    id: str
    origin: int
    newest: int


@dataclass(frozen=True, slots=True)
class HoldOnMachine:
    """A hold set on the machine itself: when it was first reported and when it ends (seconds since 1970)."""

    by: str
    reason: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """All data from an agent: when it last reported, and its minutes by index, each with values in the order of `names`."""

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
        """Every reported signal, from one minute index up to another (exclusive); None where there is no value."""
        nothing: Values = (None,) * len(self.names)
        rows = [self.minutes.get(index, nothing) for index in range(first, end)]
        columns = zip(*rows, strict=True) if rows else ((),) * len(self.names)
        return dict(zip(self.names, columns, strict=True))


def merge_heartbeat(known: AgentRecord | None, beat: Heartbeat, now: float) -> AgentRecord:
    """The record after a heartbeat that arrives now (seconds since 1970); minutes that are known already are ignored."""
    names = tuple(signal.name for signal in INSIDE)
    record = known or AgentRecord(beat.machine, now, now)
    minutes = dict(record.minutes) if record.names == names else _with_names(record, names)
    boot = next((boot for boot in record.boots if boot.id == beat.boot), None)
    for minute in sorted(beat.minutes, key=lambda minute: minute.sequence):
        if boot is not None and minute.sequence <= boot.newest:
            continue
        before, row = boot, _row(minute)
        index, boot = _locate(minute, before, beat.boot, now)
        minutes[index] = _maximum(minutes.get(index), row)
        if before is not None and (minute.sequence, index) == (before.newest + 1, before.origin + before.newest + 2):
            # The correction by one minute opened a gap between two consecutive minutes: both get this row.
            minutes[index - 1] = _maximum(minutes.get(index - 1), row)
    oldest = int(now // MINUTE) - KEPT_MINUTES
    minutes = {index: minutes[index] for index in sorted(minutes) if index > oldest}
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
    """Why signals are missing: the reasons of this heartbeat, and earlier ones while minutes are still missing."""
    earlier: dict[str, str] = {}
    if record.problems:
        missing = {name for name, values in zip(names, zip(*minutes.values(), strict=True), strict=False) if None in values}
        earlier = {name: why for name, why in record.problems.items() if name in missing}
    reasons = {name: why for name, why in {**earlier, **beat.problems}.items() if name in names}
    longest = LONGEST_PROBLEMS // max(len(reasons), 1)
    return {name: why[:longest] for name, why in reasons.items()}


def _hold(desired: ReportedHold, known: Iterable[HoldOnMachine], now: float) -> HoldOnMachine:
    """A hold as reported now: the continuation of a known hold, or a new one."""
    until = now + desired.until_in_seconds
    same = (
        hold
        for hold in known
        if (hold.by, hold.reason) == (desired.by, desired.reason) and abs(hold.until - until) < SAME_HOLD
    )
    return HoldOnMachine(desired.by, desired.reason, next((hold.since for hold in same), now), until)


def _locate(minute: Minute, boot: Boot | None, identifier: str, now: float) -> tuple[int, Boot]:
    """The index of a minute: counted from the one before, corrected by one for drift, measured again after a suspension."""
    measured = int((now - minute.age_seconds - MINUTE / 2) // MINUTE)
    index = measured
    if boot is not None:
        counted = boot.origin + minute.sequence
        difference = measured - counted
        if abs(difference) <= JITTER:
            index = counted
        elif abs(difference) <= DRIFT:
            index = counted + (1 if difference > 0 else -1)
    return index, Boot(identifier, index - minute.sequence, minute.sequence)


def _row(minute: Minute) -> Values:
    return tuple(_value_of(minute.signals.get(signal.name), peaks=signal.peaks) for signal in INSIDE)


def _value_of(reading: SignalSummary | None, *, peaks: bool) -> float | None:
    if reading is None:
        return None
    value = reading.max if peaks else reading.p95
    # Three significant digits, rounded up, so that rounding never moves a value below a limit.
    exponent = 0 if value < 1000 else math.floor(math.log10(value)) - 2
    return math.ceil(value / 10**exponent) * 10.0**exponent if exponent else math.ceil(value * 10) / 10


def _maximum(one: Values | None, other: Values) -> Values:
    if one is None:
        return other
    return tuple(_max(pair) for pair in zip(one, other, strict=True))


def _max(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _with_names(record: AgentRecord, names: tuple[str, ...]) -> dict[int, Values]:
    """The minutes of a record that was written for other signals, with the columns of today's."""
    columns = [record.names.index(name) if name in record.names else None for name in names]
    return {
        index: tuple(None if column is None else row[column] for column in columns) for index, row in record.minutes.items()
    }
