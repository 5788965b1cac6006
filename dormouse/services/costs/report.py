"""The use case of cost reports: what was spent and saved in a window, row by row, and what the month will cost."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import urlencode

from dormouse.clock import DAY, rfc3339
from dormouse.costs.budgets import CostBudget, budgets_of
from dormouse.costs.forecast import LOOKED_BACK_DAYS, Calendar
from dormouse.costs.ledger import UNATTRIBUTED
from dormouse.costs.months import days_of, month_began_in, next_month_in
from dormouse.costs.query import DAILY, CostQuery, GroupBy
from dormouse.costs.tally import Tally
from dormouse.services.context import Context
from dormouse.services.costs.forecasts import forecasts_of
from dormouse.services.costs.inputs import CostInputs, read_inputs
from dormouse.services.costs.sums import sums_of
from dormouse.services.views.costs.report import BudgetView, CostReport, CostRow, FiguresView, ForecastView
from dormouse.services.views.money import Money

USD = "USD"
PATH = "/api/costs"
# What the rows of a row stand for.
OPENED_BY = {
    GroupBy.ENVIRONMENT: GroupBy.DAY,
    GroupBy.OWNER: GroupBy.ENVIRONMENT,
    GroupBy.BLUEPRINT: GroupBy.ENVIRONMENT,
    GroupBy.DAY: GroupBy.PART,
    GroupBy.ENVIRONMENT_DAY: GroupBy.PART,
}
FORECAST_FOR = (GroupBy.ENVIRONMENT, GroupBy.OWNER, GroupBy.BLUEPRINT)
DISKS_OF_OTHERS = "Disks and addresses of machines that belong to no environment are not counted."


async def show_costs(
    query: CostQuery, limit: int, after: str, context: Context
) -> tuple[Callable[[str | None], CostReport], str]:
    """The costs of a window, given the URL of the next page, and where that page begins ("" on the last one)."""
    now = context.dependencies.now()
    month = month_began_in(now, query.zone)
    is_current = query.ended > month
    began = min(query.began, month, now - LOOKED_BACK_DAYS * DAY) if is_current else query.began
    inputs = await read_inputs(began, query.ended, context.dependencies)
    total, rows = sums_of(inputs, query)
    forecasts = _forecasts(inputs, query, month, context) if is_current else {}
    budgets = _budgets(inputs, query, context)
    views = [_row(key, tally, query, forecasts.get(key), budgets.get(key)) for key, tally in _in_order(rows, query)]
    begin = int(after) if after.isascii() and after.isdigit() else 0
    asked = (rfc3339(query.began), rfc3339(query.ended), query.zone, rfc3339(now), query.group_by, USD)
    by_use = dict.fromkeys(name for fee in inputs.fees if _is_in(fee.environment, total) for name in fee.by_use)
    problems = (
        *inputs.problems,
        *([DISKS_OF_OTHERS.capitalize() + " are not counted."] if "" in total.environments else []),
    )

    def view(following: str | None) -> CostReport:
        page = tuple(views[begin : begin + limit])
        whole = forecasts.get("")
        return CostReport(*asked, True, figures_of(total), whole, tuple(by_use), page, following, problems)

    return view, str(begin + limit) if begin + limit < len(views) else ""


def _forecasts(inputs: CostInputs, query: CostQuery, month: float, context: Context) -> Mapping[str, ForecastView]:
    """The forecasts of the current month by row, and under "" that of everything."""
    until = next_month_in(inputs.now, query.zone)
    whole = replace(query, began=month, ended=inputs.now, group_by=_group_of_forecast(query))
    _, rows = sums_of(inputs, whole)
    calendar = Calendar(inputs.now, until, query.zone)
    holidays = context.dependencies.settings.holidays
    found = forecasts_of(inputs, whole, {key: tally.spent for key, tally in rows.items()}, calendar, holidays)
    shown = {key: ForecastView.of(forecast, month, until, query.zone, USD) for key, forecast in found.items()}
    return shown if query.group_by in FORECAST_FOR else {"": shown[""]}


def _group_of_forecast(query: CostQuery) -> GroupBy:
    return query.group_by if query.group_by in FORECAST_FOR else GroupBy.ENVIRONMENT


def _is_in(environment: str, total: Tally) -> bool:
    return environment in total.environments


def _in_order(rows: Mapping[str, Tally], query: CostQuery) -> list[tuple[str, Tally]]:
    if query.group_by in DAILY:
        return sorted(rows.items())
    return sorted(rows.items(), key=lambda row: (-row[1].spent, row[0]))


def figures_of(tally: Tally) -> FiguresView:
    """The figures of some lines, rounded once."""
    return FiguresView.of(tally, USD)


def _budgets(inputs: CostInputs, query: CostQuery, context: Context) -> dict[str, CostBudget]:
    """The budgets of what rows stand for."""
    known = budgets_of(inputs.environments.values(), context.dependencies.settings.budgets)
    return {budget.name: budget for budget in known if budget.of is query.group_by}


def _row(key: str, tally: Tally, query: CostQuery, forecast: ForecastView | None, budget: CostBudget | None) -> CostRow:
    return CostRow(
        key=key,
        environment=_only(tally.environments),
        owner=_only(tally.owners),
        blueprint=_only(tally.blueprints),
        day=_only(tally.days),
        price_per_hour=Money.exactly(tally.per_hour, USD) if query.group_by is GroupBy.PART else None,
        figures=figures_of(tally),
        forecast=forecast,
        budget=BudgetView.of(budget, forecast, USD) if budget and forecast else None,
        href=_href(key, query),
    )


def _only(names: set[str]) -> str | None:
    return next(iter(names)) or None if len(names) == 1 else None


def _href(key: str, query: CostQuery) -> str | None:
    """Where the rows of a row are."""
    opened = OPENED_BY.get(query.group_by)
    if opened is None:
        return None
    began, ended = query.began, query.ended
    asked = {"environment": query.environment, "owner": query.owner, "blueprint": query.blueprint}
    if query.group_by in DAILY:
        environment, _, wanted = key.rpartition(" ")
        began, ended = next((first, last) for day, first, last in days_of(began, ended, query.zone) if day == wanted)
        asked["environment"] = environment or query.environment
    else:
        asked[query.group_by] = key or UNATTRIBUTED
    window = {"from": rfc3339(began), "to": rfc3339(ended), "zone": query.zone, "group_by": opened}
    return f"{PATH}?{urlencode({**{name: text for name, text in asked.items() if text}, **window})}"
