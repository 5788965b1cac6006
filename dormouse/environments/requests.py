"""Inputs and results of the activities that send one request to Azure, or read one record."""

from dataclasses import dataclass, field

from dormouse.environments.results import Refusal
from dormouse.lifecycle import Verb
from dormouse.resources.plan import Plan, Resource


@dataclass(frozen=True, slots=True)
class SecretRequest:
    """Input of the activities that renew a secret, or make an earlier `version` of it the newest again."""

    operation: str
    resource: Resource
    version: str = ""


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """Input of the activities that give a resource the password in a `version` of a secret, or check whether it has it.

    `secret` is the name of the secret ("": the only one of the resource).
    """

    resource: Resource
    version: str
    secret: str = ""


@dataclass(frozen=True, slots=True)
class PowerRequest:
    """Input of the activity that starts, stops or restarts one resource."""

    resource: Resource
    verb: Verb
    hibernate: bool = False


@dataclass(frozen=True, slots=True)
class PutRequest:
    """Input of the activity that puts a resource: the outputs that it reads, and its neighbours that existed before.

    Neighbours are the resources that it needs and those that need it. `update`: the resource itself existed before, and
    with `revert` it gets back what `Resource.before` says. `repeated`: Azure accepted the same put before, and it failed.
    """

    resource: Resource
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    existing: tuple[str, ...] = ()
    update: bool = False
    revert: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """Input of `build_resource`: whether to put the resource, and whether others read its outputs."""

    request: PutRequest
    put: bool = True
    read: bool = False


@dataclass(frozen=True, slots=True)
class BuildResult:
    """Result of `build_resource`: the outputs of the resource, or the refusal.

    The output `id` is the ID of a resource that follows from the outputs of others, if this operation may have created it.
    """

    resource: str
    outputs: dict[str, str] = field(default_factory=dict)
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class DetachRequest:
    """Input of the activity that keeps resources from being deleted together with the one that uses them."""

    resource: Resource
    kept: tuple[Resource, ...]


@dataclass(frozen=True, slots=True)
class PollRequest:
    """Input of the activity that polls a long-running Azure operation; `resource` is the one that it probes, if any.

    `may_repeat`: if the operation fails for a reason for which one repetition helps, the request is repeated.
    """

    url: str
    resource: Resource | None = None
    may_repeat: bool = False


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """Input of the activity that makes one preflight check: its name, the plan, and what is created or changed."""

    check: str
    plan: Plan
    absent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LockQuestion:
    """Input of the activity that checks whether an operation still holds the lock of its environment."""

    operation: str
    environment: str
