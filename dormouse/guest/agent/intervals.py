"""The clock of the agent, in seconds since the boot of the machine, and its sampling intervals."""

from __future__ import annotations

import time
from dataclasses import dataclass

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Seconds since boot, including suspension; unaffected by changes of the wall clock."""
    return time.clock_gettime(_CLOCK)


@dataclass(frozen=True)
class Intervals:
    """The sampling intervals in seconds, all derived from the length of a minute."""

    minute: float = 60.0

    @property
    def tick(self) -> float:
        """Between two samples of quick sources."""
        return max(0.1, self.minute / 60)

    @property
    def look(self) -> float:
        """Between two samples of slow sources."""
        return max(0.2, self.minute / 5)

    @property
    def ticks_per_minute(self) -> int:
        """Samples of quick sources per full minute."""
        return round(self.minute / self.tick)

    @property
    def looks_per_minute(self) -> int:
        """Samples of slow sources per full minute."""
        return round(self.minute / self.look)
