"""An environment with two VMs, of which one needs the other, and with something that is suspended before a stop."""

import itertools
from typing import Any

import pytest

from tests.blueprints.conftest import PAIR
from tests.support import AzureSide, ControlPlane

MACHINE = "Microsoft.Compute/virtualMachines"


def steps_of(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in operation["steps"]}


def machines(azure: AzureSide, name: str) -> dict[str, dict[str, Any]]:
    return {machine["name"]: machine for machine in azure.of_type(name, MACHINE)}


def states(control_plane: ControlPlane, name: str) -> dict[str, str]:
    return {one["name"]: one["state"] for one in control_plane.get(name)["resources"] if one["state"]}


def before(steps: dict[str, dict[str, Any]], *names: str) -> bool:
    """Whether each of these steps ended before the next began."""
    pairs = itertools.pairwise(names)
    return all(steps[first]["ended_seconds"] <= steps[second]["began_seconds"] for first, second in pairs)


def test_both_machines_are_built_checked_and_shown(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    operation = control_plane.up(name, PAIR)
    assert before(steps_of(operation), "vm-1", "vm-2")
    checks = {check["name"]: check["result"] for check in operation["health_checks"]}
    assert checks == {
        f"{vm} {check}": "passed" for vm in ("vm-1", "vm-2") for check in ("cloud-init", "setup", "blob-mount")
    }
    seen = control_plane.get(name)
    assert (seen["state"], seen["billed"], seen["ready"]) == ("running", True, True)
    assert states(control_plane, name) == {"vm-1": "running", "vm-2": "running"}
    assert len({endpoint["host"] for endpoint in seen["endpoints"]}) == 2
    assert len(seen["secrets"]) == 1
    one = control_plane.client.get("/blueprints/pair", params={"region": "swedencentral"}).json()["price_per_hour"]
    assert seen["price_per_hour"] == one
    assert {vm["tags"].get("desk") for vm in machines(azure, name).values()} == {"open", None}
    (listed,) = [each for each in control_plane.every_environment() if each["name"] == name]
    for field in ("state", "billed", "endpoints", "price_per_hour"):
        assert listed[field] == seen[field]


def test_dependents_stop_first_and_start_last_and_the_desk_is_closed_meanwhile(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, PAIR)
    stopped = control_plane.follow(control_plane.post(name, "stop"))
    assert stopped["outcome"] == "succeeded", stopped["reason"]
    assert before(steps_of(stopped), "suspend desk", "stop vm-2", "stop vm-1", "verify")
    assert control_plane.get(name)["state"] == "stopped"
    assert machines(azure, name)[f"vm-{name}-1"]["tags"]["desk"] == "closed"
    started = control_plane.follow(control_plane.post(name, "start"))
    assert started["outcome"] == "succeeded", started["reason"]
    assert before(steps_of(started), "start vm-1", "start vm-2", "verify", "resume desk", "health")
    assert machines(azure, name)[f"vm-{name}-1"]["tags"]["desk"] == "open"


def test_a_machine_that_cannot_be_stopped_keeps_what_it_needs_running(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, PAIR)
    azure.spoil(method="POST", path=f"vm-{name}-2/deallocate", status=409, code="OperationNotAllowed", message="no")
    stopped = control_plane.follow(control_plane.post(name, "stop"))
    assert stopped["outcome"] == "failed"
    assert "stop vm-1" not in steps_of(stopped)
    assert states(control_plane, name) == {"vm-1": "running", "vm-2": "running"}
    assert machines(azure, name)[f"vm-{name}-1"]["tags"]["desk"] == "open"


def test_machines_in_different_states_are_partial_and_can_be_started_and_stopped(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, PAIR)
    second = machines(azure, name)[f"vm-{name}-2"]["id"]
    azure.client.post("/machines/shutdown", json={"id": second}).raise_for_status()
    seen = control_plane.get(name)
    assert (seen["state"], seen["billed"]) == ("partial", True)
    assert control_plane.post(name, "restart").status_code == 409
    assert control_plane.follow(control_plane.post(name, "start"))["outcome"] == "succeeded"
    assert control_plane.get(name)["state"] == "running"


def test_quota_is_checked_for_both_machines_together(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.limit("northeurope", "cores", 3)
    preview = control_plane.put(name, {**PAIR, "region": "northeurope"}, dry_run="true").json()
    assert [refusal["reason"] for refusal in preview["refusals"]] == ["quota_exceeded"]
    assert "4 more are needed" in preview["refusals"][0]["detail"]


@pytest.mark.parametrize("refused", ["1", "2"])
def test_a_refused_machine_rolls_everything_back(
    control_plane: ControlPlane, azure: AzureSide, name: str, refused: str
) -> None:
    azure.spoil(method="PUT", path=f"virtualMachines/vm-{name}-{refused}", status=409, code="SkuNotAvailable")
    operation = control_plane.provision(name, PAIR)
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    assert (azure.resources(name), azure.secrets(name)) == ([], [])
    assert control_plane.client.get(f"/environments/{name}").status_code == 404


def test_a_cancelled_provision_leaves_nothing(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    accepted = control_plane.put(name, PAIR).json()["operation"]
    control_plane.until_step(accepted, "vm-2", "running")
    control_plane.cancel(accepted)
    assert control_plane.wait(accepted)["outcome"] == "cancelled"
    assert (azure.resources(name), azure.secrets(name)) == ([], [])


def test_a_deletion_closes_the_desk_and_leaves_nothing(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name, PAIR)
    deleted = control_plane.down(name)
    assert deleted["outcome"] == "succeeded", deleted["reason"]
    assert before(steps_of(deleted), "suspend desk", "group", "verify")
    assert (azure.resources(name), azure.secrets(name)) == ([], [])


def test_a_missing_machine_is_built_again_and_the_other_stays(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, PAIR)
    second = machines(azure, name)[f"vm-{name}-2"]["id"]
    azure.client.post("/resources/vanish", json={"id": second}).raise_for_status()
    assert control_plane.get(name)["state"] == "incomplete"
    repaired = control_plane.up(name, PAIR)
    assert steps_of(repaired)["vm-1"]["state"] == "unchanged" or steps_of(repaired)["vm-1"]["state"] == "done"
    assert states(control_plane, name) == {"vm-1": "running", "vm-2": "running"}


def test_a_stopped_pair_can_be_changed_without_its_desk(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name, PAIR)
    control_plane.follow(control_plane.post(name, "stop"))
    changed = control_plane.up(name, {**PAIR, "allow_from": ["198.51.100.0/24"]})
    assert "desk" not in steps_of(changed)
    assert "these are stopped: vm-1, vm-2" in changed["reason"]


def test_holds_and_leases_apply_to_both_machines(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name, PAIR)
    held = control_plane.client.post(f"/environments/{name}/hold", json={"for": "2h", "reason": "x"})
    assert held.status_code == 200
    assert control_plane.get(name)["hold"]["reason"] == "x"
    leased = control_plane.client.post(f"/environments/{name}/extend", json={"for": "3h"})
    assert leased.status_code == 200
    assert control_plane.get(name)["lease"]["then"] == "stop"


LARGER = "Standard_D4s_v5"


def sizes(azure: AzureSide, name: str) -> set[str]:
    return {vm["properties"]["hardwareProfile"]["vmSize"] for vm in machines(azure, name).values()}


def test_both_machines_are_resized_in_an_order_that_works(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name, PAIR)
    accepted = control_plane.client.post(f"/environments/{name}/resize", json={"size": LARGER, "restart": True})
    resized = control_plane.follow(accepted)
    assert resized["outcome"] == "succeeded", resized["reason"]
    order = (
        "suspend desk",
        "stop vm-2",
        "stop vm-1",
        "verify stop",
        "resize vm-1",
        "start vm-1",
        "start vm-2",
        "verify start",
    )
    assert before(steps_of(resized), *order, "resume desk", "health")
    assert (sizes(azure, name), states(control_plane, name)) == ({LARGER}, {"vm-1": "running", "vm-2": "running"})
    assert machines(azure, name)[f"vm-{name}-1"]["tags"]["desk"] == "open"


def test_if_one_machine_finds_no_capacity_with_the_new_size_both_go_back(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, PAIR)
    azure.spoil(effect="fail", method="POST", path=f"vm-{name}-2/start", code="AllocationFailed", times=1)
    accepted = control_plane.client.post(f"/environments/{name}/resize", json={"size": LARGER, "restart": True})
    resized = control_plane.follow(accepted)
    assert (resized["outcome"], resized["refusals"][0]["reason"]) == ("failed", "no_capacity")
    assert f"The old size was put back: {name} is running again" in resized["reason"]
    assert (sizes(azure, name), states(control_plane, name)) == (
        {"Standard_D2s_v5"},
        {"vm-1": "running", "vm-2": "running"},
    )
    assert machines(azure, name)[f"vm-{name}-1"]["tags"]["desk"] == "open"


def test_of_machines_in_different_states_only_what_ran_is_started_again(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, PAIR)
    second = machines(azure, name)[f"vm-{name}-2"]["id"]
    azure.client.post("/machines/shutdown", json={"id": second}).raise_for_status()
    accepted = control_plane.client.post(f"/environments/{name}/resize", json={"size": LARGER, "restart": True})
    assert control_plane.follow(accepted)["outcome"] == "succeeded"
    assert (sizes(azure, name), states(control_plane, name)) == ({LARGER}, {"vm-1": "running", "vm-2": "stopped"})
