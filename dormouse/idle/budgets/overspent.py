"""Budgets of the current month that are used up, and whose they are; moments are seconds since 1970. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dormouse.clock import HOUR
from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.power.history import month_of

# Costs are estimated once an hour; an estimate that could not be repeated for so long stops nothing.
VALID = 3 * HOUR
STOP = "stop"
TEXT = "Estimated costs of {spent:.2f} USD have used up the budget of {budget:.2f} USD for {name} in this month."


@dataclass(frozen=True, slots=True)
class Overspent:
    """A budget for this month (UTC) that is used up, in USD, and since when that has been seen."""

    name: str
    budget: float
    spent: float
    since: float

    @property
    def text(self) -> str:
        """The sentence that says so."""
        return TEXT.format(spent=self.spent, budget=self.budget, name=self.name)

    def under(self, budget: float | None) -> "Overspent | None":
        """The same under the budget of today; None if there is no budget any more, or if it is not used up."""
        return replace(self, budget=budget) if budget is not None and self.spent >= budget else None


@dataclass(frozen=True, slots=True)
class OverspentBudgets:
    """The budgets that were used up at a moment, by environment and by owner: only those that ask for stops."""

    at: float = 0.0
    environments: Mapping[str, Overspent] = field(default_factory=dict)
    owners: Mapping[str, Overspent] = field(default_factory=dict)

    def valid(self, now: float) -> "OverspentBudgets":
        """These budgets, or none if they are of another month or too old: then it is not known what is used up."""
        return self.of_month(now) if now - self.at <= VALID else OverspentBudgets()

    def of_month(self, now: float) -> "OverspentBudgets":
        """These budgets, or none if they are not of the month (UTC) of a moment."""
        return self if month_of(self.at) == month_of(now) else OverspentBudgets()

    def with_owners(self, budgets: Mapping[str, float]) -> "OverspentBudgets":
        """The same under the budgets of owners that ask for stops today, in USD."""
        found = {name: one.under(budgets.get(name)) for name, one in self.owners.items()}
        return replace(self, owners={name: one for name, one in found.items() if one})

    def of(self, record: EnvironmentRecord | None, spec: Mapping[str, Any]) -> Overspent | None:
        """The budget because of which an environment is stopped: its own, or that of its owner; None for neither.

        `spec` is its stored spec, which must ask for that.
        """
        if record is None or spec.get("on_budget") != STOP:
            return None
        own = self.environments.get(record.name)
        return (own.under(_amount(spec.get("monthly_budget"))) if own else None) or self.owners.get(record.owner)


def _amount(stored: object) -> float | None:
    known = isinstance(stored, int | float) and not isinstance(stored, bool) and stored > 0
    return float(stored) if known else None  # type: ignore[arg-type]
