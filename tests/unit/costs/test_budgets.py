"""Budgets: how they are written, whose they are, and what a month has earned."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from dormouse.costs.budgets import CostBudget, OwnerBudget, budgets_of, overspent_in, reached, read_budgets
from dormouse.costs.forecast import Forecast
from dormouse.costs.query import GroupBy
from dormouse.idle.budgets.overspent import Overspent, OverspentBudgets
from tests.unit.builders import environment_record

HUNDRED = CostBudget(GroupBy.OWNER, "ann", Decimal(100))


def month(spent: float, expected: float) -> Forecast:
    return Forecast(Decimal(str(spent)), Decimal(str(spent)), Decimal(str(expected)), Decimal(500))


def test_budgets_of_owners_are_read_with_every_fault() -> None:
    assert read_budgets("alice@contoso.com=500, ben = 0.50 : stop,") == {
        "alice@contoso.com": OwnerBudget(Decimal(500)),
        "ben": OwnerBudget(Decimal("0.50"), stops=True),
    }
    for wrong in (
        "alice",
        "=5",
        "alice=",
        "alice=0",
        "alice=-1",
        "alice=1e9",
        "alice=5.123",
        "alice=5:",
        "alice=5:halt",
        "alice=:stop",
    ):
        with pytest.raises(ValueError, match="owner=amount of a month"):
            read_budgets(wrong)
    with pytest.raises(ValueError, match="two budgets"):
        read_budgets("a=1, a=2")


def test_environments_have_the_budget_of_their_spec() -> None:
    specs = [
        {"monthly_budget": 40.5, "on_budget": "stop"},
        {"on_budget": "stop"},
        {"monthly_budget": None},
        {"monthly_budget": True},
        {"monthly_budget": -1},
    ]
    records = [environment_record(f"ml{place}", spec=json.dumps(spec)) for place, spec in enumerate(specs)]
    records += [environment_record("ml8", spec="rubbish"), environment_record("ml9", spec="[1]")]
    found = list(budgets_of(records, {"ann": OwnerBudget(Decimal(5), stops=True)}))
    assert found == [
        CostBudget(GroupBy.ENVIRONMENT, "ml0", Decimal("40.5"), stops=True),
        CostBudget(GroupBy.OWNER, "ann", Decimal(5), stops=True),
    ]


@pytest.mark.parametrize(
    ("spent", "expected", "thresholds"),
    [
        (79.99, 99.99, []),
        (80, 99.99, ["80"]),
        (10, 100, ["forecast"]),
        (99.99, 150, ["80", "forecast"]),
        (100, 150, ["100"]),
    ],
)
def test_each_threshold_is_a_warning(spent: float, expected: float, thresholds: list[str]) -> None:
    found = reached(HUNDRED, month(spent, expected))
    assert list(found) == thresholds
    assert all("100.00 USD for ann" in text and f"{spent:.2f} USD" in text for text in found.values())
    assert not any("stopped" in text for text in found.values())


def test_a_budget_that_stops_machines_says_so_when_it_is_used_up() -> None:
    (owners,) = reached(replace(HUNDRED, stops=True), month(100, 150)).values()
    assert "Where the spec has on_budget=stop, the machines are stopped when they are not in use" in owners
    (own,) = reached(CostBudget(GroupBy.ENVIRONMENT, "ml1", Decimal(100), stops=True), month(100, 150)).values()
    assert " Its machines are stopped when they are not in use, after a warning of their own, and no sweep starts" in own


NOTHING = OverspentBudgets()
ML1 = CostBudget(GroupBy.ENVIRONMENT, "ml1", Decimal(100), stops=True)


def overspent(amount: str, *budgets: CostBudget, before: OverspentBudgets = NOTHING, now: float = 5.0) -> OverspentBudgets:
    spent = {"ml1": Decimal(amount), "ann": Decimal(amount)}
    return overspent_in(budgets, {GroupBy.ENVIRONMENT: spent, GroupBy.OWNER: spent}, before, now)


def test_what_is_used_up_is_kept_with_its_amounts_if_it_asks_for_stops() -> None:
    assert overspent("99.99", ML1) == OverspentBudgets(5.0)
    assert overspent("100", ML1) == OverspentBudgets(5.0, {"ml1": Overspent("ml1", 100.0, 100.0, 5.0)})
    assert overspent("100", replace(ML1, stops=False)) == OverspentBudgets(5.0)
    of_ann = OverspentBudgets(5.0, {}, {"ann": Overspent("ann", 100.0, 100.0, 5.0)})
    assert overspent("100", replace(HUNDRED, stops=True)) == of_ann
    assert overspent("100", replace(ML1, name="ml2")) == OverspentBudgets(5.0), "it has cost nothing"


def test_since_when_a_budget_is_used_up_stays_until_it_is_not() -> None:
    first = overspent("100", ML1)
    later = overspent("130", ML1, before=first, now=9.0)
    assert later.environments["ml1"] == Overspent("ml1", 100.0, 130.0, 5.0)
    raised = overspent("130", replace(ML1, monthly=Decimal(200)), before=later, now=10.0)
    assert overspent("210", ML1, before=raised, now=11.0).environments["ml1"].since == 11.0
