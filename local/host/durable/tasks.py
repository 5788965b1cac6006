"""The objects of a replay: pending tasks, and new decisions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from local.host.durable.events import EventType


class NonDeterministic(Exception):
    """The orchestrator's actions do not match its history."""


class Unsupported(Exception):
    """The orchestrator uses a feature that this host does not support."""


@dataclass(slots=True)
class Task:
    """A pending task; it notifies its listeners when it ends."""

    ended: bool = False
    failed: bool = False
    waiters: list[Callable[["Task"], None]] = field(default_factory=list)

    def end(self, *, failed: bool = False) -> None:
        """End the task; later calls are ignored."""
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
    """A new decision: `kind` is the history event that it becomes."""

    kind: EventType
    identifier: int
    name: str = ""
    input: str | None = None
    instance: str = ""
    fire_at: datetime | None = None
    signal: bool = False
    version: str | None = None


def together(children: Sequence[Task], *, first: bool) -> Task:
    """A task that ends with the first of these tasks, or with the last of them."""
    whole = Task()
    wanted = min(1, len(children)) if first else len(children)

    def count(_: Task) -> None:
        if sum(child.ended for child in children) >= wanted:
            whole.end()

    for child in children:
        child.then(count)
    if not children:
        whole.end()
    return whole
