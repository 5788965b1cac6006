"""Budgets of a calendar month (UTC): whose they are, and which warnings a month has earned. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from dormouse.costs.forecast import Forecast
from dormouse.costs.query import GroupBy
from dormouse.environments.operations import EnvironmentRecord

NEAR_PERCENT, FULL_PERCENT = 80, 100
FORECAST = "forecast"
AMOUNT = re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class CostBudget:
    """What an environment or an owner may spend in a month, in the currency of the price list."""

    of: GroupBy
    name: str
    monthly: Decimal


def read_budgets(text: str) -> dict[str, Decimal]:
    """The budgets of owners, from `alice@contoso.com=500, ben=200`; raises ValueError."""
    found: dict[str, Decimal] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        owner, _, amount = part.rpartition("=")
        if not owner.strip() or not AMOUNT.fullmatch(amount.strip()) or not Decimal(amount.strip()):
            raise ValueError(f"{part!r} is not like alice@contoso.com=500 (owner=amount of a month)")
        if owner.strip() in found:
            raise ValueError(f"{owner.strip()!r} has two budgets")
        found[owner.strip()] = Decimal(amount.strip())
    return found


def budgets_of(records: Iterable[EnvironmentRecord], owners: Mapping[str, Decimal]) -> Iterator[CostBudget]:
    """All budgets: those in the specs of environments, and those of owners."""
    for record in records:
        if (monthly := _monthly_in(record.spec)) is not None:
            yield CostBudget(GroupBy.ENVIRONMENT, record.name, monthly)
    for owner, monthly in owners.items():
        yield CostBudget(GroupBy.OWNER, owner, monthly)


def _monthly_in(spec: str) -> Decimal | None:
    """The budget in a stored spec, whatever else it says; None if it has none."""
    try:
        amount = json.loads(spec).get("monthly_budget")
    except (ValueError, AttributeError):
        return None
    return Decimal(repr(amount)) if isinstance(amount, int | float) and not isinstance(amount, bool) and amount > 0 else None


def reached(budget: CostBudget, month: Forecast) -> dict[str, str]:
    """The warnings that a month has earned, by threshold: a sentence each. Who is over it is not told that it is near."""
    whose = f"the budget of {budget.monthly:.2f} USD for {budget.name} in this month"
    spent, percent = f"{month.spent:.2f} USD", month.spent / budget.monthly * 100
    found: dict[str, str] = {}
    if percent >= FULL_PERCENT:
        return {str(FULL_PERCENT): f"Estimated costs of {spent} have used up {whose}."}
    if percent >= NEAR_PERCENT:
        found[str(NEAR_PERCENT)] = f"Estimated costs of {spent} are {percent:.0f} % of {whose}."
    if month.expected >= budget.monthly:
        expected = f"{month.expected:.2f} USD ({month.least:.2f} to {month.most:.2f})"
        found[FORECAST] = f"The month is expected to cost {expected}, which is more than {whose}; {spent} are spent."
    return found
