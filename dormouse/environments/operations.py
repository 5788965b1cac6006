"""Operations: what is asked of an orchestration and its activities, and what is remembered of it."""

from dataclasses import dataclass, field

from dormouse.environments.results import Outcome, Refusal
from dormouse.lifecycle import Verb
from dormouse.resources.machines import address_id, machine_id
from dormouse.resources.plan import Plan, PlannedMachine, Resource


@dataclass(frozen=True, slots=True)
class EnvironmentRecord:
    """What was asked for: the spec as JSON text, who owns it, and under which names it was built.

    `whole` says whether the last provision of it came to a good end, `owner_id` who may act on it (an object id of Entra's),
    `resources` the ids of everything that its plans have named: what a deletion removes, and nothing else.
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
        """The resource id of its machine."""
        return machine_id(subscription, self.group, self.machine)

    def address_id(self, subscription: str) -> str:
        """The resource id of its public address."""
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
    """Input of `change_power`; `inside` is the machine that a start or restart is checked in."""

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
    """Input of `adopt_machine` and `release_machine`: the machine, its new tags, and whether an agent comes along."""

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
    """Input of `delete_environment`; it begins after `settle` seconds, in which what is under way may arrive.

    With `purge`, its secrets are gone for good, those among them that were deleted before.
    """

    operation: str
    environment: str
    group: str
    delay_seconds: float = 0.0
    purge: bool = False


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """Input of every activity that puts a resource: the step, and what the steps it needs have found out.

    `put` is False for a resource that exists and needs no change, but about which later steps must know something.
    """

    resource: Resource
    put: bool = True
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    machine_exists: bool = False


@dataclass(frozen=True, slots=True)
class PollRequest:
    """Input of the activity that asks how a long operation of Azure stands."""

    url: str
    machine: PlannedMachine | None = None


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What `build_resource` answers."""

    resource: str
    outputs: dict[str, str] = field(default_factory=dict)
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """Input of the health check inside a machine."""

    machine: PlannedMachine


@dataclass(frozen=True, slots=True)
class LockQuestion:
    """Input of the activity that looks whether an operation still holds the lock of its environment."""

    operation: str
    environment: str


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What an operation is told that nobody wants any more: by whom."""

    by: str


@dataclass(frozen=True, slots=True)
class ResourceProgress:
    """How one step of an operation stands; seconds count from the operation's start."""

    name: str
    state: str
    needs: tuple[str, ...] = ()
    began: float | None = None
    ended: float | None = None

    @property
    def seconds(self) -> float:
        """How long the step took, or 0.0 while it has not ended."""
        return 0.0 if self.began is None or self.ended is None else self.ended - self.began


@dataclass(frozen=True, slots=True)
class Completion:
    """Input of the activity that closes an operation: its trail, its outcome, and what becomes of the environment."""

    operation: str
    environment: str
    outcome: Outcome
    began_at: str
    ended_at: str
    steps: tuple[ResourceProgress, ...] = ()
    forget_environment: bool = False


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """What was done to an environment, by whom, and what came of it; `outcome` is None while it runs.

    `carrier` is the orchestration that does it, where that is not one of its own; `door` is how whoever asked came in.
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
