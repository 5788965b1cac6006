"""The requests that Azure takes for a kind of resource; a capability that is None is skipped."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.environments.answers import Answer, Checked
from dormouse.environments.requests import DetachRequest, LoginRequest, PowerRequest, PutRequest, SecretRequest
from dormouse.environments.results import Refusal
from dormouse.resources.compute.snapshots import SnapshotRequest
from dormouse.resources.kinds import Observed
from dormouse.resources.plan import Plan, Resource

Put = Callable[[PutRequest, Cloud], Awaitable[Answer]]
Get = Callable[[Resource, Cloud], Awaitable[Observed | None]]
Act = Callable[[Resource, Cloud], Awaitable[Answer]]
# The refusals that Azure would answer to a plan, for those of its resources that are to be created or changed.
Check = Callable[[Plan, Sequence[Resource], Cloud], Awaitable[Sequence[Refusal]]]


@dataclass(frozen=True, slots=True)
class ProbeApi:
    """The health check of a resource: how it begins, and the results in the body of its last response.

    One that Azure answers at once has its results when it has begun.
    """

    begin: Callable[[Resource, Cloud], Awaitable[Answer | Checked]]
    read: Callable[[Resource, Any], Checked]


@dataclass(frozen=True, slots=True)
class SoftDeleteApi:
    """Resources that Azure keeps recoverable: those of an environment that were deleted, and their purge."""

    list_deleted: Callable[[str, Cloud], Awaitable[Sequence[Resource]]]
    purge: Act


@dataclass(frozen=True, slots=True)
class RotationApi:
    """A secret that can be renewed: a new version of it, and the previous version as the newest one again.

    Both answer with the versions `previous` and `current`, and never with a secret.
    """

    renew: Callable[[SecretRequest, Cloud], Awaitable[Answer]]
    restore: Callable[[SecretRequest, Cloud], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class LoginApi:
    """The password inside a resource: how it is changed and checked, and what the body of the last response says of it."""

    change: Callable[[LoginRequest, Cloud], Awaitable[Answer]]
    check: Callable[[LoginRequest, Cloud], Awaitable[Answer]]
    read: Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class ResourceApi:
    """The requests to Azure for one kind of resource; every one of them is safe to repeat.

    `update` changes an existing resource, such as its size, where a put of its whole body is not possible. `suspend` comes
    before what the resource needs is stopped or deleted, and `resume` after it was started. `detach` keeps resources from
    being deleted together with this one. `read_put` is what the body of the last response to a put says, where a script
    inside a machine does it. `preflight` finds early what Azure would refuse late.
    """

    put: Put
    get: Get
    delete: Act
    update: Put | None = None
    read_put: Callable[[Resource, Any], Answer] | None = None
    power: Callable[[PowerRequest, Cloud], Awaitable[Answer]] | None = None
    probe: ProbeApi | None = None
    suspend: Act | None = None
    resume: Act | None = None
    detach: Callable[[DetachRequest, Cloud], Awaitable[Answer]] | None = None
    soft_delete: SoftDeleteApi | None = None
    rotation: RotationApi | None = None
    login: LoginApi | None = None
    snapshot: Callable[[SnapshotRequest, Cloud], Awaitable[Answer]] | None = None
    preflight: tuple[Check, ...] = ()
