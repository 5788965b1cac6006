"""Sweeps: inputs and results of the orchestrators and activities of a sweep."""

from dataclasses import dataclass

from dormouse.environments.answers import Answer
from dormouse.environments.operations import DeleteRequest, PowerChange, ResourceProgress
from dormouse.environments.requests import PowerRequest
from dormouse.environments.results import Outcome, Refusal
from dormouse.idle.decision import NextAction
from dormouse.idle.jobs.waiting import WaitingJob
from dormouse.idle.report import SweepSummary
from dormouse.idle.targets import Target
from dormouse.idle.tracking import ActionReason
from dormouse.lifecycle import Verb
from dormouse.resources.compute.snapshots import Snapshots
from dormouse.resources.plan import Resource

# Resource Manager allows bursts of 200 writes and then 10 per second; all pages together use 60 % of that.
# https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
BURST, BATCH, BATCH_SECONDS = 120, 30, 5.0
# Less than the five minutes for which a decision is valid.
START_SECONDS = 240.0
# No environment can have this name.
SWEEP_LOCK = ":sweep"
VERBS = {
    NextAction.STOP: Verb.STOP,
    NextAction.START: Verb.START,
    NextAction.DELETE: Verb.DELETE,
    NextAction.STOP_ENVIRONMENT: Verb.STOP,
}


def actions_per_page(pages: int) -> int:
    """How many machines each of so many pages can stop or start before its decisions are too old."""
    return max(round((BURST + BATCH * START_SECONDS / BATCH_SECONDS) / max(pages, 1)), 1)


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """Input of `sweep`: its ID, whether it is a dry run, its caller, and the hung sweep that it replaces.

    `agents`: there are agents for which jobs may wait, or it is not known.
    """

    id: str
    dry_run: bool = False
    by: str = "timer"
    ended_before: str = ""
    agents: bool = True


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Input of `sweep_page`: the number of the page, of how many, and the time of evaluation (seconds since 1970).

    `jobs` are the jobs that wait for agents, on machines of any page.
    """

    sweep: str
    number: int
    pages: int
    dry_run: bool
    now: float = 0.0
    jobs: tuple[WaitingJob, ...] = ()


@dataclass(frozen=True, slots=True)
class JobSearch:
    """Input of `find_waiting_jobs`: the time of the search (seconds since 1970)."""

    now: float


@dataclass(frozen=True, slots=True)
class JobsFound:
    """The jobs that wait for agents on our machines, and which pools could not be read, and why."""

    jobs: tuple[WaitingJob, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """An action for a machine, with the verdict that it is based on.

    `lock` is the key of its lock and its operations: its environment, or a unique key of an adopted machine.
    `window` is the window of its policy in minutes. `suspended` are the resources inside it that are suspended before it
    stops, and resumed after it was started. `job` is the waiting job that it is started for. `resizes`: its spec allows
    another size if Azure has no capacity to start it. `snapshots` are taken before it is deleted.
    """

    action: NextAction
    reason: ActionReason
    lock: str
    machine: Target
    verdict_reason: str
    then: str
    at: float
    judged_at: float
    window: int = 30
    hibernate: bool = False
    suspended: tuple[Resource, ...] = ()
    job: WaitingJob | None = None
    resizes: bool = False
    snapshots: Snapshots | None = None

    @property
    def verb(self) -> Verb:
        """The verb of the operation; raises KeyError for an action without an operation."""
        return VERBS[self.action]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A machine that needs attention, with the event and the text of the notification."""

    machine: str
    name: str
    text: str
    event: str = "attention"


@dataclass(frozen=True, slots=True)
class PageFound:
    """The summary of one page, the actions to carry out now, and the alarms."""

    summary: SweepSummary
    planned: tuple[PlannedAction, ...] = ()
    alarms: tuple[Alarm, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionClaim:
    """Input of the activity that locks a machine for an operation of the sweep."""

    operation: str
    planned: PlannedAction
    instance_id: str
    accepted_at: float

    @property
    def power(self) -> PowerRequest:
        """The power change, if the machine is to be stopped or started."""
        plan, machine = self.planned, self.planned.machine
        return PowerRequest(Resource(machine.name, machine.kind, machine.id), plan.verb, plan.hibernate)


@dataclass(frozen=True, slots=True)
class LeaseEnd:
    """Input of `delete_at_lease_end`: the claim of the sweep on the environment."""

    claim: ActionClaim

    @property
    def teardown(self) -> DeleteRequest:
        """The deletion, if the recheck confirms it."""
        planned = self.claim.planned
        return DeleteRequest(self.claim.operation, planned.machine.environment, snapshots=planned.snapshots)


@dataclass(frozen=True, slots=True)
class RefusedStart:
    """Input of `start_with_other_size`: a claim whose start Azure refused, since when, and the orchestration that goes on.

    `locked_at` is when the machine was locked (seconds since 1970).
    """

    claim: ActionClaim
    refusals: tuple[Refusal, ...]
    locked_at: float
    instance_id: str


@dataclass(frozen=True, slots=True)
class StartElsewhere:
    """How a refused start goes on: the start with its other sizes, or why there is none."""

    change: PowerChange | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class EnvironmentStop:
    """How the stop of a whole environment goes on: the change, or why there is none."""

    change: PowerChange | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class ClaimBatch:
    """Input of the activities that handle several machines at once."""

    claims: tuple[ActionClaim, ...]


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """The result of locking one machine: the operation that has the lock ("" if unknown), and the problem."""

    holder: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ActionStarted:
    """The result of starting the action for one machine: Azure's answer, or why nothing was done.

    With `again`, the attempt is repeated after `after` seconds: the machine or Azure could not be read in time.
    """

    begun: Answer | None = None
    why: str = ""
    again: bool = False
    after: float = BATCH_SECONDS


@dataclass(frozen=True, slots=True)
class SweepClosing:
    """Input of the activity that ends an operation of the sweep."""

    operation: str
    planned: PlannedAction
    outcome: Outcome
    began_at: float
    ended_at: float
    steps: tuple[ResourceProgress, ...] = ()


@dataclass(frozen=True, slots=True)
class SweepEnd:
    """Input of the activity that ends a sweep; `failed` lists why the sweep, or some of its pages, failed.

    `agents`: there are agents for which jobs may wait, or it is not known.
    """

    request: SweepRequest
    began_at: float
    ended_at: float
    pages: int
    summary: SweepSummary
    failed: tuple[str, ...] = ()
    agents: bool = True
