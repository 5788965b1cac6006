"""An environment without anything that could be stopped, and one that depends on another."""

import json
from typing import Any

import httpx

from local.sandbox import Ground
from tests.support import AzureSide, ControlPlane, until

ROLE = "Microsoft.Authorization/roleAssignments"
STORAGE = "Microsoft.Storage/storageAccounts"


def test_a_shelf_is_ready_and_has_no_power(
    control_plane: ControlPlane, azure: AzureSide, name: str, shelf: dict[str, Any]
) -> None:
    operation = control_plane.up(name, shelf)
    assert {step["name"] for step in operation["steps"]} == {"preflight", "group", "storage", "container", "reader"}
    seen = control_plane.get(name)
    assert (seen["state"], seen["billed"], seen["ready"]) == ("ready", False, True)
    assert (seen["endpoints"], seen["secrets"], seen["price_per_hour"]) == ([], [], None)
    (listed,) = [each for each in control_plane.every_environment() if each["name"] == name]
    assert (listed["state"], listed["ready"]) == ("ready", True)
    (role,) = azure.of_type(name, ROLE)
    assert (role["properties"]["principalId"], role["properties"]["principalType"]) == (shelf["reader"], "User")


def test_commands_that_a_shelf_cannot_do_are_refused_with_the_reason(
    control_plane: ControlPlane, name: str, shelf: dict[str, Any]
) -> None:
    control_plane.up(name, shelf)
    for verb in ("start", "stop", "restart"):
        refused = control_plane.post(name, verb)
        assert (refused.status_code, refused.json()["code"]) == (409, "command_not_possible")
        assert f"{name} cannot {verb}: none of its resources can be started or stopped" in refused.json()["detail"]
    for verb, body in (("hold", {"for": "2h"}), ("extend", {"for": "2h"})):
        refused = control_plane.client.post(f"/environments/{name}/{verb}", json=body)
        assert (refused.status_code, "no machine" in refused.json()["detail"]) == (409, True)
    refused = control_plane.client.get(f"/environments/{name}/password")
    assert (refused.status_code, "no password" in refused.json()["detail"]) == (409, True)


def test_the_same_spec_changes_nothing_and_a_missing_container_is_put_back(
    control_plane: ControlPlane, azure: AzureSide, name: str, shelf: dict[str, Any]
) -> None:
    control_plane.up(name, shelf)
    assert control_plane.put(name, shelf).status_code == 200
    azure.vanish(name, "containers")
    assert control_plane.get(name)["state"] == "incomplete"
    assert control_plane.up(name, shelf)["outcome"] == "succeeded"
    assert control_plane.get(name)["state"] == "ready"


def test_a_shelf_gets_the_outputs_of_the_one_that_it_depends_on(
    control_plane: ControlPlane, azure: AzureSide, name: str, shelf: dict[str, Any]
) -> None:
    control_plane.up(name, shelf)
    control_plane.up(f"{name}-b", {**shelf, "above": name})
    (above,), (below,) = azure.of_type(name, STORAGE), azure.of_type(f"{name}-b", STORAGE)
    assert below["tags"]["above"] == above["id"]
    assert control_plane.get(f"{name}-b")["depends_on"] == [name]


def test_a_shelf_is_not_deleted_while_another_depends_on_it(
    control_plane: ControlPlane, azure: AzureSide, name: str, shelf: dict[str, Any]
) -> None:
    control_plane.up(name, shelf)
    control_plane.up(f"{name}-b", {**shelf, "above": name})
    refused = control_plane.delete(name)
    assert (refused.status_code, refused.json()["code"]) == (409, "command_not_possible")
    assert f"depend on it: {name}-b." in refused.json()["detail"]
    assert control_plane.down(f"{name}-b")["outcome"] == "succeeded"
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert azure.resources(name) == []


def test_a_missing_or_unready_parent_is_a_validation_error(
    control_plane: ControlPlane, name: str, shelf: dict[str, Any]
) -> None:
    refused = control_plane.put(name, {**shelf, "above": "nowhere"})
    assert (refused.status_code, "does not exist" in refused.text) == (422, True)
    refused = control_plane.put(name, {**shelf, "above": name})
    assert (refused.status_code, "cannot depend on itself" in refused.text) == (422, True)


def test_a_refused_role_rolls_the_shelf_back(
    control_plane: ControlPlane, azure: AzureSide, name: str, shelf: dict[str, Any]
) -> None:
    azure.spoil(method="PUT", kind=ROLE, path=f"rg-dormouse-{name}", status=403, code="AuthorizationFailed", message="no")
    operation = control_plane.provision(name, shelf)
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    assert azure.resources(name) == []


def test_a_parent_is_not_deleted_while_a_dependent_is_being_built(
    control_plane: ControlPlane, azure: AzureSide, name: str, shelf: dict[str, Any]
) -> None:
    control_plane.up(name, shelf)
    azure.hold_up("POST", "checkNameAvailability", times=1)
    accepted = control_plane.put(f"{name}-b", {**shelf, "above": name}).json()["operation"]
    refused = control_plane.delete(name)
    assert (refused.status_code, f"{name}-b" in refused.json()["detail"]) == (409, True)
    assert control_plane.wait(accepted)["outcome"] == "succeeded"


def test_a_parent_that_is_gone_by_then_refuses_the_plan_before_anything_is_built(
    control_plane: ControlPlane, azure: AzureSide, name: str, shelf: dict[str, Any]
) -> None:
    control_plane.up(name, shelf)
    azure.spoil(method="GET", path=f"rg-dormouse-{name}-b", status=429, code="TooManyRequests", every=2, times=3)
    accepted = control_plane.put(f"{name}-b", {**shelf, "above": name}).json()["operation"]
    azure.lose_row("environments", name)
    operation = control_plane.wait(accepted)
    assert (operation["outcome"], "does not exist" in operation["reason"]) == ("refused", True)
    assert azure.resources(f"{name}-b") == []


def test_the_record_of_a_dependent_keeps_its_parent_even_if_this_release_cannot_read_it(
    control_plane: ControlPlane, azure: AzureSide, name: str, shelf: dict[str, Any]
) -> None:
    control_plane.up(name, shelf)
    azure.write_row("environments", f"{name}-z", "{", DependsOn=name)
    refused = control_plane.delete(name)
    assert (refused.status_code, f"{name}-z" in refused.json()["detail"]) == (409, True)
    azure.lose_row("environments", f"{name}-z")
    assert control_plane.down(name)["outcome"] == "succeeded"


def test_a_dependent_that_is_recorded_after_the_request_refuses_the_deletion(
    several: Ground, control_plane: ControlPlane, azure: AzureSide, name: str, shelf: dict[str, Any]
) -> None:
    control_plane.up(name, shelf)
    operation = f"{name}-delete-01M8J6VSCP39X6FZZA9HSMQVXF"
    azure.write_row("locks", name, json.dumps({"operation": operation, "taken_at": several.clock.now().timestamp()}))
    azure.write_row("environments", f"{name}-z", "{", DependsOn=name)
    url = f"http://127.0.0.1:{several.port}/runtime/webhooks/durabletask"
    headers = {"x-functions-key": several.keys["durable"]}
    asked = {"operation": operation, "environment": name}
    httpx.post(f"{url}/orchestrators/delete_environment/{operation}", json=asked, headers=headers, trust_env=False)

    def outcome() -> dict[str, Any]:
        status = httpx.get(f"{url}/instances/{operation}", headers=headers, trust_env=False).json()
        return status["output"] if isinstance(status["output"], dict) else {}

    until(outcome, "it does not end")
    assert (outcome()["status"], f"{name}-z" in outcome()["reason"]) == ("refused", True)
    azure.lose_row("environments", f"{name}-z")
    assert control_plane.get(name)["state"] == "ready"
