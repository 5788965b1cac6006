"""Budgets: how they are written, whose they are, and what a month has earned."""

import json
from decimal import Decimal

import pytest

from dormouse.costs.budgets import CostBudget, OwnerBudget, budgets_of, reached, read_budgets
from dormouse.costs.forecast import Forecast
from dormouse.costs.query import GroupBy
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
