"""What a use case works with: who asks, the durable client, the shared dependencies, and the command's idempotency key."""

from dataclasses import dataclass

from dormouse.access.roles import Caller
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import DurableClient


@dataclass(frozen=True, slots=True)
class CommandKey:
    """A command that may be sent again: its key, unique per caller, and when it came first (seconds since 1970)."""

    key: str
    first_sent_at: float


@dataclass(frozen=True, slots=True)
class Context:
    """One request to a use case; `command` is None where the caller sent no idempotency key."""

    client: DurableClient
    dependencies: Dependencies
    caller: Caller
    command: CommandKey | None = None
