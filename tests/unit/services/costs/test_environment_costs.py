"""What views of environments say of costs: the sums of cost reports, with a number of queries that does not grow."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from dormouse.clock import DAY, HOUR
from dormouse.idle.budgets.overspent import Overspent, OverspentBudgets
from dormouse.idle.power.history import PowerInterval
from dormouse.lifecycle import State
from dormouse.records.budgets import BudgetWarnings
from dormouse.records.deduplication import RECEIPTS
from dormouse.records.environments import Records
from dormouse.records.power_history import PowerRecords
from dormouse.services.costs.environment_costs import Memory, costs_of, memories_of, spent_today
from dormouse.services.views.money import Money
from tests.unit.costs.months import at
from tests.unit.services.costs.test_budgets import stopping
from tests.unit.services.costs.test_report import NOW, PRICES, Listed, delete, remember, report
from tests.unit.twins import MemoryTables, reads_of

LATE = NOW + 9 * HOUR


def seen(tables: MemoryTables, names: Sequence[str], *, now: float = NOW) -> dict[str, Memory]:
    """What is remembered of these environments, or of all that exist."""
    dependencies = reads_of(tables, now=now, prices=Listed(PRICES, tables))

    async def read() -> dict[str, Memory]:
        every = await Records(tables).all_environments()
        return await memories_of([one for one in every if one.name in names], dependencies)

    return asyncio.run(read())


def keep(tables: MemoryTables, machine: str, began: float, ended: float, state: State = State.RUNNING) -> None:
    """Keep an interval of a machine of ml1."""
    asleep = "" if state is State.RUNNING else "idle"
    owner = ("Standard_D4s_v5", "polandcentral", "ml1", "ann", "workstation")
    one = PowerInterval(machine, state, began, ended, *owner, stopped_by=asleep)
    asyncio.run(PowerRecords(tables).add([one]))


def test_an_environment_shows_the_figures_of_its_row_in_the_report() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", at(2026, 3, 20))
    asyncio.run(delete(tables, "delete", at(2026, 4, 2)))
    machine = remember(tables, "ml1", at(2026, 4, 9)).id
    remember(tables, "ml2", at(2026, 4, 3))
    keep(tables, machine, at(2026, 4, 4), at(2026, 4, 5), State.STOPPED)
    keep(tables, machine.replace("vm-ml1", "vm-earlier"), at(2026, 4, 5), at(2026, 4, 5, 12))
    keep(tables, machine, at(2026, 3, 25), at(2026, 3, 26))
    rows = {row.key: row.figures for row in report(tables).value}
    memories = seen(tables, ["ml1", "ml2"])
    for name, figures in rows.items():
        costs = costs_of(Money(0.255, "USD"), memories[name])
        assert (costs.this_month, costs.hours_this_month) == (figures.spent, figures.hours_on)
        assert (costs.saved, costs.hours_asleep, costs.at_least) == (figures.saved, figures.hours_saved, figures.at_least)
    assert rows["ml1"].hours_on == 24 + 12 + 48, "the one that was deleted, an earlier machine, and the one that runs"
    assert rows["ml1"].hours_saved == 24
    assert costs_of(None, memories["ml2"]).per_month is None
    alone = seen(tables, ["ml1"])["ml1"]
    assert costs_of(None, alone) == costs_of(None, memories["ml1"]), "others beside it make no difference"


def test_computing_of_today_begins_at_midnight_and_is_not_known_without_a_price() -> None:
    tables = MemoryTables()
    remember(tables, "ml1", at(2026, 4, 9))
    remember(tables, "ml2", at(2026, 4, 9))
    assert spent_today("ml1", seen(tables, ["ml1", "ml2"], now=LATE)["ml1"]) == (Money(9 * 0.25, "USD"), 9.0)
    dependencies = reads_of(MemoryTables(), now=LATE, prices=Listed({}, tables))
    record = asyncio.run(Records(tables).all_environments())
    unpriced = replace(dependencies, machines=reads_of(tables).machines)
    assert spent_today("ml1", asyncio.run(memories_of(record, unpriced))["ml1"]) == (None, 9.0)
    assert spent_today("ml1", Memory()) == (None, 0.0)


def test_a_page_of_environments_takes_as_many_queries_as_one() -> None:
    asked = []
    for count in (1, 40):
        tables = MemoryTables()
        for number in range(count):
            remember(tables, f"ml{number}", at(2026, 4, 1))
        seen(tables, ["ml0"])
        before = tables.asked
        assert len(seen(tables, [f"ml{number}" for number in range(count)])) == count
        asked.append(tables.asked - before - 1)  # but for the records themselves
    assert asked[0] == asked[1] <= 6, "machines, their month, fees, missing ones, budgets, prices of the region"
    assert asyncio.run(memories_of([], reads_of(MemoryTables()))) == {}


@pytest.mark.parametrize(("age", "known"), [(HOUR, True), (DAY, False)])
def test_a_budget_that_is_used_up_is_known_with_the_environment(age: float, known: bool) -> None:
    tables = MemoryTables()
    stopping(tables)
    spent = Overspent("ml1", 61.0, 61.2, NOW - age)
    asyncio.run(BudgetWarnings(tables, RECEIPTS).keep_overspent(OverspentBudgets(NOW - age, {"ml1": spent})))
    assert seen(tables, ["ml1"])["ml1"].overspent == (spent if known else None)
