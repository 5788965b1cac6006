"""Sweeps: what is asked of them and of their steps, and what they answer."""

from dataclasses import dataclass

from dormouse.environments.operations import ChangePower, DeleteRequest
from dormouse.environments.results import Outcome, Progress
from dormouse.idle.decision import NextAction
from dormouse.idle.report import SweepSummary
from dormouse.idle.tracking import ActionReason
from dormouse.lifecycle import Verb
from dormouse.resources.machines import VirtualMachine

# Resource Manager takes 200 writes at once and 10 a second after that; six of ten are ours, whatever page they come from.
# https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
BURST, EVERY, EVERY_SECONDS = 120, 30, 5.0
# Orders go out for so long at most: a decision lives five minutes.
ORDERING_SECONDS = 240.0
# A name that no environment can have.
SWEEP_LOCK = ":sweep"
VERBS = {NextAction.STOP: Verb.STOP, NextAction.START: Verb.START, NextAction.DELETE: Verb.DELETE}


def most_at_once(pages: int) -> int:
    """How many machines one of so many pages can order to stop or start before its decisions are too old."""
    return max(round((BURST + EVERY * ORDERING_SECONDS / EVERY_SECONDS) / max(pages, 1)), 1)


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """Input of `sweep`: its id, whether it only looks, who asked for it, and which sweep hung and was ended for it."""

    id: str
    dry_run: bool = False
    by: str = "timer"
    ended_before: str = ""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Input of `sweep_page`: which page of how many, judged at which moment (seconds since 1970)."""

    sweep: str
    number: int
    pages: int
    dry_run: bool
    now: float = 0.0


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """Something that is to be done about a machine, with the verdict that it rests on.

    `subject` is the name that its lock and its trail go by: its environment, or what is unique among adopted machines.
    `window` is how many minutes its policy looks back.
    """

    action: NextAction
    reason: ActionReason
    lock: str
    machine: VirtualMachine
    verdict_reason: str
    then: str
    at: float
    judged_at: float
    window: int = 30
    hibernate: bool = False

    @property
    def verb(self) -> Verb:
        """What the operation on the machine is called; raises KeyError where there is none."""
        return VERBS[self.action]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A machine that people should look at."""

    machine: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class PageFound:
    """What the machines of one page are, and what is to be done about them now."""

    summary: SweepSummary
    planned: tuple[PlannedAction, ...] = ()
    alarms: tuple[Alarm, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionClaim:
    """Input of the activity that takes a machine for an operation of the sweep."""

    operation: str
    planned: PlannedAction
    instance_id: str
    accepted_at: float

    @property
    def power(self) -> ChangePower:
        """What is asked of Azure, if the machine is to be stopped or started."""
        plan, machine = self.planned, self.planned.machine
        where = (machine.group, machine.name, machine.subscription)
        return ChangePower(self.operation, plan.lock, plan.verb, *where, hibernate=plan.hibernate)


@dataclass(frozen=True, slots=True)
class LeaseEnd:
    """Input of `delete_at_lease_end`: what the sweep has planned and taken the environment for."""

    claim: ActionClaim

    @property
    def teardown(self) -> DeleteRequest:
        """What is done if a fresh look agrees."""
        machine = self.claim.planned.machine
        return DeleteRequest(self.claim.operation, machine.environment, machine.group)


@dataclass(frozen=True, slots=True)
class ClaimBatch:
    """Input of the activities that do something about several machines at once."""

    claims: tuple[ActionClaim, ...]


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """What came of taking one machine: the operation that holds it now ("" if that is not known), and what went wrong."""

    holder: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ActionStarted:
    """What came of beginning what was planned for one machine: how Azure took it, or why nothing was done.

    With `again`, nothing is decided: the machine, or Azure, could not be asked in time, and is asked again `after` seconds.
    """

    progress: Progress | None = None
    why: str = ""
    again: bool = False
    after: float = EVERY_SECONDS


@dataclass(frozen=True, slots=True)
class SweepClosing:
    """Input of the activity that ends an operation of the sweep."""

    operation: str
    planned: PlannedAction
    outcome: Outcome
    began_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class SweepEnd:
    """Input of the activity that ends a sweep; `failed` says why it could not do its work, wholly or in part."""

    request: SweepRequest
    began_at: float
    ended_at: float
    pages: int
    summary: SweepSummary
    failed: tuple[str, ...] = ()
