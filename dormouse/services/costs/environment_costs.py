"""What is remembered of environments, and what they have cost in this month: the same sums as in cost reports."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dormouse.clock import day_began
from dormouse.costs.budgets import spec_in, stopping_owners
from dormouse.costs.query import CostQuery
from dormouse.costs.tally import Tally
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import UnreadableRecord
from dormouse.idle.budgets.overspent import Overspent
from dormouse.idle.power.history import month_began
from dormouse.idle.stages.sleep import PlannedStage
from dormouse.idle.targets import target_ids, target_key
from dormouse.idle.tracking import TrackedMachine
from dormouse.records.documents import Documents
from dormouse.records.machines import StoredMachine
from dormouse.services.costs.inputs import CostInputs, inputs_of
from dormouse.services.costs.sums import sums_of
from dormouse.services.dependencies import Dependencies
from dormouse.services.views.costs.environment import EnvironmentCosts
from dormouse.services.views.costs.report import FiguresView
from dormouse.services.views.money import Money

USD = "USD"
NO_MACHINES: Documents[StoredMachine] = Documents({})


@dataclass(frozen=True, slots=True)
class Memory:
    """What sweeps remember of the machines of an environment, in the order of its plan.

    `problem` is the error of a machine that this release cannot read, `month` what the environment has cost since the
    first of the month (UTC), `inputs` what that follows from, and `overspent` the budget that is used up, if it asks to be
    stopped then.
    """

    machines: Sequence[TrackedMachine] = ()
    problem: UnreadableRecord | None = None
    month: Tally = field(default_factory=Tally)
    inputs: CostInputs | None = None
    overspent: Overspent | None = None

    @property
    def first(self) -> TrackedMachine | None:
        """Its first machine, whose hold, lease and verdict stand for the environment."""
        return self.machines[0] if self.machines else None

    @property
    def planned(self) -> PlannedStage | None:
        """What sweeps will do with the environment because it sleeps on; None for nothing."""
        return next((machine.sleep.planned for machine in self.machines if machine.sleep.planned), None)

    @property
    def job_problem(self) -> str:
        """Why a job waits for one of its machines, or ""."""
        return next((machine.job_problem for machine in self.machines if machine.job_problem), "")


async def memories_of(records: Sequence[EnvironmentRecord], dependencies: Dependencies) -> dict[str, Memory]:
    """What sweeps remember of environments, and what each has cost in this month, by name.

    The number of queries does not depend on the number of environments, only on that of their regions.
    """
    if not records:
        return {}
    keys = {record.name: [target_key(one) for one in target_ids(record.resources)] for record in records}
    every = [key for each in keys.values() for key in each]
    known = await dependencies.machines.tracked_between(min(every), max(every)) if every else NO_MACHINES
    own = {key: known.readable[key].tracked for key in every if key in known.readable}
    inputs, budgets = await asyncio.gather(inputs_of(records, own, dependencies), dependencies.budget_warnings.overspent())
    budgets = budgets.valid(inputs.now).with_owners(stopping_owners(dependencies.settings.budgets))
    _, months = sums_of(inputs, CostQuery(month_began(inputs.now), inputs.now))
    found = {}
    for record in records:
        name, each = record.name, keys[record.name]
        machines = [own[key] for key in each if key in own]
        problem = next((known.unreadable[key] for key in each if key in known.unreadable), None)
        overspent = budgets.of(record, spec_in(record.spec))
        found[name] = Memory(machines, problem, months.get(name, Tally()), inputs, overspent)
    return found


def costs_of(per_hour: Money | None, memory: Memory) -> EnvironmentCosts:
    """What an environment costs if it is left on, at a price per hour in all, and what it has cost in this month."""
    figures = FiguresView.of(memory.month, USD)
    return EnvironmentCosts(
        per_month=per_hour.a_month if per_hour else None,
        this_month=figures.spent,
        hours_this_month=figures.hours_on,
        saved=figures.saved,
        hours_asleep=figures.hours_saved,
        at_least=figures.at_least,
    )


def spent_today(name: str, memory: Memory) -> tuple[Money | None, float]:
    """What computing has cost since midnight (UTC), None if a price is not known, and the billed hours of all machines."""
    inputs = memory.inputs
    if inputs is None:
        return None, 0.0
    today, _ = sums_of(replace(inputs, fees=()), CostQuery(day_began(inputs.now), inputs.now, environment=name))
    figures = FiguresView.of(today, USD)
    return None if figures.at_least else figures.spent, figures.hours_on
