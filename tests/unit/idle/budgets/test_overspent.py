"""Budgets that are used up: whose they are, and for how long that is known."""

from typing import Any

import pytest

from dormouse.clock import HOUR, MINUTE
from dormouse.idle.budgets.overspent import VALID, Overspent, OverspentBudgets
from tests.unit.builders import environment_record
from tests.unit.costs.months import at

CHECKED = at(2026, 4, 20)
SPENT = Overspent("ml1", 100.0, 120.0, CHECKED - HOUR)
ANN = Overspent("ann", 500.0, 510.0, CHECKED)
KNOWN = OverspentBudgets(CHECKED, {"ml1": SPENT}, {"ann": ANN})
STOPS = {"monthly_budget": 100, "on_budget": "stop"}
RECORD = environment_record("ml1")


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        (STOPS, "ml1"),
        ({**STOPS, "on_budget": "warn"}, ""),
        ({"monthly_budget": 100}, ""),
        ({**STOPS, "monthly_budget": 120}, "ml1"),
        ({**STOPS, "monthly_budget": 120.01}, "ann"),
        ({**STOPS, "monthly_budget": None}, "ann"),
        ({**STOPS, "monthly_budget": True}, "ann"),
        ({**STOPS, "monthly_budget": -1}, "ann"),
        ({"on_budget": "stop"}, "ann"),
    ],
)
def test_a_spec_asks_for_the_stop_and_its_budget_of_today_counts(spec: dict[str, Any], found: str) -> None:
    one = KNOWN.of(RECORD, spec)
    assert (one.name if one else "") == found
    if one and one.name == "ml1":
        assert (one.budget, one.spent, one.since) == (float(spec["monthly_budget"]), 120.0, CHECKED - HOUR)


def test_the_budget_of_an_owner_is_for_all_of_them_that_ask_and_adopted_machines_have_none() -> None:
    own = OverspentBudgets(CHECKED, owners={"ann": ANN})
    assert own.of(environment_record("ml2"), {"on_budget": "stop"}) == ANN
    assert own.of(environment_record("ml2", owner="ben"), {"on_budget": "stop"}) is None
    assert own.of(environment_record("ml2"), {}) is None
    assert KNOWN.of(None, STOPS) is None
    assert OverspentBudgets().of(RECORD, STOPS) is None


@pytest.mark.parametrize(("budgets", "spent"), [({"ann": 500.0}, 510.0), ({"ann": 510.01}, None), ({"ben": 1.0}, None)])
def test_the_budgets_of_owners_are_those_of_the_settings_of_today(budgets: dict[str, float], spent: float | None) -> None:
    found = KNOWN.with_owners(budgets)
    assert found.owners.get("ann", ANN).spent == 510.0
    assert ("ann" in found.owners) is (spent is not None)
    assert found.environments == KNOWN.environments


@pytest.mark.parametrize(
    ("now", "known"),
    [
        (CHECKED, True),
        (CHECKED + VALID, True),
        (CHECKED + VALID + MINUTE, False),
        (CHECKED - MINUTE, True),
        (at(2026, 5, 1), False),
    ],
)
def test_what_is_old_says_nothing(now: float, known: bool) -> None:
    assert KNOWN.valid(now) == (KNOWN if known else OverspentBudgets())


def test_a_new_month_begins_with_no_budget_used_up() -> None:
    late = OverspentBudgets(at(2026, 4, 30, 23), {"ml1": SPENT})
    assert late.valid(at(2026, 5, 1) - 1) == late
    assert late.valid(at(2026, 5, 1)) == OverspentBudgets()


def test_the_sentence_names_the_amounts() -> None:
    assert SPENT.text == "Estimated costs of 120.00 USD have used up the budget of 100.00 USD for ml1 in this month."
