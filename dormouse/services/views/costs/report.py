"""What was spent and saved in a window, as callers see it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from dormouse.clock import rfc3339
from dormouse.costs.budgets import CostBudget
from dormouse.costs.forecast import Forecast
from dormouse.costs.ledger import Sort
from dormouse.costs.months import month_in
from dormouse.costs.query import GroupBy
from dormouse.costs.tally import Tally, rounded, rounded_hours
from dormouse.services.views.money import Money
from dormouse.services.views.schema import Moment, schema
from dormouse.text.doc import doc

DOLLARS = {"amount": 12.2736, "currency": "USD"}
TENTH = Decimal("0.1")
SHORTER = {"amount": 1.44, "currency": "USD"}
FORECAST = {
    "month": "2026-05",
    "until": "2026-06-01T00:00:00Z",
    "spent": DOLLARS,
    "least": {"amount": 14.1, "currency": "USD"},
    "expected": {"amount": 61.2, "currency": "USD"},
    "most": {"amount": 214.8, "currency": "USD"},
}
BUDGET = {
    "monthly": {"amount": 500.0, "currency": "USD"},
    "used_percent": 42.5,
    "forecast_percent": 91.0,
    "stops": False,
}
FIGURES = {
    "spent": DOLLARS,
    "computing": {"amount": 10.8336, "currency": "USD"},
    "fees": SHORTER,
    "hours_on": 20.8,
    "saved": SHORTER,
    "hours_saved": 12.5,
    "stopped_by_people": SHORTER,
    "hours_stopped_by_people": 4.0,
    "machines": 1,
    "at_least": False,
    "assumed_prices": False,
    "unpriced": [],
}


@schema("CostForecast")
@dataclass(frozen=True, slots=True)
class ForecastView:
    """What will have been spent at the end of the current month, as an estimate with its bounds."""

    month: Annotated[str, doc("The month, in the zone of the report.", "2026-05")]
    until: Annotated[Moment, doc("When the month ends.", "2026-06-01T00:00:00Z")]
    spent: Annotated[Money, doc("What has been spent in this month so far, whatever the window is.", DOLLARS)]
    least: Annotated[Money, doc("If every machine was stopped from now on: only fees are added.", DOLLARS)]
    expected: Annotated[
        Money,
        doc(
            "By the hours of the week in which each machine was on in the last 28 days, or its schedule, and its lease.",
            DOLLARS,
        ),
    ]
    most: Annotated[Money, doc("If every machine ran from now on.", DOLLARS)]

    @classmethod
    def of(cls, forecast: Forecast, month: float, until: float, zone: str, currency: str) -> ForecastView:
        """The view of a forecast of the month from one moment to another."""
        amounts = (forecast.spent, forecast.least, forecast.expected, forecast.most)
        money = [Money(rounded(amount), currency) for amount in amounts]
        return cls(month_in(month, zone), rfc3339(until), *money)


@schema("Budget")
@dataclass(frozen=True, slots=True)
class BudgetView:
    """The budget of an environment or owner for a calendar month, and how much of it is used.

    Warnings are sent by months of UTC; here, the month is that of the report.
    """

    monthly: Annotated[Money, doc("The budget of a month.", {"amount": 500.0, "currency": "USD"})]
    used_percent: Annotated[float, doc("How much of it the current month has spent.", 42.5)]
    forecast_percent: Annotated[float, doc("How much of it the month is expected to spend.", 91.0)]
    stops: Annotated[
        bool,
        doc(
            "Whether machines are stopped when it is used up; under the budget of an owner, those whose specs ask for it.",
            False,
        ),
    ]

    @classmethod
    def of(cls, budget: CostBudget, forecast: ForecastView, currency: str) -> BudgetView:
        """The view of a budget beside the forecast of the month."""
        monthly = budget.monthly
        used, expected = (100 * Decimal(repr(money.amount)) / monthly for money in (forecast.spent, forecast.expected))
        return cls(Money(float(monthly), currency), rounded(used, TENTH), rounded(expected, TENTH), budget.stops)


@schema("CostFigures")
@dataclass(frozen=True, slots=True)
class FiguresView:
    """Amounts and hours of a window. All are estimates at list prices; `at_least` says that a price is missing in them."""

    spent: Annotated[Money, doc("What was spent: computing and fees.", DOLLARS)]
    computing: Annotated[Money, doc("What machines cost while they were allocated.", DOLLARS)]
    fees: Annotated[Money, doc("What disks, addresses and other resources cost as long as they existed.", SHORTER)]
    hours_on: Annotated[float, doc("For how many hours machines were billed, in all.", 20.8)]
    saved: Annotated[
        Money, doc("What the hours would have cost in which a sweep, a schedule or a lease had stopped machines.", DOLLARS)
    ]
    hours_saved: Annotated[float, doc("How many hours that were, in all.", 12.5)]
    stopped_by_people: Annotated[
        Money, doc("What the hours would have cost in which people, or Azure by an eviction, had stopped machines.", SHORTER)
    ]
    hours_stopped_by_people: Annotated[float, doc("How many hours that were, in all.", 4.0)]
    machines: Annotated[int, doc("The number of machines in it; clusters are not among them.", 2)]
    at_least: Annotated[bool, doc("Whether a price is unknown: then the sums are lower bounds.", False)]
    assumed_prices: Annotated[
        bool,
        doc("Whether a part is older than the first known price, which then counts for it.", False),
    ]
    unpriced: Annotated[tuple[str, ...], doc("What has no known price.", ["disk vm-disk"])]

    @classmethod
    def of(cls, tally: Tally, currency: str) -> FiguresView:
        """The figures of a sum, rounded once."""

        def money(*sorts: Sort) -> Money:
            return Money(rounded(tally.amount(*sorts)), currency)

        def hours(sort: Sort) -> float:
            return rounded_hours(tally.hours.get(sort, Decimal()))

        return cls(
            spent=money(Sort.COMPUTING, Sort.FEE),
            computing=money(Sort.COMPUTING),
            fees=money(Sort.FEE),
            hours_on=hours(Sort.COMPUTING),
            saved=money(Sort.SAVED),
            hours_saved=hours(Sort.SAVED),
            stopped_by_people=money(Sort.STOPPED),
            hours_stopped_by_people=hours(Sort.STOPPED),
            machines=len(tally.machines),
            at_least=bool(tally.unpriced),
            assumed_prices=tally.assumed,
            unpriced=tuple(sorted(tally.unpriced)),
        )


@schema("CostRow")
@dataclass(frozen=True, slots=True)
class CostRow:
    """The costs of one environment, owner, blueprint, day or part."""

    key: Annotated[
        str,
        doc("The environment, owner, blueprint, day (2026-05-01) or part; `unattributed` for machines without one.", "ml1"),
    ]
    environment: Annotated[str | None, doc("The environment; null if there are several, or none.", "ml1")]
    owner: Annotated[str | None, doc("Its owner at that time; null if there are several, or none.", "alice@contoso.com")]
    blueprint: Annotated[str | None, doc("Its blueprint at that time; null if there are several, or none.", "workstation")]
    day: Annotated[str | None, doc("The day in the zone of the report; null for rows of more than one.", "2026-05-01")]
    price_per_hour: Annotated[
        Money | None, doc("The last price per hour of a part; null for other rows, or if it is not known.", SHORTER)
    ]
    figures: Annotated[FiguresView, doc("Amounts and hours.", FIGURES)]
    forecast: Annotated[
        ForecastView | None,
        doc(
            "Of the current month; null for days and parts, and if the window ends before it.",
            FORECAST,
        ),
    ]
    budget: Annotated[BudgetView | None, doc("The budget of this environment or owner; null if there is none.", BUDGET)]
    href: Annotated[
        str | None,
        doc(
            "The URL of the rows that this one consists of; null for parts.",
            "/api/costs?environment=ml1&group_by=day&from=2026-05-01T00%3A00%3A00Z&to=2026-05-02T00%3A00%3A00Z",
        ),
    ]


@schema("CostReport")
@dataclass(frozen=True, slots=True)
class CostReport:
    """What was spent and saved in a window, estimated from the power history and list prices before tax and discounts.

    Without anything to show, `value` is empty and all sums are zero.
    """

    since: Annotated[Moment, doc("Where the window begins.", "2026-05-01T00:00:00Z")]
    until: Annotated[Moment, doc("Where it ends; this moment is not in it.", "2026-05-15T10:00:00Z")]
    zone: Annotated[str, doc("The time zone of days and months.", "Europe/Warsaw")]
    as_of: Annotated[Moment, doc("When this was computed. What runs is counted up to then.", "2026-05-15T10:00:00Z")]
    group_by: Annotated[GroupBy, doc("What a row stands for.", "environment")]
    currency: Annotated[str, doc("The ISO 4217 code of the currency of all amounts.", "USD")]
    estimated: Annotated[bool, doc("Always true: what Azure bills is in its Cost Management exports.", True)]
    total: Annotated[FiguresView, doc("The figures of the whole window, of all pages.", FIGURES)]
    forecast: Annotated[ForecastView | None, doc("That of all rows; null as for rows.", FORECAST)]
    billed_by_use: Annotated[tuple[str, ...], doc("What is billed by use, and in no sum.", ["outbound traffic"])]
    value: Annotated[tuple[CostRow, ...], doc("The rows on this page: days in order, others by what they cost.", [])]
    next: Annotated[str | None, doc("The URL of the next page; null on the last page.", "/api/costs?after=MTUw")]
    problems: Annotated[tuple[str, ...], doc("What could not be read or is not counted, and why.", [])]
