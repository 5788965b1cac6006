"""The use case that looks at budgets: warnings for the sweeps to send, once per month and threshold, and what to stop."""

import hashlib
from collections.abc import Mapping, Sequence

from dormouse.clock import DAY
from dormouse.costs.budgets import CostBudget, budgets_of, overspent_in, reached
from dormouse.costs.forecast import LOOKED_BACK_DAYS, Calendar, Forecast
from dormouse.costs.query import UTC_ZONE, CostQuery, GroupBy
from dormouse.idle.power.history import month_began, month_of, next_month
from dormouse.services.costs.forecasts import forecasts_of
from dormouse.services.costs.inputs import CostInputs, read_inputs
from dormouse.services.costs.sums import certainly_spent, sums_of
from dormouse.services.dependencies import Dependencies

KEPT_DAYS = 62


async def check_budgets(dependencies: Dependencies) -> int:
    """Keep a warning for each threshold that a budget has newly reached in this month; returns how many.

    Budgets that ask for stops and are used up are kept for the sweeps; while the price list does not answer, they stay as
    they were, and count for hours only. Without budgets, only the records of environments are read. Raises CloudUnavailable.
    """
    records, now = await dependencies.records.all_environments(), dependencies.now()
    budgets = list(budgets_of(records, dependencies.settings.budgets))
    if not budgets:
        return 0
    await dependencies.budget_warnings.forget_before(now - KEPT_DAYS * DAY)
    inputs = await read_inputs(min(month_began(now), now - LOOKED_BACK_DAYS * DAY), now, dependencies)
    found = 0
    for group in (GroupBy.ENVIRONMENT, GroupBy.OWNER):
        wanted = [budget for budget in budgets if budget.of is group]
        found += await _warn(wanted, month_so_far(inputs, group, dependencies) if wanted else {}, dependencies)
    if inputs.confirmed and any(budget.stops for budget in budgets):
        await _keep_overspent(budgets, inputs, dependencies)
    return found


async def _keep_overspent(budgets: Sequence[CostBudget], inputs: CostInputs, dependencies: Dependencies) -> None:
    """Keep which budgets are used up by what was certainly spent, and since when each was seen to be."""
    now, kept = inputs.now, dependencies.budget_warnings
    spent = {
        group: certainly_spent(inputs, CostQuery(month_began(now), now, group_by=group))
        for group in (GroupBy.ENVIRONMENT, GroupBy.OWNER)
    }
    before = (await kept.overspent()).of_month(now)
    await kept.keep_overspent(overspent_in(budgets, spent, before, now))


def month_so_far(inputs: CostInputs, group: GroupBy, dependencies: Dependencies) -> Mapping[str, Forecast]:
    """The forecasts of the current month (UTC) of all environments or owners."""
    query = CostQuery(month_began(inputs.now), inputs.now, group_by=group)
    _, rows = sums_of(inputs, query)
    calendar = Calendar(inputs.now, next_month(inputs.now), UTC_ZONE)
    spent = {key: tally.spent for key, tally in rows.items()}
    return forecasts_of(inputs, query, spent, calendar, dependencies.settings.holidays)


async def _warn(budgets: Sequence[CostBudget], months: Mapping[str, Forecast], dependencies: Dependencies) -> int:
    found, now = 0, dependencies.now()
    for budget in budgets:
        month = months.get(budget.name)
        for threshold, text in (reached(budget, month) if month else {}).items():
            # Names of owners may contain what no key can, and a new amount is a new budget.
            about = hashlib.sha256(f"{budget.of} {budget.name} {budget.monthly}".encode()).hexdigest()[:32]
            key = f"{month_of(now)} {about} {threshold}"
            found += await dependencies.budget_warnings.add(key, budget.name, text, now)
    return found
