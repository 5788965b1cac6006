"""Sweeps: what is asked of them and of their steps, and what they answer."""

from dataclasses import dataclass

from environments.decisions import Step, hibernates
from environments.fleet import FleetMachine
from environments.lifecycle import Verb
from environments.memory import Reason
from environments.operations import ChangePower
from environments.outcomes import Outcome, Progress
from environments.policy import IdlePolicy
from environments.reports import Tally

# A name that no environment can have.
SWEEP_LOCK = ":sweep"
VERBS = {Step.STOP: Verb.STOP, Step.START: Verb.START, Step.DELETE: Verb.DELETE}


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """Input of `sweep`: its id, whether it only looks, and who asked for it."""

    id: str
    dry_run: bool = False
    by: str = "timer"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Input of `sweep_page`: which page of how many, judged at which moment (seconds since 1970)."""

    sweep: str
    number: int
    pages: int
    dry_run: bool
    now: float = 0.0


@dataclass(frozen=True, slots=True)
class Planned:
    """Something that is to be done about a machine, with the verdict that it rests on.

    `subject` is the name that its lock and its trail go by: its environment, or what is unique among adopted machines.
    """

    step: Step
    reason: Reason
    subject: str
    machine: FleetMachine
    sentence: str
    then: str
    at: float
    policy: IdlePolicy
    judged_at: float

    @property
    def verb(self) -> Verb:
        """What the operation on the machine is called; raises KeyError where there is none."""
        return VERBS[self.step]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A machine that people should look at."""

    machine: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class PageFound:
    """What the machines of one page are, and what is to be done about them now."""

    tally: Tally
    planned: tuple[Planned, ...] = ()
    alarms: tuple[Alarm, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """Input of the activity that takes a machine for an operation of the sweep."""

    operation: str
    planned: Planned
    carrier: str
    accepted_at: float

    @property
    def power(self) -> ChangePower:
        """What is asked of Azure, if the machine is to be stopped or started."""
        plan, machine = self.planned, self.planned.machine
        where = (machine.group, machine.name, machine.subscription)
        return ChangePower(self.operation, plan.subject, plan.verb, *where, hibernate=hibernates(plan.policy, machine))


@dataclass(frozen=True, slots=True)
class Begun:
    """What came of beginning what was planned: how Azure took it, or why it would have been wrong by then."""

    progress: Progress | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class SweepClosing:
    """Input of the activity that ends an operation of the sweep."""

    operation: str
    planned: Planned
    outcome: Outcome
    began_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class SweepEnd:
    """Input of the activity that ends a sweep."""

    request: SweepRequest
    began_at: float
    ended_at: float
    pages: int
    tally: Tally
