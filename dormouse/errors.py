"""What the control plane refuses, as one tree.

ControlPlaneError
├── InvalidRequest          the request cannot be read
├── InvalidSpec             the request can be read, and is wrong in one or more places
├── RequestTooLarge         the request is larger than anybody needs
├── NotAuthenticated        nobody knows who asks
├── NotAllowed              whoever asks may not do this
├── NotFound
│   ├── BlueprintNotFound
│   ├── EnvironmentNotFound
│   ├── OperationNotFound
│   ├── MachineNotFound
│   └── SweepNotFound
├── IdempotencyKeyReused    the request carries a key that another request had
├── RequestUnderWay         the same request has come before, and is not answered yet
├── TooManyRequests         whoever asks has asked too often
├── EnvironmentBusy         another operation holds the environment
├── NameTaken               a resource group of that name exists, and no record of it
├── SweepUnderWay           another sweep has not ended yet
├── CommandNotPossible      the environment is in a state that does not take the command
├── UnreadableRecord        a stored row cannot be read by this release
└── CloudUnavailable        Azure cannot be asked right now
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a request: where (a JSON pointer, RFC 6901) and why."""

    pointer: str
    detail: str


class ControlPlaneError(Exception):
    """A "no" of the control plane, in words for the caller."""


class InvalidRequest(ControlPlaneError):
    """The request cannot be read at all."""


class InvalidSpec(ControlPlaneError):
    """The request is wrong in one or more places; every one of them is named."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} thing(s) in the request are wrong.")
        self.faults = tuple(faults)


class RequestTooLarge(ControlPlaneError):
    """The request is larger than anybody needs."""


class NotAuthenticated(ControlPlaneError):
    """The request does not prove who sends it."""


class NotAllowed(ControlPlaneError):
    """Whoever sends the request may not do this."""


class NotFound(ControlPlaneError):
    """What the caller names does not exist."""


class BlueprintNotFound(NotFound):
    """There is no blueprint of that name."""


class EnvironmentNotFound(NotFound):
    """There is no environment of that name."""


class OperationNotFound(NotFound):
    """There is no operation of that id."""


class MachineNotFound(NotFound):
    """There is no such machine among those that are watched."""


class SweepNotFound(NotFound):
    """There is no sweep of that id."""


class EnvironmentBusy(ControlPlaneError):
    """Another operation holds the environment; it is named, so that the caller can watch it."""

    def __init__(self, environment: str, operation: str) -> None:
        super().__init__(f"Environment {environment} is held by operation {operation}. Wait until it has ended.")
        self.operation = operation


class NameTaken(ControlPlaneError):
    """A resource group with the environment's name exists, and the control plane has no record of it."""


class IdempotencyKeyReused(ControlPlaneError):
    """The request carries a key that another request had: a key belongs to one request."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key came with another request before; take a new one for a new request.")


class RequestUnderWay(ControlPlaneError):
    """The same request has come before and is not answered yet; come back in a moment."""

    def __init__(self) -> None:
        super().__init__("The same request, with the same Idempotency-Key, is being answered; ask again in a moment.")


class TooManyRequests(ControlPlaneError):
    """Whoever asks has asked too often; they are told when to come back."""

    def __init__(self, seconds: float) -> None:
        super().__init__("You ask for more than one caller may in a minute; come back a little later.")
        self.seconds = seconds


class SweepUnderWay(ControlPlaneError):
    """Another sweep has not ended yet; it is named, so that the caller can watch it."""

    def __init__(self, sweep: str) -> None:
        super().__init__(f"Sweep {sweep} has not ended yet.")
        self.sweep = sweep


class CommandNotPossible(ControlPlaneError):
    """The environment is in a state that does not take this command."""


class UnreadableRecord(ControlPlaneError):
    """A stored row cannot be read by this release; it is kept unchanged, so that a newer release can read it."""

    def __init__(self, table: str, key: str, reason: str) -> None:
        super().__init__(
            f"This release cannot read the row {key!r} of the table {table!r}, and leaves it unchanged: {reason}"
        )
        self.table, self.key = table, key


class CloudUnavailable(ControlPlaneError):
    """Azure or the record store cannot be asked right now; the same request may work later."""
