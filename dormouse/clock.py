"""The one clock of the app, moments and lengths of time (in seconds; moments since 1970), and their texts."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class Clock:
    """Tells the time: real time, or simulated time that passes `speed` times as fast since `origin` (seconds since 1970)."""

    origin: float = 0.0
    speed: float = 1.0

    def now(self) -> float:
        """The present moment, in seconds since 1970."""
        return self.origin + (time.time() - self.origin) * self.speed

    def text(self) -> str:
        """The present moment as ISO 8601, to the second, in UTC."""
        return rfc3339(self.now())


def minutes_text(seconds: float) -> str:
    """A length of time in words."""
    minutes = round(seconds / MINUTE)
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def moment_text(moment: float) -> str:
    """A moment in words, to the minute, in UTC."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"


def day_began(moment: float) -> float:
    """When the day of a moment began in UTC, in seconds since 1970."""
    return moment - moment % DAY


def rfc3339(moment: float) -> str:
    """A moment as RFC 3339 text in UTC, to the second: `2026-05-01T12:00:00Z`."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"


def parse_moment(text: str) -> float:
    """The moment that an RFC 3339 text names, in seconds since 1970; raises ValueError."""
    return datetime.fromisoformat(text).timestamp()
