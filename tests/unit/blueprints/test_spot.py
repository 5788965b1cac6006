"""Spot VMs in specs: what may be asked for, and what must not be asked for together with them."""

from typing import Any

import pytest

from dormouse.blueprints.catalog import plan_for
from dormouse.blueprints.specs import change_faults, read_spec
from dormouse.errors import InvalidSpec
from dormouse.resources.compute.spot import is_spot, max_price_in
from tests.unit.builders import target, workstation_spec

SPEC = {"blueprint": "workstation", "region": "polandcentral", "allow_from": ["203.0.113.7/32"]}
SPOT = {"priority": "spot"}


def faults(**fields: Any) -> dict[str, str]:
    """The faults of a spec, by pointer."""
    with pytest.raises(InvalidSpec) as raised:
        read_spec("ml1", {**SPEC, **fields}, caller_address="203.0.113.7", caller="ann")
    return {fault.pointer: fault.detail for fault in raised.value.faults}


@pytest.mark.parametrize("price", [-1, 0.00001, 0.25, 1000])
def test_a_maximum_price_is_minus_one_or_greater_than_zero(price: float) -> None:
    assert workstation_spec(**SPOT, max_price=price).max_price == price


@pytest.mark.parametrize(
    ("price", "says"),
    [
        (0, "greater than 0, or -1"),
        (-2, "greater than 0, or -1"),
        (0.123456, "at most 5 decimals"),
        (1001, "must be at most 1000"),
    ],
)
def test_any_other_maximum_price_is_a_fault(price: float, says: str) -> None:
    assert says in faults(**SPOT, max_price=price)["/max_price"]


def test_what_is_for_spot_vms_only_is_a_fault_without_them() -> None:
    found = faults(max_price=0.25, on_eviction="restart")
    assert set(found) == {"/max_price", "/on_eviction"}
    assert all("add `priority: spot`" in detail for detail in found.values())


def test_every_field_that_a_spot_vm_cannot_have_is_named_at_once() -> None:
    sizes = {"size": "Standard_B4ms", "fallback": {"sizes": ["Standard_D4s_v5", "Standard_DS3_v2_Promo", "Standard_B2s"]}}
    found = faults(**SPOT, **sizes, idle={"action": "hibernate"}, hibernation={"fallback": "keep"})
    assert {"/size", "/fallback/sizes/1", "/fallback/sizes/2", "/hibernation", "/idle/action"} <= set(found)
    assert "cannot hibernate Spot VMs" in found["/hibernation"]
    assert "cannot be a Spot VM" in found["/size"]
    assert "cannot hibernate Spot VMs" in found["/idle/action"]
    assert workstation_spec(idle={"action": "hibernate"}, size="Standard_B4ms").misfits() == ()


def test_the_policy_for_evictions_can_change_in_place_and_the_priority_cannot() -> None:
    before = workstation_spec(**SPOT)
    assert change_faults(before, workstation_spec(**SPOT, on_eviction="restart")) == []
    changed = change_faults(before, workstation_spec())
    assert [fault.pointer for fault in changed] == ["/priority"]
    changed = change_faults(before, workstation_spec(**SPOT, max_price=0.3))
    assert [fault.pointer for fault in changed] == ["/max_price"]


@pytest.mark.parametrize("price", [None, 0.25])
def test_an_evicted_vm_keeps_its_disks(price: float | None) -> None:
    more = {} if price is None else {"max_price": price}
    vm = plan_for(workstation_spec(**SPOT, **more), target()).resource("vm")
    asked = vm.body["properties"]
    assert (asked["priority"], asked["evictionPolicy"]) == ("Spot", "Deallocate")
    assert asked["billingProfile"] == {"maxPrice": -1 if price is None else price}
    assert (is_spot(vm), is_spot(vm.recorded()), max_price_in(vm)) == (True, True, price or -1)


ORGANIZATION = {"organization": "https://dev.azure.com/contoso", "pool": "gpu", "token_secret": "token", "count": 2}


@pytest.mark.parametrize(("blueprint", "more", "count"), [("data-science", {}, 1), ("build-agent", ORGANIZATION, 2)])
def test_every_machine_of_a_blueprint_is_a_spot_vm(blueprint: str, more: dict[str, Any], count: int) -> None:
    body = {**SPEC, **SPOT, **more, "blueprint": blueprint}
    spec = read_spec("ml1", body, caller_address="203.0.113.7", caller="ann")
    plan = plan_for(spec, target())
    assert [is_spot(one) for one in plan.resources if one.kind == "virtual_machine"] == [True] * count


def test_a_regular_vm_is_asked_for_as_before() -> None:
    vm = plan_for(workstation_spec(), target()).resource("vm")
    assert vm.body["properties"].keys() & {"priority", "evictionPolicy", "billingProfile"} == set()
    assert "priority" not in vm.settings
    assert not is_spot(vm)
