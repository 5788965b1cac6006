"""Every error that the control plane reports to a caller, as one tree.

ControlPlaneError
├── InvalidRequest          the request is malformed
├── InvalidSpec             the request is well-formed, but has validation errors
│   └── ParentNotReady      the spec is valid, but an environment that it depends on is not there or not ready
├── RequestTooLarge         the body exceeds the size limit
├── NotAuthenticated        the request has no valid credentials
├── NotAllowed              the caller's role does not permit this
├── NotFound
│   ├── BlueprintNotFound
│   ├── EnvironmentNotFound
│   ├── OperationNotFound
│   ├── MachineNotFound
│   └── SweepNotFound
├── IdempotencyKeyReused    the Idempotency-Key was already sent with another request
├── RequestUnderWay         a request with the same Idempotency-Key is still being processed
├── TooManyRequests         the caller exceeded a rate limit
├── EnvironmentBusy         another operation is running on the environment
├── NameTaken               a resource group with the environment's name exists, without a record of it
├── SweepUnderWay           another sweep is running
├── CommandNotPossible      the current state does not allow the command
├── ConcurrentChange        another request modified the same record at the same time
├── OperationFailed         the operation ended without success
├── UnreadableRecord        this release cannot read a stored row
├── CloudUnavailable        Azure did not answer, or answered that it is temporarily unavailable
├── RefusedByAzure          Azure rejected a read of the control plane, and a retry does not help
└── Misconfigured           settings of the control plane are missing or invalid
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from dormouse.text.doc import doc


@dataclass(frozen=True, slots=True)
class Fault:
    """One validation error: the JSON pointer (RFC 6901) of the value, and what is wrong with it."""

    pointer: Annotated[str, doc("The JSON pointer (RFC 6901) of the value.", "/region")]
    detail: Annotated[str, doc("What is wrong with it.", "'nowhere' is not a region.")]


class ControlPlaneError(Exception):
    """The base of all errors that are reported to a caller; the message is written for the caller."""


class InvalidRequest(ControlPlaneError):
    """The request is malformed: its query, headers or body cannot be parsed."""


class InvalidSpec(ControlPlaneError):
    """The request has validation errors; all of them are listed in `errors`."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        count = len(faults)
        super().__init__(f"The request has {count} validation error{'' if count == 1 else 's'}.")
        self.faults = tuple(faults)


class ParentNotReady(InvalidSpec):
    """The spec is valid, but an environment that it depends on does not exist or is not ready; `errors` names each."""


class RequestTooLarge(ControlPlaneError):
    """The request body exceeds the size limit."""


class NotAuthenticated(ControlPlaneError):
    """The request has no valid credentials."""


class NotAllowed(ControlPlaneError):
    """The caller's role does not permit this request."""


class NotFound(ControlPlaneError):
    """The requested object does not exist."""


class BlueprintNotFound(NotFound):
    """There is no blueprint with this name."""


class EnvironmentNotFound(NotFound):
    """There is no environment with this name."""


class OperationNotFound(NotFound):
    """There is no operation with this ID."""


class MachineNotFound(NotFound):
    """The sweep does not watch a virtual machine with this resource ID."""


class SweepNotFound(NotFound):
    """There is no sweep with this ID."""


class EnvironmentBusy(ControlPlaneError):
    """Another operation is running on the environment; `operation` is its ID."""

    def __init__(self, environment: str, operation: str) -> None:
        super().__init__(f"Operation {operation} is running on environment {environment}; retry after it has ended.")
        self.operation = operation


class NameTaken(ControlPlaneError):
    """A resource group with the environment's name exists, but the control plane has no record of the environment."""


class IdempotencyKeyReused(ControlPlaneError):
    """The Idempotency-Key was already sent with a different request; use a new key for every request."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was already sent with a different request; use a new key for a new request.")


class RequestUnderWay(ControlPlaneError):
    """A request with the same Idempotency-Key is still being processed; retry after `Retry-After` seconds."""

    def __init__(self) -> None:
        super().__init__("A request with the same Idempotency-Key is still being processed; retry in a few seconds.")


class TooManyRequests(ControlPlaneError):
    """The caller exceeded a rate limit; `Retry-After` tells after how many seconds the next request is accepted."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        super().__init__(f"Rate limit exceeded ({limit} requests per minute); retry after {self.retry_after} s.")

    @property
    def retry_after(self) -> int:
        """The whole seconds after which the next request is accepted."""
        return math.ceil(round(self.seconds, 3))


class SweepUnderWay(ControlPlaneError):
    """Another sweep is running; `Location` leads to it."""

    def __init__(self, sweep: str) -> None:
        super().__init__(f"Sweep {sweep} is still running; retry after it has ended.")
        self.sweep = sweep


class CommandNotPossible(ControlPlaneError):
    """The current state of the environment, virtual machine or operation does not allow this command."""


class ConcurrentChange(ControlPlaneError):
    """Another request modified the same record at the same time; nothing was changed, and a retry is safe."""


class OperationFailed(ControlPlaneError):
    """The operation did not succeed: it was refused or cancelled, failed, or ended unhealthy; `operation` is its ID."""

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(reason)
        self.operation = operation


class UnreadableRecord(ControlPlaneError):
    """This release cannot read a stored row; the row is left unchanged, so that a newer release can read it."""

    def __init__(self, table: str, key: str, reason: str) -> None:
        super().__init__(f"This release cannot read row {key!r} of table {table!r} and leaves it unchanged: {reason}")
        self.table, self.key = table, key


class CloudUnavailable(ControlPlaneError):
    """An Azure service did not answer or is temporarily unavailable; retry after `Retry-After` seconds."""


class RefusedByAzure(ControlPlaneError):
    """Azure rejected a read of the control plane, for example because its identity lacks a permission.

    A retry does not help until an administrator has removed the cause, which the message names.
    """


class Misconfigured(ControlPlaneError):
    """Settings of the control plane are missing or invalid; its log names every one of them."""
