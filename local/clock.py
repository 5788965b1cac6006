"""A clock that may run faster than real time, so that waiting costs little."""

import asyncio
import time
from datetime import UTC, datetime


class Clock:
    """Simulated time: `speed` simulated seconds pass in one real second, counted from a fixed origin."""

    def __init__(self, speed: float = 1.0, origin: float | None = None) -> None:
        """Start now, or continue from the origin (real seconds since 1970) of an earlier run."""
        self.speed = speed
        self.origin = time.time() if origin is None else origin

    def seconds(self) -> float:
        """Simulated seconds since 1970."""
        return self.origin + (time.time() - self.origin) * self.speed

    def now(self) -> datetime:
        """The simulated time, in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    def set(self, seconds: float) -> None:
        """Continue at this simulated time; raises ValueError at real speed, where simulated time is real time."""
        if self.speed == 1.0:
            raise ValueError("a clock at real speed cannot be set")
        self.origin = (time.time() * self.speed - seconds) / (self.speed - 1.0)

    def change_speed(self, speed: float) -> None:
        """Let simulated time pass at another speed from now on; raises ValueError if it is real speed."""
        now, self.speed = self.seconds(), speed
        self.set(now)

    async def sleep(self, simulated_seconds: float) -> None:
        """Sleep for some simulated seconds."""
        await asyncio.sleep(max(simulated_seconds, 0.0) / self.speed)


def timestamp(moment: datetime) -> str:
    """A time as .NET writes it: ISO 8601 in UTC with seven digits of a second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def moment(text: str) -> datetime:
    """The time of a timestamp in any zone; one without a zone is in UTC. Raises ValueError."""
    read = datetime.fromisoformat(text)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
