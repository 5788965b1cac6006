"""Cancel rolls back what was built and keeps what existed before; what Azure finishes anyway cannot be cancelled."""

from typing import Any

import pytest

from tests.support import AzureSide, ControlPlane


def cancelled_at(control_plane: ControlPlane, name: str, step: str, state: str) -> dict[str, Any]:
    """The outcome of a provision that was cancelled as soon as one of its steps had the given state."""
    accepted = control_plane.put(name).json()["operation"]
    control_plane.until_step(accepted, step, state)
    control_plane.cancel(accepted)
    return control_plane.wait(accepted)


@pytest.mark.parametrize("step", ["preflight", "group", "storage", "vm", "driver", "health"])
def test_a_provision_that_is_cancelled_leaves_nothing_and_frees_the_name(
    control_plane: ControlPlane, azure: AzureSide, name: str, step: str
) -> None:
    accepted = control_plane.put(name).json()["operation"]
    control_plane.until_step(accepted, step, "running", "done")
    answer = control_plane.cancel(accepted)
    assert (answer.status_code, answer.json()["operation"]) == (202, accepted)
    operation = control_plane.wait(accepted)
    assert operation["outcome"] == "cancelled", operation
    assert operation["reason"].startswith("Cancelled by function-key.")
    assert (operation["refusals"], operation["leftovers"]) == ([], [])
    assert azure.resources(name) == []
    assert azure.secrets(name) == []
    assert control_plane.client.get(f"/environments/{name}").status_code == 404
    assert control_plane.cancel(accepted).status_code == 409
    control_plane.up(name)


def test_cancelling_does_not_wait_for_a_throttled_step(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.hold_up("PUT", f"vm-{name}")
    operation = cancelled_at(control_plane, name, "vm", "running")
    assert operation["outcome"] == "cancelled"
    (vm,) = [step for step in operation["steps"] if step["name"] == "vm"]
    assert vm["duration_seconds"] < 300  # it would have been polled again after 400 seconds
    assert azure.resources(name) == []


def test_a_cancelled_change_keeps_existing_resources(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    before = {resource["id"] for resource in azure.resources(name)}
    azure.vanish(name, "extensions")
    azure.hold_up("PUT", "/extensions/")
    operation = cancelled_at(control_plane, name, "driver", "running")
    assert operation["outcome"] == "cancelled"
    assert "what existed before still exists" in operation["reason"]
    kept = {resource["id"] for resource in azure.resources(name)}
    assert kept == {identifier for identifier in before if "/extensions/" not in identifier}
    control_plane.up(name)


def test_a_stop_cannot_be_cancelled(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    azure.hold_up("POST", f"vm-{name}/deallocate")
    stopping = control_plane.post(name, "stop").json()["operation"]
    refused = control_plane.cancel(stopping)
    assert (refused.status_code, "stop" in refused.json()["detail"]) == (409, True)
    assert control_plane.wait(stopping)["outcome"] == "succeeded"
    assert control_plane.cancel(stopping).status_code == 409
    assert control_plane.cancel("nobody-provision-01").status_code == 404


def test_cancelling_is_idempotent(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    accepted = control_plane.put(name).json()["operation"]
    control_plane.until_step(accepted, "vm", "running")
    assert {control_plane.cancel(accepted).status_code for _ in range(3)} == {202}
    assert control_plane.wait(accepted)["outcome"] == "cancelled"
    assert azure.resources(name) == []


def test_a_later_cancellation_does_not_hide_a_refusal(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.spoil(method="PUT", path=f"vm-{name}", code="SkuNotAvailable", status=409)
    operation = cancelled_at(control_plane, name, "vm", "refused")
    assert (operation["outcome"], operation["refusals"][0]["code"]) == ("failed", "SkuNotAvailable")
    assert azure.resources(name) == []


@pytest.mark.parametrize("spoilt", [{"effect": "lose"}, {"effect": "drop"}])
def test_the_role_of_a_new_machine_is_rolled_back_even_if_the_response_was_lost(
    control_plane: ControlPlane, azure: AzureSide, name: str, spoilt: dict[str, str]
) -> None:
    control_plane.up(name)
    for kind in ("virtualMachines/extensions", "virtualMachines", "disks", "networkInterfaces", "roleAssignments"):
        azure.vanish(name, kind)
    azure.spoil(**spoilt, method="PUT", path="/roleAssignments/", times=1)
    azure.hold_up("PUT", "/extensions/")
    operation = cancelled_at(control_plane, name, "role", "done")
    assert (operation["outcome"], operation["leftovers"]) == ("cancelled", [])
    assert azure.of_type(name, "Microsoft.Authorization/roleAssignments") == []


def test_a_role_that_cannot_be_rolled_back_is_listed_as_leftover(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    for kind in ("virtualMachines/extensions", "virtualMachines", "disks", "networkInterfaces", "roleAssignments"):
        azure.vanish(name, kind)
    azure.spoil(method="DELETE", path="/roleAssignments/", status=403, code="AuthorizationFailed")
    azure.hold_up("PUT", "/extensions/")
    operation = cancelled_at(control_plane, name, "role", "done")
    assert operation["outcome"] == "cancelled"
    assert any("roleAssignments" in item for item in operation["leftovers"])
