"""Costs, forecasts and gaps to what was billed as text."""

from decimal import Decimal
from typing import Any

from dormouse_cli.billing.gaps import ALARM_PERCENT, Comparison, Gap
from dormouse_cli.output import print_lines
from dormouse_cli.render.values import Fields, count_text, money_text, print_problems, print_rows, rows_of, time_text

ESTIMATED = "Estimated at list prices, before tax and discounts"


def print_costs(report: Fields, what: str) -> None:
    """Print a cost report: its window, its rows, their sum, and the forecast of the month."""
    total = report.get("total") or {}
    print_problems(report)
    print_lines(f"{_window(report)}. {ESTIMATED}, in {report.get('currency')}.", "")
    rows = [
        [
            row.get("key"),
            *_cells(row.get("figures") or {}),
            money_text(row.get("forecast") or {}, "expected"),
            _budget_text(row.get("budget")),
        ]
        for row in rows_of(report)
    ]
    if rows:
        rows.append(["total", *_cells(total), money_text(report.get("forecast") or {}, "expected"), ""])
    columns = (what, "spent", "computing", "fees", "hours on", "saved", "stopped by people", "month", "budget")
    print_rows(columns, rows, if_empty="Nothing was spent in this time.")
    if forecast := report.get("forecast"):
        print_lines("", _forecast_text(forecast))
    if total.get("unpriced"):
        print_lines(f"At least: no price is known for {', '.join(map(str, total['unpriced']))}.")
    if total.get("assumed_prices"):
        print_lines("A part is older than the first known price, which is assumed for it.")
    if report.get("billed_by_use"):
        print_lines(f"Billed by use, and not counted: {', '.join(map(str, report['billed_by_use']))}.")


def print_comparison(found: Comparison, currency: str) -> None:
    """Print our estimates beside an export, and what differs by more than 5 %."""
    rows = [_gap_cells(gap) for gap in found.gaps]
    sums = [sum((getattr(gap, name) for gap in found.gaps), Decimal()) for name in ("ours", "list_cost", "billed")]
    if rows:
        rows.append(["total", "", *(f"{amount:.2f}" for amount in sums), "", ""])
    columns = ("environment", "day", "ours", "list", "billed", "gap", "")
    print_rows(columns, rows, if_empty="The export has no costs of environments.")
    alarms = sum(gap.is_alarm for gap in found.gaps)
    print_lines("", f"{count_text(alarms, 'row')} of {len(found.gaps)} differ by more than {ALARM_PERCENT} %.")
    print_lines(f"Amounts are in {currency}. {found.elsewhere:.2f} of the export belongs to no environment.")
    if found.other_charges:
        print_lines(f"Taxes, purchases and refunds of {found.other_charges:.2f} are not compared.")
    if found.corrections:
        print_lines(f"{count_text(found.corrections, 'row')} of the export correct earlier ones.")


def _gap_cells(gap: Gap) -> list[Any]:
    percent = "" if gap.percent is None else f"{gap.percent:+.1f} %"
    listed = "" if gap.without_list_cost else f"{gap.list_cost:.2f}"
    mark = "incomplete" if gap.is_incomplete else "!" if gap.is_alarm else ""
    return [gap.environment, gap.day.isoformat(), f"{gap.ours:.2f}", listed, f"{gap.billed:.2f}", percent, mark]


def _window(report: Fields) -> str:
    return f"From {time_text(report.get('since'))} to {time_text(report.get('until'))}, days of {report.get('zone')}"


def _cells(figures: Fields) -> list[str]:
    least = "at least " if figures.get("at_least") else ""
    amounts = [_amount(figures, name) for name in ("spent", "computing", "fees")]
    hours = f"{figures.get('hours_on') or 0:g}"
    return [f"{least}{amounts[0]}", *amounts[1:], hours, _amount(figures, "saved"), _amount(figures, "stopped_by_people")]


def _amount(figures: Fields, name: str) -> str:
    return f"{(figures.get(name) or {}).get('amount') or 0:.2f}"


def _budget_text(budget: Fields | None) -> str:
    if not budget:
        return ""
    stops = ", stops" if budget.get("stops") else ""
    return f"{budget.get('used_percent') or 0:.0f} % of {money_text(budget, 'monthly')}{stops}"


def _forecast_text(forecast: Fields) -> str:
    expected, least, most = (money_text(forecast, name) for name in ("expected", "least", "most"))
    return f"{forecast.get('month')} will cost about {expected}: {least} if all is stopped from now on, {most} if all runs."
