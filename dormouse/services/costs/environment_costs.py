"""What environments cost: the prices of today, the power history of the month, and what sweeps have saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dormouse.clock import day_began
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import UnreadableRecord
from dormouse.idle.power.history import PowerInterval, Spent, last_interval, month_began, month_of, since, spent_in, together
from dormouse.idle.stages.sleep import PlannedStage
from dormouse.idle.targets import target_ids, target_key
from dormouse.idle.tracking import TrackedMachine
from dormouse.resources.compute.machines import MACHINE_ID, key_of
from dormouse.resources.kinds import PriceQuery
from dormouse.services.costs.pricing import machine_price_of
from dormouse.services.dependencies import Dependencies
from dormouse.services.views.costs import EnvironmentCosts
from dormouse.services.views.money import Money

USD = "USD"


@dataclass(frozen=True, slots=True)
class Memory:
    """What sweeps remember of the machines of an environment, in the order of its plan.

    `problem` is the error of a machine that this release cannot read, `intervals` the power history of this month.
    """

    machines: Sequence[TrackedMachine] = ()
    problem: UnreadableRecord | None = None
    intervals: Mapping[str, Sequence[PowerInterval]] = field(default_factory=dict)

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
    """What sweeps remember of environments, by their names; one query for the machines, one for the month."""
    keys = {record.name: [target_key(one) for one in target_ids(record.resources)] for record in records}
    every = [key for each in keys.values() for key in each]
    if not every:
        return {record.name: Memory() for record in records}
    first, last = min(every), max(every)
    known = await dependencies.machines.tracked_between(first, last)
    month = await dependencies.power.of_month(month_of(dependencies.now()), first, last)
    found = {}
    for name, own in keys.items():
        machines = [known.readable[key].tracked for key in own if key in known.readable]
        problem = next((known.unreadable[key] for key in own if key in known.unreadable), None)
        found[name] = Memory(machines, problem, {key: month.get(key, ()) for key in own})
    return found


async def costs_of(
    region: str,
    billed: Mapping[str, PriceQuery],
    per_hour: Money | None,
    memory: Memory,
    dependencies: Dependencies,
) -> EnvironmentCosts:
    """What an environment costs; `billed` is what is billed by the hour, by resource ID, and `per_hour` its price in all."""
    now, currency = dependencies.now(), per_hour.currency if per_hour else USD
    spent = await _spent_since(month_began(now), region, billed, memory, dependencies)
    asleep = sum(machine.hours_asleep(now) for machine in memory.machines)
    saved = sum(machine.money_saved(now) for machine in memory.machines)
    return EnvironmentCosts(
        per_month=per_hour.a_month if per_hour else None,
        this_month=None if spent.amount is None else Money(round(spent.amount, 2), currency),
        hours_this_month=round(spent.hours, 2),
        saved=Money(round(saved, 2), currency) if asleep else None,
        hours_asleep=round(asleep, 2),
    )


async def spent_today(
    region: str,
    billed: Mapping[str, PriceQuery],
    per_hour: Money | None,
    memory: Memory,
    dependencies: Dependencies,
) -> tuple[Money | None, float]:
    """What computing has cost since midnight (UTC), None if a price is not known, and the billed hours of all machines."""
    spent = await _spent_since(day_began(dependencies.now()), region, billed, memory, dependencies)
    currency = per_hour.currency if per_hour else USD
    return None if spent.amount is None else Money(round(spent.amount, 2), currency), round(spent.hours, 2)


async def _spent_since(
    began: float, region: str, billed: Mapping[str, PriceQuery], memory: Memory, dependencies: Dependencies
) -> Spent:
    """The billed hours of all machines since a moment of this month: those that have ended, and those that go on."""
    now = dependencies.now()
    queries = {identifier.lower(): query for identifier, query in billed.items()}
    intervals = {key: list(ended) for key, ended in memory.intervals.items()}
    for machine in memory.machines:
        if MACHINE_ID.fullmatch(machine.id):  # the hours of a cluster say nothing about how many nodes it had
            intervals.setdefault(key_of(machine.id), []).append(last_interval(machine, now))
    found = []
    for known in filter(None, intervals.values()):
        if not MACHINE_ID.fullmatch(known[0].machine):
            continue
        query = queries.get(known[0].machine.lower())
        price = await machine_price_of(region, [query], dependencies) if query else None
        found.append(spent_in(since(began, known), price.amount if price else None))
    return together(found)
