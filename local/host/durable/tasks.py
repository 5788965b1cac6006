"""What a replay deals in: tasks that are waited for, and decisions that are new."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from local.host.durable.events import EventType


class NonDeterministic(Exception):
    """The orchestrator does not ask for what its history says it asked for."""


class Unsupported(Exception):
    """The orchestrator asks for something this host cannot do."""


@dataclass(slots=True)
class Task:
    """Something being waited for; told to everybody who waits when it ends."""

    ended: bool = False
    failed: bool = False
    waiters: list[Callable[["Task"], None]] = field(default_factory=list)

    def end(self, *, failed: bool = False) -> None:
        """End once; later ends are ignored."""
        if self.ended:
            return
        self.ended, self.failed = True, failed
        for waiter in self.waiters:
            waiter(self)

    def then(self, waiter: Callable[["Task"], None]) -> None:
        """Call back when it ends, or at once if it has ended."""
        if self.ended:
            waiter(self)
        else:
            self.waiters.append(waiter)


@dataclass(frozen=True, slots=True)
class Decision:
    """Something new to do: `kind` is the history event that it becomes."""

    kind: EventType
    identifier: int
    name: str = ""
    input: str | None = None
    instance: str = ""
    fire_at: datetime | None = None
    signal: bool = False
