"""Spot VMs from the file to the machine: what is built, what it costs, and what is refused before anything is built."""

import pytest

from tests.support import FEES, WORKSTATION, AzureSide, ControlPlane

SPOT = {**WORKSTATION, "priority": "spot"}
PRICE, REGULAR = 0.118, 0.59
IN_ALL = pytest.approx(PRICE + FEES, abs=1e-6)


def test_a_spot_workstation_is_built_at_the_price_of_spot_vms(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    asked = {**SPOT, "max_price": 0.2, "on_eviction": "restart", "max_hourly_cost": 0.13}
    control_plane.up(name, asked)
    (vm,) = azure.of_type(name, "Microsoft.Compute/virtualMachines")
    shown = {field: vm["properties"][field] for field in ("priority", "evictionPolicy", "billingProfile")}
    assert shown == {"priority": "Spot", "evictionPolicy": "Deallocate", "billingProfile": {"maxPrice": 0.2}}
    seen = control_plane.get(name)
    assert (seen["state"], seen["price_per_hour"]["amount"]) == ("running", IN_ALL)
    assert seen["costs"]["per_month"]["amount"] == pytest.approx((PRICE + FEES) * 730, abs=0.01)
    assert {field: seen["spec"][field] for field in ("priority", "max_price", "on_eviction")} == {
        "priority": "spot",
        "max_price": 0.2,
        "on_eviction": "restart",
    }
    assert control_plane.put(name, asked).status_code == 200, "nothing would change"
    assert control_plane.provision(name, {**asked, "on_eviction": "notify"})["outcome"] == "succeeded"
    refused = control_plane.put(name, {**asked, "priority": "regular", "max_price": -1, "on_eviction": "notify"})
    assert refused.status_code == 422
    pointers = [fault["pointer"] for fault in refused.json()["errors"]]
    assert "/priority" in pointers
    control_plane.down(name)


def test_a_quota_of_spot_vms_that_does_not_suffice_is_refused(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.limit("francecentral", "lowPriorityCores", 5)
    azure.limit("francecentral", "cores", 0)
    (refusal,) = control_plane.put(name, {**SPOT, "region": "francecentral"}, dry_run="true").json()["refusals"]
    assert (refusal["reason"], refusal["quota"]["limit"], refusal["quota"]["needed"]) == ("quota_exceeded", 5, 6)
    assert refusal["detail"].startswith("Total Regional Low-priority vCPUs in francecentral")


def test_the_price_of_spot_vms_is_compared_with_the_limits_of_the_spec(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    preview = control_plane.put(name, {**SPOT, "max_hourly_cost": 0.12}, dry_run="true").json()
    assert [refusal["reason"] for refusal in preview["refusals"]] == ["too_expensive"]
    assert preview["price_per_hour"]["amount"] == IN_ALL
    preview = control_plane.put(name, {**SPOT, "max_price": 0.1}, dry_run="true").json()
    (refusal,) = preview["refusals"]
    assert refusal["reason"] == "too_expensive"
    assert "costs 0.118 USD per hour in polandcentral, and max_price is 0.1" in refusal["detail"]
    operation = control_plane.provision(name, {**SPOT, "max_price": 0.1})
    assert (operation["outcome"], azure.resources(name)) == ("refused", [])


def test_what_spot_vms_cannot_have_is_named_before_anything_is_built(control_plane: ControlPlane, name: str) -> None:
    answer = control_plane.put(name, {**SPOT, "size": "Standard_B4ms", "idle": {"action": "hibernate"}, "max_price": 0})
    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.json()["errors"]} >= {"/max_price"}
    answer = control_plane.put(name, {**SPOT, "size": "Standard_B4ms", "idle": {"action": "hibernate"}})
    assert {"/size", "/idle/action"} <= {fault["pointer"] for fault in answer.json()["errors"]}
