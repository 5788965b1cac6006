"""Inputs and results of orchestrations and activities, and the records of environments and operations."""

from dataclasses import dataclass, field

from dormouse.environments.results import HealthCheckResult, Outcome
from dormouse.lifecycle import Verb
from dormouse.resources.compute.snapshots import Snapshots
from dormouse.resources.placement import Placement
from dormouse.resources.plan import Plan, Resource


@dataclass(frozen=True, slots=True)
class EnvironmentRecord:
    """The record of an environment: its spec (JSON text), its owner, and its resources.

    `ready` is whether the last provision succeeded, `owner_id` the owner's Microsoft Entra object ID. `resources` are all
    that its plans have named, without bodies, each after those that it needs: a deletion removes these and nothing else.
    `depends_on` names the environments whose resources it uses, `health_checks` are the results of the last ones.
    `placement` is where it is built, if that is not where the spec asks first: then `region` is that of the placement.
    `billed_since` is since when it has been billed for the same resources ("": since it was requested).
    """

    name: str
    blueprint: str
    owner: str
    region: str
    spec: str
    operation: str
    requested_at: str
    ready: bool = False
    owner_id: str = ""
    resources: tuple[Resource, ...] = ()
    depends_on: tuple[str, ...] = ()
    health_checks: tuple[HealthCheckResult, ...] = ()
    placement: Placement | None = None
    billed_since: str = ""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another placement of an environment: its plan, and the record of the environment once it is built there."""

    placement: Placement
    plan: Plan
    record: EnvironmentRecord


@dataclass(frozen=True, slots=True)
class Provision:
    """Input of `provision_environment`: the plan, and its alternatives in the order in which they are tried.

    The alternatives are for the case that Azure has no capacity for the plan; `placement` is that of the plan. `obsolete`
    are resources of earlier plans that are deleted once the plan is in effect.
    """

    plan: Plan
    record: EnvironmentRecord
    new: bool = True
    was_ready: bool = False
    placement: Placement | None = None
    alternatives: tuple[Alternative, ...] = ()
    obsolete: tuple[Resource, ...] = ()


@dataclass(frozen=True, slots=True)
class OtherSize:
    """A placement with another VM size, to which stopped machines may be resized, and the record if all of them are."""

    placement: Placement
    record: EnvironmentRecord


@dataclass(frozen=True, slots=True)
class PowerChange:
    """Input of `change_power` and `hibernate_environment`: the resources of the environment, with their guest setups.

    `checked` is False if their setup is unknown, so that health checks cannot run after a start. `only` names the
    resources whose power changes (empty: all). `placement` is where they are (`recorded_placement`: as it is recorded), and
    `other_sizes` are those to which they may be resized if Azure has no capacity to start them. `deallocates`: what cannot
    hibernate is stopped without its memory.
    """

    operation: str
    environment: str
    verb: Verb
    resources: tuple[Resource, ...]
    checked: bool = True
    only: tuple[str, ...] = ()
    placement: Placement | None = None
    other_sizes: tuple[OtherSize, ...] = ()
    deallocates: bool = False
    recorded_placement: Placement | None = None


@dataclass(frozen=True, slots=True)
class Resize:
    """Input of `resize_environment`: the plan with the new size, and the record as it is once that is in effect.

    `Resource.before` of those that are resized has the size that is put back if Azure rejects the new one. `restart`: what
    computes may be stopped, and is started again.
    """

    operation: str
    plan: Plan
    record: EnvironmentRecord
    size: str
    restart: bool = False


@dataclass(frozen=True, slots=True)
class PasswordRotation:
    """Input of `rotate_password`: the resources of the environment, those with a guest setup included.

    `note` says why it began if it was not requested, and ends the reason of the outcome. `only` names the secrets that are
    renewed (empty: all).
    """

    operation: str
    environment: str
    resources: tuple[Resource, ...]
    note: str = ""
    only: tuple[str, ...] = ()


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

    With `purge`, what Azure keeps recoverable is purged, including what was deleted before. `snapshots` are taken first.
    """

    operation: str
    environment: str
    delay_seconds: float = 0.0
    purge: bool = False
    snapshots: Snapshots | None = None


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
