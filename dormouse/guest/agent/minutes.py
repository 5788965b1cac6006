"""Minutes: what the samples of one come to, and those that the control plane has not confirmed yet."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from .intervals import Pace

MOST_MINUTES = 360


@dataclass(frozen=True)
class Minute:
    """One minute in short: for every signal that was known, its maximum and its 95th percentile."""

    sequence: int
    ended: float
    signals: dict[str, dict[str, float]]


def in_short(samples: Sequence[float]) -> dict[str, float]:
    """The maximum and the 95th percentile (by nearest rank)."""
    ordered = sorted(samples)
    return {"max": round(ordered[-1], 2), "p95": round(ordered[math.ceil(0.95 * len(ordered)) - 1], 2)}


class Ledger:
    """The samples of the minute under way.

    Minutes are counted from `began`, whether they were seen or not: one that was slept through leaves a gap in the numbers.
    What was known during less than half of a minute is left out of it.
    """

    def __init__(self, began: float, pace: Pace) -> None:
        self._began = began
        self._pace = pace
        self._sequence = 0
        self._ticks: dict[str, list[float]] = {}
        self._looks: dict[str, list[float]] = {}
        self._ticked = 0
        self._lock = threading.Lock()

    @property
    def minute_began(self) -> float:
        """When the minute under way began."""
        return self._began + self._sequence * self._pace.minute

    def tick(self, signals: Mapping[str, float]) -> None:
        """Take a sample of what changes quickly."""
        with self._lock:
            self._ticked += 1
            for name, value in signals.items():
                self._ticks.setdefault(name, []).append(value)

    def look(self, signals: Mapping[str, float]) -> None:
        """Take a sample of what changes slowly."""
        with self._lock:
            for name, value in signals.items():
                self._looks.setdefault(name, []).append(value)

    def turn(self, moment: float) -> Minute | None:
        """The minute that has ended, if one has and enough of it was seen."""
        sequence = int((moment - self._began) // self._pace.minute)
        if sequence <= self._sequence:
            return None
        with self._lock:
            ended = self._began + (self._sequence + 1) * self._pace.minute
            minute = Minute(self._sequence, ended, self._summary()) if self._seen() else None
            self._sequence, self._ticked = sequence, 0
            self._ticks, self._looks = {}, {}
        return minute

    def _seen(self) -> bool:
        return 2 * self._ticked >= self._pace.ticks_per_minute

    def _summary(self) -> dict[str, dict[str, float]]:
        kinds = ((self._ticks, self._pace.ticks_per_minute), (self._looks, self._pace.looks_per_minute))
        return {
            name: in_short(samples)
            for known, expected in kinds
            for name, samples in sorted(known.items())
            if 2 * len(samples) >= expected
        }


class Unconfirmed:
    """The minutes that the control plane has not confirmed, oldest first; the oldest go when there are too many."""

    def __init__(self) -> None:
        self._minutes: deque[Minute] = deque(maxlen=MOST_MINUTES)
        self._lock = threading.Lock()

    def keep(self, minute: Minute) -> None:
        """Add the newest."""
        with self._lock:
            self._minutes.append(minute)

    def oldest_first(self) -> list[Minute]:
        """All of them, as they are now."""
        with self._lock:
            return list(self._minutes)

    def confirm(self, sequences: Collection[int]) -> None:
        """Forget those that have arrived."""
        with self._lock:
            self._minutes = deque((each for each in self._minutes if each.sequence not in sequences), MOST_MINUTES)

    def forget_older_half(self) -> None:
        """Forget what the control plane cannot digest."""
        with self._lock:
            for _ in range(math.ceil(len(self._minutes) / 2)):
                self._minutes.popleft()
