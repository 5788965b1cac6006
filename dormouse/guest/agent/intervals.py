"""Time as the agent knows it: seconds since the machine booted, and how often things happen."""

from __future__ import annotations

import time
from dataclasses import dataclass

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Seconds since the machine booted, sleep included; it does not care when somebody sets the clock."""
    return time.clock_gettime(_CLOCK)


@dataclass(frozen=True)
class Pace:
    """How often things happen; all of it follows from how long a minute is."""

    minute: float = 60.0

    @property
    def tick(self) -> float:
        """Between two samples of what changes quickly."""
        return max(0.1, self.minute / 60)

    @property
    def look(self) -> float:
        """Between two looks at what changes slowly, or costs more to see."""
        return max(0.2, self.minute / 5)

    @property
    def ticks_per_minute(self) -> int:
        """How many samples a full minute has."""
        return round(self.minute / self.tick)

    @property
    def looks_per_minute(self) -> int:
        """How many looks a full minute has."""
        return round(self.minute / self.look)
