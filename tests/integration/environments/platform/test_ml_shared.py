"""What ML workspaces share: built, repeated, changed, dropped from the spec, and deleted with all that Azure added."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.sandbox import Ground
from tests.support import ROOT, AzureSide, ControlPlane, until

SPEC: dict[str, Any] = json.loads((ROOT / "examples" / "ml-shared.json").read_text())
VAULTS, REGISTRIES = "Microsoft.KeyVault/vaults", "Microsoft.ContainerRegistry/registries"
ACCOUNTS, CONTAINERS = "Microsoft.Storage/storageAccounts", "Microsoft.Storage/storageAccounts/blobServices/containers"
LOGS, COMPONENTS = "Microsoft.OperationalInsights/workspaces", "Microsoft.Insights/components"
ROLES, ASSIGNMENTS = "Microsoft.Authorization/roleDefinitions", "Microsoft.Authorization/roleAssignments"
RULES, ACTION_GROUPS = "microsoft.alertsManagement/smartDetectorAlertRules", "Microsoft.Insights/actionGroups"


def person(azure: AzureSide, name: str, *roles: str) -> dict[str, Any]:
    body = {"name": name, "roles": list(roles)}
    found: dict[str, Any] = azure.client.post("/people/token", json=body).raise_for_status().json()
    return found


def succeeded(operation: dict[str, Any]) -> dict[str, Any]:
    assert operation["outcome"] == "succeeded", operation["reason"]
    return operation


def preview_of(control_plane: ControlPlane, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = control_plane.put(name, spec, dry_run="true").raise_for_status().json()
    return found


def purge(control_plane: ControlPlane, azure: AzureSide, name: str) -> dict[str, Any]:
    """Delete beyond recovery, as an administrator."""
    headers = {"Authorization": f"Bearer {person(azure, 'root', 'admin')['access_token']}"}
    asked = control_plane.client.delete(f"/environments/{name}", params={"purge": "true"}, headers=headers)
    return control_plane.follow(asked)


def roles_of(azure: AzureSide, name: str) -> list[dict[str, Any]]:
    return [one for one in azure.everything() if one["type"] == ROLES and f"({name}, " in one["properties"]["roleName"]]


@pytest.fixture(scope="module")
def shared(ground: Ground) -> Iterator[tuple[str, dict[str, Any]]]:
    """An environment with a developer, and its spec; tests that change it go back to this spec."""
    with ground.client() as client, ground.simulation() as simulation:
        plane, azure = ControlPlane(client), AzureSide(simulation)
        spec = {**SPEC, "developers": [person(azure, "ana")["object_id"]]}
        succeeded(plane.provision("mlshared", spec))
        yield "mlshared", spec
        succeeded(purge(plane, azure, "mlshared"))


def test_everything_is_closed_to_keys_and_sends_its_logs(shared: tuple[str, dict[str, Any]], azure: AzureSide) -> None:
    name, _ = shared
    assert {one["tags"]["dormouse-stage"] for one in azure.resources(name) if one.get("tags")} == {"dev"}
    assert [one["properties"]["allowSharedKeyAccess"] for one in azure.of_type(name, ACCOUNTS)] == [False, False]
    for registry in azure.of_type(name, REGISTRIES):
        properties = registry["properties"]
        assert (properties["adminUserEnabled"], properties["roleAssignmentMode"]) == (False, "LegacyRegistryPermissions")
    (vault,) = azure.of_type(name, VAULTS)
    assert vault["properties"]["enableRbacAuthorization"] is True
    assert (vault["properties"]["softDeleteRetentionInDays"], len(vault["properties"]["tenantId"])) == (7, 36)
    (component,), (logs,) = azure.of_type(name, COMPONENTS), azure.of_type(name, LOGS)
    assert component["properties"]["WorkspaceResourceId"] == logs["id"], "no workspace in a group that Azure makes"
    assert (logs["properties"]["retentionInDays"], logs["properties"]["workspaceCapping"]["dailyQuotaGb"]) == (30, 1.0)
    containers = {one["name"] for one in azure.of_type(name, CONTAINERS)}
    assert containers == {"datasets", "metrics", "initial-networks"}


def test_a_developer_has_each_right_where_it_is_needed(shared: tuple[str, dict[str, Any]], azure: AzureSide) -> None:
    name, spec = shared
    assignments = [one["properties"] for one in azure.resources(name) if one["type"] == ASSIGNMENTS]
    assert {(one["principalId"], one["principalType"]) for one in assignments} == {(spec["developers"][0], "User")}
    places = {one["scope"].rpartition("/")[2] for one in assignments}
    assert len(assignments) == 6
    assert places == {one["name"] for one in (*azure.of_type(name, ACCOUNTS), *azure.of_type(name, REGISTRIES))} | {
        f"rg-dormouse-{name}"
    }
    (role,) = roles_of(azure, name)
    (on_group,) = [one for one in assignments if one["scope"].endswith(f"rg-dormouse-{name}")]
    assert on_group["roleDefinitionId"] == role["id"]


def test_the_same_spec_changes_nothing_and_its_state_is_ready(
    shared: tuple[str, dict[str, Any]], control_plane: ControlPlane
) -> None:
    name, spec = shared
    answer = control_plane.put(name, spec)
    assert (answer.status_code, answer.json()["state"], answer.json()["drift"]) == (200, "ready", [])
    for verb in ("start", "stop"):
        assert control_plane.post(name, verb).status_code == 409, "nothing in it has power"


def test_what_was_changed_in_azure_is_changed_back_in_place(
    shared: tuple[str, dict[str, Any]], control_plane: ControlPlane, azure: AzureSide
) -> None:
    name, spec = shared
    (logs,), (role,) = azure.of_type(name, LOGS), roles_of(azure, name)
    (registry, *_) = azure.of_type(name, REGISTRIES)
    logs["properties"]["retentionInDays"] = 365
    registry["properties"]["adminUserEnabled"] = True
    role["properties"]["permissions"][0]["notActions"] = []
    for changed in (logs, registry, role):
        azure.client.post("/resources/appear", json=changed).raise_for_status()
    preview = preview_of(control_plane, name, spec)
    updated = {one["name"] for one in preview["resources"] if one["action"] == "update"}
    assert updated >= {"logs", "model-developer"}
    assert len(updated) == 3
    succeeded(control_plane.provision(name, spec))
    (after,), (defined,) = azure.of_type(name, LOGS), roles_of(azure, name)
    assert after["properties"]["retentionInDays"] == 30
    assert "Microsoft.Authorization/*" in defined["properties"]["permissions"][0]["notActions"]
    assert not any(one["properties"]["adminUserEnabled"] for one in azure.of_type(name, REGISTRIES))
    assert control_plane.put(name, spec).status_code == 200


def test_what_the_spec_drops_is_named_as_drift_and_neither_deleted_nor_kept_silently(
    shared: tuple[str, dict[str, Any]], control_plane: ControlPlane, azure: AzureSide
) -> None:
    name, spec = shared
    less = {**spec, "containers": ["datasets", "metrics"], "developers": [], "registries": [{"name": "healthy"}]}
    preview = preview_of(control_plane, name, less)
    assert preview["would"] == "change"
    kinds = [one.split("/providers/")[-1].rpartition("/")[0] for one in preview["drift"]]
    assert kinds.count("Microsoft.Authorization/roleAssignments") == 6
    assert REGISTRIES in kinds
    succeeded(control_plane.provision(name, less))
    seen = control_plane.get(name)
    assert (seen["state"], sorted(seen["drift"])) == ("ready", sorted(preview["drift"]))
    assert len(seen["drift"]) == 9, "a container, a registry with its logs, and six roles"
    assert len(azure.of_type(name, REGISTRIES)) == 2
    again = control_plane.put(name, less)
    assert (again.status_code, len(again.json()["drift"])) == (200, 9)
    lost = next(one for one in seen["drift"] if one.endswith("/containers/initial-networks"))
    azure.client.post("/resources/vanish", json={"id": lost}).raise_for_status()
    assert (control_plane.get(name)["state"], len(control_plane.get(name)["drift"])) == ("ready", 8)
    succeeded(control_plane.provision(name, spec))
    assert control_plane.get(name)["drift"] == []


def test_an_alert_rule_that_azure_adds_later_belongs_to_the_environment_and_goes_with_it(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    """ML-2: what is left of shared parts, also of those that Azure has made, and in a group that others use."""
    ana = person(azure, "ana")["object_id"]
    spec = {**SPEC, "developers": [ana]}
    succeeded(control_plane.provision(name, spec))
    until(lambda: azure.of_type(name, RULES) and azure.of_type(name, ACTION_GROUPS), "Azure has not added the rule")
    assert control_plane.get(name)["drift"] == []
    theirs = azure.found_address(f"rg-dormouse-{name}", f"theirs-{name}", tags={})
    (logs,), (role,) = azure.of_type(name, LOGS), roles_of(azure, name)
    still = assign_elsewhere(azure, role["id"], ana)
    refused = control_plane.down(name)
    assert (refused["outcome"], refused["leftovers"]) == ("failed", [role["id"]])
    assert f"Delete these assignments: {still}." in refused["reason"]
    azure.client.post("/resources/vanish", json={"id": still}).raise_for_status()
    (vault,) = [one for one in deleted_vaults(azure) if f"rg-dormouse-{name}/" in one]
    assert f"Azure keeps recoverable, with its name reserved: {vault}." in refused["reason"]
    deleted = succeeded(control_plane.down(name))
    assert deleted["leftovers"] == []
    left = {one["id"] for one in azure.resources(name) if one["type"] != "Microsoft.Resources/resourceGroups"}
    assert left == {theirs}
    assert roles_of(azure, name) == []
    azure.client.post("/resources/vanish", json={"id": theirs}).raise_for_status()
    azure.vanish(name, "resourceGroups")

    succeeded(control_plane.provision(name, {**spec, "logs": {"retention_days": 90}}))
    (again,) = azure.of_type(name, LOGS)
    assert again["properties"]["customerId"] != logs["properties"]["customerId"], "deleted for good, not restored"
    assert [one["id"] for one in azure.of_type(name, VAULTS)] == [vault], "the deleted vault is recovered"
    assert not [one for one in deleted_vaults(azure) if f"rg-dormouse-{name}/" in one]
    succeeded(purge(control_plane, azure, name))
    assert not [one for one in deleted_vaults(azure) if f"rg-dormouse-{name}/" in one]


def assign_elsewhere(azure: AzureSide, role: str, principal: str) -> str:
    """The assignment of a role in a group of others."""
    place = f"{role.partition('/providers/')[0]}/resourceGroups/theirs"
    path = f"{place}/providers/{ASSIGNMENTS}/0d0e5e00-0000-4000-8000-0000000000aa"
    properties = {"roleDefinitionId": role, "principalId": principal, "principalType": "User", "scope": place}
    azure.client.post(
        "/resources/appear", json={"id": path, "type": ASSIGNMENTS, "properties": properties}
    ).raise_for_status()
    return path


def deleted_vaults(azure: AzureSide) -> list[str]:
    """The IDs of deleted vaults that can be recovered."""
    shown = azure.client.get("/vaults/deleted").raise_for_status().json()["value"]
    return [one["properties"]["vaultId"] for one in shown]
