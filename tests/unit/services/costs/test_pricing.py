"""The hourly price of an environment: all that is billed in it, while it runs and while it sleeps, and what has no price."""

import asyncio
from collections.abc import Mapping

import pytest

from dormouse.blueprints.catalog import plan_for
from dormouse.blueprints.specs import read_spec
from dormouse.resources.billing.meters import ADDRESS, DNS_ZONE, Charge, disk_meter, registry_meter
from dormouse.resources.billing.recorded import Billed, billed_in
from dormouse.resources.kinds import PriceQuery
from dormouse.resources.registry import with_implied
from dormouse.services.apply import EXAMPLE_OPERATION, billing_of_blueprint
from dormouse.services.costs.pricing import HourlyPrice, billed_in_plan, machine_price_of, price_of
from dormouse.services.recorded_plans import target_of
from dormouse.services.views.money import Money
from tests.unit.azure import PriceList
from tests.unit.builders import CPU_ONLY
from tests.unit.twins import SETTINGS, MemoryTables, reads_of

A10 = "Standard_NV6ads_A10_v5"
FEES = (Charge.of(ADDRESS), Charge.of(DNS_ZONE))
KNOWN = {"a": 0.5, "b": 2.0, ADDRESS.name: 0.005, DNS_ZONE.name: 0.001}


def priced(known: Mapping[str, float] | None, billed: Billed) -> HourlyPrice:
    dependencies = reads_of(MemoryTables(), prices=PriceList(known))
    return asyncio.run(price_of("polandcentral", billed, dependencies))


@pytest.mark.parametrize(
    ("machines", "running"),
    [
        ([PriceQuery("a")], 0.506),
        ([PriceQuery("a", 3)], 1.506),
        ([PriceQuery("a"), PriceQuery("b", 2)], 4.506),
        ([], 0.006),
    ],
)
def test_machines_and_fees_are_added_up_and_only_fees_are_billed_while_it_sleeps(
    machines: list[PriceQuery], running: float
) -> None:
    price = priced(KNOWN, Billed(tuple(machines), FEES))
    assert price == HourlyPrice(Money(running, "USD"), Money(0.006, "USD"))


@pytest.mark.parametrize(
    ("billed", "running", "unpriced"),
    [
        (Billed((PriceQuery("a"), PriceQuery("x", spot=True)), FEES), 0.506, ("x as a Spot VM",)),
        (Billed((PriceQuery("a"),), (Charge.of(registry_meter("Basic")), *FEES)), 0.506, ("Basic Registry Unit",)),
        (Billed((PriceQuery("a"),), (Charge(None, "disk vm-disk"),)), 0.5, ("disk vm-disk",)),
    ],
)
def test_what_has_no_known_price_is_named_and_makes_the_sum_a_lower_bound(
    billed: Billed, running: float, unpriced: tuple[str, ...]
) -> None:
    price = priced(KNOWN, billed)
    assert (price.running, price.unpriced) == (Money(running, "USD"), unpriced)


def test_without_any_known_price_there_is_no_sum() -> None:
    nothing: list[Mapping[str, float] | None] = [None, {}]
    for known in nothing:
        price = priced(known, Billed((PriceQuery("a"),), FEES))
        assert (price.running, price.asleep) == (None, None)
        assert price.unpriced == ("a", ADDRESS.name, DNS_ZONE.name)
    assert priced(KNOWN, Billed(by_use=("traffic",))) == HourlyPrice()


def test_fees_that_are_not_known_are_not_free() -> None:
    assert priced({"a": 0.5}, Billed((PriceQuery("a"),), FEES)).asleep is None
    assert priced({"a": 0.5}, Billed((PriceQuery("a"),))).asleep == Money(0.0, "USD")


@pytest.mark.parametrize(("known", "amount"), [({"a": 0.5}, 0.5), ({}, None), (None, None)])
def test_the_price_of_a_machine_is_known_or_not(known: Mapping[str, float] | None, amount: float | None) -> None:
    dependencies = reads_of(MemoryTables(), prices=PriceList(known))
    price = asyncio.run(machine_price_of("polandcentral", [PriceQuery("a")], dependencies))
    assert (price and price.amount) == amount


@pytest.mark.parametrize(("size", "machines"), [("", (PriceQuery(A10),)), (CPU_ONLY, (PriceQuery(CPU_ONLY),))])
def test_a_blueprint_is_billed_for_machine_disk_and_address(size: str, machines: tuple[PriceQuery, ...]) -> None:
    billed = billing_of_blueprint("workstation", size, SETTINGS)
    assert billed.machines == machines
    assert sorted(charge.label for charge in billed.charges) == ["S6 LRS Disk", ADDRESS.name]
    assert {"outbound traffic", "stored data and requests"} <= set(billed.by_use)
    assert billed.covers.endswith("transactions of standard disks") or "billed by use on top" in billed.covers
    assert billing_of_blueprint("workstation", "no such size", SETTINGS) == Billed()


def test_records_say_what_a_plan_is_billed_for() -> None:
    body = {"blueprint": "data-science", "region": "westeurope", "data_disks": [{"size_gib": 100, "type": "Premium_LRS"}]}
    spec = read_spec("ml1", body, caller_address="203.0.113.7", caller="ana")
    plan = plan_for(spec, target_of(SETTINGS, "example", EXAMPLE_OPERATION, (), {}))
    assert billed_in(with_implied(plan)) == billed_in_plan(plan)
    assert "P10 LRS Disk" in {charge.label for charge in billed_in_plan(plan).charges}


def test_what_only_earlier_plans_have_named_does_not_count_and_disks_of_earlier_records_have_no_price() -> None:
    body = {"blueprint": "workstation", "region": "westeurope"}
    spec = read_spec("ml1", body, caller_address="203.0.113.7", caller="ana")
    plan = plan_for(spec, target_of(SETTINGS, "example", EXAMPLE_OPERATION, (), {}))
    kept = [one for one in with_implied(plan) if one.kind == "disk"]
    for one in kept:
        one.settings.clear()
    assert [charge.meter for charge in billed_in(kept).charges] == [None]
    for one in kept:
        object.__setattr__(one, "name", one.id)
    assert billed_in(kept) == Billed()


@pytest.mark.parametrize(
    ("kind", "gib", "sku"),
    [
        ("Premium_LRS", 64, "P6 LRS"),
        ("Premium_LRS", 65, "P10 LRS"),
        ("Premium_ZRS", 4, "P1 ZRS"),
        ("StandardSSD_LRS", 1024, "E30 LRS"),
        ("Standard_LRS", 4, "S4 LRS"),
        ("Standard_LRS", 32767, "S80 LRS"),
        ("Standard_LRS", 40000, None),
        ("PremiumV2_LRS", 64, None),
        ("UltraSSD_LRS", 64, None),
        ("", 64, None),
    ],
)
def test_a_disk_is_billed_as_the_next_larger_tier(kind: str, gib: int, sku: str | None) -> None:
    meter = disk_meter(kind, gib)
    assert (meter and meter.sku) == sku
