"""Costs as a chat message."""

from dormouse.clock import moment_text, parse_moment
from dormouse.costs.query import CostQuery
from dormouse.idle.power.history import month_began
from dormouse.notifications.cards import Card
from dormouse.services.context import Context
from dormouse.services.costs.report import show_costs
from dormouse.services.views.costs.report import CostReport, CostRow, FiguresView
from dormouse.services.views.money import Money

WORTH_A_LINE = 10


async def costs_of_month(environment: str, context: Context) -> Card:
    """What an environment, or all of them (""), have cost since the first of the month; raises CloudUnavailable."""
    now = context.dependencies.now()
    view, _ = await show_costs(CostQuery(month_began(now), now, environment=environment), WORTH_A_LINE, "", context)
    return costs_card(environment, view(None))


def costs_card(environment: str, report: CostReport) -> Card:
    """What this month has cost, of one environment or of all, and what it will cost."""
    whose = f"{environment} has" if environment else "All environments have"
    total, forecast = report.total, report.forecast
    window = f"{moment_text(parse_moment(report.since))} to {moment_text(parse_moment(report.until))}"
    words = f"From {window}; estimated at list prices."
    if total.at_least:
        words += f" No price is known for {', '.join(total.unpriced)}."
    facts = (
        ("Computing", _text(total.computing)),
        ("Fees", _text(total.fees)),
        ("Saved by sleep", _text(total.saved)),
        ("Expected for the month", _text(forecast.expected) if forecast else ""),
        ("If all stops, if all runs", f"{_text(forecast.least)}, {_text(forecast.most)}" if forecast else ""),
    )
    lines = () if environment else tuple(map(_line, report.value))
    title = f"{whose} cost {_spent(total)} in this month"
    return Card(title, words, tuple((name, value) for name, value in facts if value), lines)


def _line(row: CostRow) -> str:
    figures = row.figures
    stops = " (with stop)" if row.budget and row.budget.stops else ""
    budget = f", {row.budget.used_percent:.0f} % of its budget{stops}" if row.budget else ""
    return f"{row.key}: {_spent(figures)}, saved {_text(figures.saved)}{budget}"


def _spent(figures: FiguresView) -> str:
    return f"{'at least ' if figures.at_least else ''}{_text(figures.spent)}"


def _text(money: Money) -> str:
    return f"{money.amount:.2f} {money.currency}"
