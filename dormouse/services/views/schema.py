"""What the OpenAPI document says of views: the name of each schema, and a description and an example of each property."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import Field

from dormouse.clock import parse_moment, rfc3339
from dormouse.resources.compute.machines import machine_id

T = TypeVar("T", bound=type)

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
MACHINE = machine_id(SUBSCRIPTION, "research", "gpu1")
VM = machine_id(SUBSCRIPTION, "rg-dormouse-ml1", "vm-ml1")
VAULT = "https://kv-dormouse.vault.azure.net"
SECRET = f"{VAULT}/secrets/dormouse-ml1-01jabcdefghjkmnpqrstvwxyz0"
OPERATION, SWEEP = "ml1-stop-01JABCDEFGHJKMNPQRSTVWXYZ0", "sweep-01JABCDEFGHJKMNPQRSTVWXYZ0"
NOON, ONE = "2026-05-01T12:00:00Z", "2026-05-01T13:00:00Z"
HOLD = {"by": "alice", "reason": "a long run", "since": NOON, "until": ONE}
ACTIVITY = {"by": "slurm", "until": ONE, "reason": "nightly training", "since": NOON}
LEASE = {"until": ONE, "then": "stop", "by": "alice", "since": NOON}


def schema(name: str) -> Callable[[T], T]:
    """Declare the name of a dataclass in the OpenAPI document."""

    def named(kind: T) -> T:
        kind.__pydantic_config__ = {"title": name}  # type: ignore[attr-defined]
        return kind

    return named


def moment(seconds: float | None) -> str | None:
    """A stored moment as views show it; None for none, which records write as 0.0."""
    return rfc3339(seconds) if seconds else None


def moment_of(text: str) -> str | None:
    """A moment that was stored as text, as views show it; None for none, which records write as ""."""
    return rfc3339(parse_moment(text)) if text else None
