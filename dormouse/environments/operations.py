"""Inputs and results of orchestrations and activities, and the records of environments and operations."""

from dataclasses import dataclass, field

from dormouse.environments.results import Outcome, Refusal
from dormouse.lifecycle import Verb
from dormouse.resources.machines import address_id, machine_id
from dormouse.resources.plan import Plan, PlannedMachine, Resource


@dataclass(frozen=True, slots=True)
class EnvironmentRecord:
    """The record of an environment: its spec (JSON text), its owner, and the names of its resources.

    `ready` is whether the last provision succeeded, `owner_id` the owner's Microsoft Entra object ID, and `resources` the
    IDs of all resources that its plans created: a deletion removes these and nothing else.
    """

    name: str
    blueprint: str
    owner: str
    region: str
    group: str
    machine: str
    secret: str
    spec: str
    operation: str
    requested_at: str
    ready: bool = False
    owner_id: str = ""
    resources: tuple[str, ...] = ()

    def machine_id(self, subscription: str) -> str:
        """The resource ID of its VM."""
        return machine_id(subscription, self.group, self.machine)

    def address_id(self, subscription: str) -> str:
        """The resource ID of its public IP address."""
        return address_id(subscription, self.group, self.name)


@dataclass(frozen=True, slots=True)
class Provision:
    """Input of `provision_environment`."""

    plan: Plan
    record: EnvironmentRecord
    new: bool = True
    was_ready: bool = False


@dataclass(frozen=True, slots=True)
class ChangePower:
    """Input of `change_power`; `inside` is the VM whose health is checked after a start or restart."""

    operation: str
    environment: str
    verb: Verb
    group: str
    machine: str
    subscription: str = ""
    hibernate: bool = False
    inside: PlannedMachine | None = None


@dataclass(frozen=True, slots=True)
class Adoption:
    """Input of `adopt_machine` and `release_machine`: the VM, its new tags, and whether to install or remove the agent."""

    operation: str
    lock: str
    machine: str
    group: str
    name: str
    subscription: str
    tags: dict[str, str] = field(default_factory=dict)
    agent: bool = True


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """Input of `delete_environment`; it starts after `delay_seconds`, so that requests already sent to Azure take effect.

    With `purge`, its secrets are purged, including those that were deleted before.
    """

    operation: str
    environment: str
    group: str
    delay_seconds: float = 0.0
    purge: bool = False


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """Input of every activity that puts a resource: the resource, and the outputs of its dependencies.

    `put` is False for a resource that exists unchanged and whose outputs other resources need.
    """

    resource: Resource
    put: bool = True
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    machine_exists: bool = False


@dataclass(frozen=True, slots=True)
class PollRequest:
    """Input of the activity that polls a long-running Azure operation."""

    url: str
    machine: PlannedMachine | None = None


@dataclass(frozen=True, slots=True)
class BuildResult:
    """Result of `build_resource`."""

    resource: str
    outputs: dict[str, str] = field(default_factory=dict)
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """Input of the health check inside a VM."""

    machine: PlannedMachine


@dataclass(frozen=True, slots=True)
class LockQuestion:
    """Input of the activity that checks whether an operation still holds the lock of its environment."""

    operation: str
    environment: str


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The cancellation event of an operation: who cancelled it."""

    by: str


@dataclass(frozen=True, slots=True)
class ResourceProgress:
    """The progress of one resource or step of an operation; times are seconds since the operation started."""

    name: str
    state: str
    needs: tuple[str, ...] = ()
    began: float | None = None
    ended: float | None = None

    @property
    def seconds(self) -> float:
        """The duration in seconds, or 0.0 before the end."""
        return 0.0 if self.began is None or self.ended is None else self.ended - self.began


@dataclass(frozen=True, slots=True)
class Completion:
    """Input of the activity that completes an operation: outcome, progress, and whether to forget the environment."""

    operation: str
    environment: str
    outcome: Outcome
    began_at: str
    ended_at: str
    steps: tuple[ResourceProgress, ...] = ()
    forget_environment: bool = False


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """The record of an operation; `outcome` is None while it runs.

    `instance_id` is the orchestration that runs it, if its ID differs; `channel` is how the request arrived.
    """

    id: str
    environment: str
    verb: Verb
    by: str
    accepted_at: str
    steps: tuple[ResourceProgress, ...] = ()
    began_at: str = ""
    ended_at: str = ""
    outcome: Outcome | None = None
    instance_id: str = ""
    channel: str = ""
