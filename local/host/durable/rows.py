"""The rows of the host's store."""

from dataclasses import dataclass

from local.host.durable.events import Event


@dataclass(slots=True)
class Instance:
    """The state of one orchestration instance; texts are JSON."""

    id: str
    execution: str
    name: str
    status: str
    input: str | None
    output: str | None
    custom_status: str | None
    created: str
    updated: str
    parent: str | None
    version: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the instance has ended."""
        return self.status in ENDED


ENDED = frozenset({"Completed", "Failed", "Terminated", "Canceled"})


@dataclass(frozen=True, slots=True)
class Work:
    """An activity to be called."""

    number: int
    instance: str
    execution: str
    task: int
    name: str
    input: str | None


@dataclass(frozen=True, slots=True)
class Alarm:
    """A durable timer."""

    number: int
    instance: str
    execution: str
    task: int
    fire_at: str


@dataclass(frozen=True, slots=True)
class Entity:
    """The state of a durable entity, as JSON text."""

    id: str
    state: str | None
    updated: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message that an instance has not processed yet."""

    number: int
    execution: str | None
    event: Event
