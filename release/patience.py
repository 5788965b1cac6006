"""Waiting for something that Azure does in its own time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from release.arm import CheckFailed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for one thing, and how often to look, both in seconds."""

    seconds: float
    every: float = 15.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def until(self, look: Callable[[], T]) -> T:
        """The first result of `look` that is no CheckFailed; raises the last CheckFailed when the time is over."""
        end = self.clock() + self.seconds
        while True:
            try:
                return look()
            except CheckFailed as failed:
                if self.clock() + self.every > end:
                    raise CheckFailed(f"{failed} (after {self.seconds:.0f} s)") from None
            self.sleep(self.every)
