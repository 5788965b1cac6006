"""The hourly price of an environment: all that is billed in it, or nothing if a part of it is unknown."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from dormouse.resources.kinds import PriceQuery
from dormouse.services.apply import billing_of_blueprint
from dormouse.services.costs.pricing import price_of
from dormouse.services.views.money import Money
from tests.unit.azure import PriceList
from tests.unit.builders import CPU_ONLY
from tests.unit.twins import SETTINGS, MemoryTables, reads_of

A10 = "Standard_NV6ads_A10_v5"


def priced(known: Mapping[str, float] | None, *billed: PriceQuery) -> Money | None:
    dependencies = reads_of(MemoryTables(), prices=PriceList(known))
    return asyncio.run(price_of("polandcentral", billed, dependencies))


@pytest.mark.parametrize(
    ("billed", "amount"),
    [
        ([PriceQuery("a")], 0.5),
        ([PriceQuery("a", 3)], 1.5),
        ([PriceQuery("a"), PriceQuery("b", 2)], 4.5),
        ([PriceQuery("a"), PriceQuery("a")], 1.0),
    ],
)
def test_everything_that_is_billed_by_the_hour_is_added_up(billed: Sequence[PriceQuery], amount: float) -> None:
    assert priced({"a": 0.5, "b": 2.0}, *billed) == Money(amount, "USD")


@pytest.mark.parametrize("billed", [[PriceQuery("unknown")], [PriceQuery("a"), PriceQuery("unknown")], []])
def test_a_price_without_all_of_its_parts_is_no_price(billed: Sequence[PriceQuery]) -> None:
    assert priced({"a": 0.5}, *billed) is None


def test_a_price_list_that_does_not_answer_leaves_the_price_unknown() -> None:
    assert priced(None, PriceQuery("a")) is None


@pytest.mark.parametrize(
    ("size", "billed"), [("", [PriceQuery(A10)]), (CPU_ONLY, [PriceQuery(CPU_ONLY)]), ("no such size", [])]
)
def test_a_blueprint_has_the_price_of_its_default_spec_or_of_another_size(size: str, billed: list[PriceQuery]) -> None:
    assert billing_of_blueprint("workstation", size, SETTINGS) == billed
