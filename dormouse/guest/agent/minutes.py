"""Minutes: aggregation of samples, and the queue of minutes that the control plane has not confirmed."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from .intervals import Intervals

MOST_MINUTES = 360


@dataclass(frozen=True)
class Minute:
    """The summary of one minute: the maximum and the 95th percentile of every known signal."""

    sequence: int
    ended: float
    signals: dict[str, dict[str, float]]


def summarize(samples: Sequence[float]) -> dict[str, float]:
    """The maximum and the 95th percentile (by nearest rank)."""
    ordered = sorted(samples)
    return {"max": round(ordered[-1], 2), "p95": round(ordered[math.ceil(0.95 * len(ordered)) - 1], 2)}


class MinuteAggregator:
    """Aggregates the samples of the current minute.

    Minutes are numbered from `began`, so a suspension leaves a gap in the numbers. A signal with samples for less than half
    of a minute is left out of it.
    """

    def __init__(self, began: float, intervals: Intervals) -> None:
        self._began = began
        self._intervals = intervals
        self._sequence = 0
        self._ticks: dict[str, list[float]] = {}
        self._looks: dict[str, list[float]] = {}
        self._ticked = 0
        self._lock = threading.Lock()

    @property
    def minute_began(self) -> float:
        """When the current minute began."""
        return self._began + self._sequence * self._intervals.minute

    def tick(self, signals: Mapping[str, float]) -> None:
        """Add a sample of the quick sources."""
        with self._lock:
            self._ticked += 1
            for name, value in signals.items():
                self._ticks.setdefault(name, []).append(value)

    def look(self, signals: Mapping[str, float]) -> None:
        """Add a sample of the slow sources."""
        with self._lock:
            for name, value in signals.items():
                self._looks.setdefault(name, []).append(value)

    def finish(self, moment: float) -> Minute | None:
        """The summary of the minute if it has ended; None if not, or if it has too few samples."""
        sequence = int((moment - self._began) // self._intervals.minute)
        if sequence <= self._sequence:
            return None
        with self._lock:
            ended = self._began + (self._sequence + 1) * self._intervals.minute
            minute = Minute(self._sequence, ended, self._summary()) if self._has_enough_samples() else None
            self._sequence, self._ticked = sequence, 0
            self._ticks, self._looks = {}, {}
        return minute

    def _has_enough_samples(self) -> bool:
        return 2 * self._ticked >= self._intervals.ticks_per_minute

    def _summary(self) -> dict[str, dict[str, float]]:
        kinds = ((self._ticks, self._intervals.ticks_per_minute), (self._looks, self._intervals.looks_per_minute))
        return {
            name: summarize(samples)
            for known, expected in kinds
            for name, samples in sorted(known.items())
            if 2 * len(samples) >= expected
        }


class UnconfirmedMinutes:
    """A queue of the minutes that the control plane has not confirmed; when it is full, the oldest are dropped."""

    def __init__(self) -> None:
        self._minutes: deque[Minute] = deque(maxlen=MOST_MINUTES)
        self._lock = threading.Lock()

    def keep(self, minute: Minute) -> None:
        """Add the newest minute."""
        with self._lock:
            self._minutes.append(minute)

    def oldest_first(self) -> list[Minute]:
        """A copy of the queue."""
        with self._lock:
            return list(self._minutes)

    def confirm(self, sequences: Collection[int]) -> None:
        """Remove confirmed minutes."""
        with self._lock:
            self._minutes = deque((each for each in self._minutes if each.sequence not in sequences), MOST_MINUTES)

    def forget_older_half(self) -> None:
        """Drop the older half, after the control plane has rejected it."""
        with self._lock:
            for _ in range(math.ceil(len(self._minutes) / 2)):
                self._minutes.popleft()
