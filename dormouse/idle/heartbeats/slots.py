"""Slots: the seconds in which agents report, all within a short time, so that instances of the app rest in between.

Azure bills the time in which an instance executes anything, at least a second each time, and what executes at the same
time shares it: heartbeats that come in a few seconds cost a fraction of those that come all the time.
https://learn.microsoft.com/azure/azure-functions/functions-consumption-costs
"""

from zlib import crc32

ENDS_BEFORE = 8  # seconds before a minute is over; sweeps begin with a minute
NARROW = 2.0  # seconds of the shortest slot
# Seconds of the longest: each fits into its minute, and the newest minutes of calm agents are still no older than
# `REPORTING_LAG` allows for.
WIDE_QUICK, WIDE_CALM = 45.0, 60.0
AGENTS_A_SECOND = 40  # a heartbeat takes about 10 ms of CPU time, and an instance of 2 GB has one core


class Crowd:
    """How many agents this process answers per slot, and so how long their next slot has to be.

    It knows nothing of other instances: with several, each counts its share, and slots become as long as its share needs.
    """

    def __init__(self, widest: float) -> None:
        """Begin without knowing how many agents there are; `widest`: the seconds of the longest slot."""
        self._widest = widest
        self._interval, self._count, self._before = -1, 0, 0

    def seconds(self, now: float, every: int) -> float:
        """Count an agent that is answered now and has a slot `every` so many seconds; returns the seconds of its slot."""
        interval = int(now // every)
        if interval != self._interval:
            self._before = self._count if interval == self._interval + 1 else 0
            self._interval, self._count = interval, 0
        self._count += 1
        if self._count > max(self._before, NARROW * AGENTS_A_SECOND):
            return self._widest  # more than before: it is unknown how many follow
        return min(max(self._before / AGENTS_A_SECOND, NARROW), self._widest)


class Slots:
    """The slots of agents while nothing is to be said, and of those for which a minute counts."""

    def __init__(self) -> None:
        """Begin without knowing how many there are of either."""
        self.calm, self.quick = Crowd(WIDE_CALM), Crowd(WIDE_QUICK)


def next_in_slot(key: str, earliest: float, every: int, seconds: float, minutes_before: int = 0) -> float:
    """The next moment of a machine from another on: its own place in slots that end `ENDS_BEFORE` a multiple of `every`.

    `minutes_before`: the slots are so many minutes earlier.
    """
    place = crc32(key.encode()) / 2**32 * seconds - seconds - ENDS_BEFORE - 60 * minutes_before
    return earliest + (place - earliest) % every
