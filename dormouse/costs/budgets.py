"""Budgets of a calendar month (UTC): whose they are, and which warnings a month has earned. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dormouse.costs.forecast import Forecast
from dormouse.costs.query import GroupBy
from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.budgets.overspent import STOP, Overspent, OverspentBudgets

NEAR_PERCENT, FULL_PERCENT = 80, 100
FORECAST = "forecast"
STOPPED = (
    " {whose} machines are stopped when they are not in use, after a warning of their own, and no sweep starts them in "
    "this month."
)
AMOUNT = re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class CostBudget:
    """What an environment or an owner may spend in a month, in the currency of the price list.

    `stops`: what it is about asks to be stopped when it is used up.
    """

    of: GroupBy
    name: str
    monthly: Decimal
    stops: bool = False


@dataclass(frozen=True, slots=True)
class OwnerBudget:
    """What an owner may spend in a month; `stops`: environments whose specs ask for it are stopped when it is used up."""

    monthly: Decimal
    stops: bool = False


def read_budgets(text: str) -> dict[str, OwnerBudget]:
    """The budgets of owners, from `alice@contoso.com=500, ben=200:stop`; raises ValueError."""
    found: dict[str, OwnerBudget] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        owner, _, written = part.rpartition("=")
        amount, colon, action = (piece.strip() for piece in written.partition(":"))
        known = not colon or action == STOP
        if not owner.strip() or not known or not AMOUNT.fullmatch(amount) or not Decimal(amount):
            raise ValueError(f"{part!r} is not like alice@contoso.com=500 or ben=200:stop (owner=amount of a month)")
        if owner.strip() in found:
            raise ValueError(f"{owner.strip()!r} has two budgets")
        found[owner.strip()] = OwnerBudget(Decimal(amount), bool(colon))
    return found


def stopping_owners(owners: Mapping[str, OwnerBudget]) -> dict[str, float]:
    """What owners may spend in a month, those whose budgets ask for stops."""
    return {name: float(budget.monthly) for name, budget in owners.items() if budget.stops}


def budgets_of(records: Iterable[EnvironmentRecord], owners: Mapping[str, OwnerBudget]) -> Iterator[CostBudget]:
    """All budgets: those in the specs of environments, and those of owners."""
    for record in records:
        spec = spec_in(record.spec)
        if (monthly := _monthly_in(spec)) is not None:
            yield CostBudget(GroupBy.ENVIRONMENT, record.name, monthly, stops=spec.get("on_budget") == STOP)
    for owner, budget in owners.items():
        yield CostBudget(GroupBy.OWNER, owner, budget.monthly, stops=budget.stops)


def spec_in(spec: str) -> Mapping[str, Any]:
    """A stored spec, whatever it says; empty if it cannot be read."""
    try:
        found = json.loads(spec)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _monthly_in(spec: Mapping[str, Any]) -> Decimal | None:
    """The budget in a stored spec, whatever else it says; None if it has none."""
    amount = spec.get("monthly_budget")
    return Decimal(repr(amount)) if isinstance(amount, int | float) and not isinstance(amount, bool) and amount > 0 else None


def reached(budget: CostBudget, month: Forecast) -> dict[str, str]:
    """The warnings that a month has earned, by threshold: a sentence each. Who is over it is not told that it is near."""
    whose = f"the budget of {budget.monthly:.2f} USD for {budget.name} in this month"
    spent, percent = f"{month.spent:.2f} USD", month.spent / budget.monthly * 100
    found: dict[str, str] = {}
    if percent >= FULL_PERCENT:
        return {str(FULL_PERCENT): f"Estimated costs of {spent} have used up {whose}.{_what_follows(budget)}"}
    if percent >= NEAR_PERCENT:
        found[str(NEAR_PERCENT)] = f"Estimated costs of {spent} are {percent:.0f} % of {whose}."
    if month.expected >= budget.monthly:
        expected = f"{month.expected:.2f} USD ({month.least:.2f} to {month.most:.2f})"
        found[FORECAST] = f"The month is expected to cost {expected}, which is more than {whose}; {spent} are spent."
    return found


def _what_follows(budget: CostBudget) -> str:
    if not budget.stops:
        return ""
    return STOPPED.format(whose="Its" if budget.of is GroupBy.ENVIRONMENT else "Where the spec has on_budget=stop, the")


def overspent_in(
    budgets: Iterable[CostBudget], spent: Mapping[GroupBy, Mapping[str, Decimal]], before: OverspentBudgets, now: float
) -> OverspentBudgets:
    """The budgets that ask for stops and are used up by what was certainly spent in this month.

    `before` is what was known of this month; since when a budget is used up stays as it was.
    """
    known = {GroupBy.ENVIRONMENT: before.environments, GroupBy.OWNER: before.owners}
    found: dict[GroupBy, dict[str, Overspent]] = {GroupBy.ENVIRONMENT: {}, GroupBy.OWNER: {}}
    for budget in budgets:
        amount = spent[budget.of].get(budget.name, Decimal())
        if budget.stops and amount >= budget.monthly:
            earlier = known[budget.of].get(budget.name)
            since = earlier.since if earlier else now
            found[budget.of][budget.name] = Overspent(budget.name, float(budget.monthly), float(amount), since)
    return OverspentBudgets(now, found[GroupBy.ENVIRONMENT], found[GroupBy.OWNER])
