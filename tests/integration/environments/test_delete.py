"""Deletion leaves nothing behind, and that is verified."""

from tests.support import AzureSide, ControlPlane


def test_nothing_is_left_after_a_delete(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    operation = control_plane.down(name)
    assert (operation["outcome"], operation["leftovers"]) == ("succeeded", [])
    assert operation["steps"][-1]["name"] == "verify"
    assert azure.resources(name) == []
    assert azure.secrets(name) == []
    assert control_plane.client.get(f"/environments/{name}").status_code == 404
    assert name not in {item["name"] for item in control_plane.every_environment()}


def test_deleting_is_idempotent_and_404_for_an_unknown_environment(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    assert control_plane.delete(name).status_code == 404
    control_plane.up(name)
    azure.hold_up("DELETE", f"rg-dormouse-{name}")
    first, second = control_plane.delete(name), control_plane.delete(name)
    assert first.json()["operation"] == second.json()["operation"]
    control_plane.follow(first)
    gone = control_plane.delete(name)
    assert (gone.status_code, gone.json()["state"]) == (200, "absent")


def test_a_name_can_be_reused_and_gets_a_new_password(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    first = azure.secrets(name)
    control_plane.down(name)
    control_plane.up(name)
    assert azure.secrets(name) != first
    assert len(azure.secrets(name)) == 1


def test_an_environment_cannot_be_deleted_while_it_is_built(control_plane: ControlPlane, name: str) -> None:
    accepted = control_plane.put(name)
    busy = control_plane.delete(name)
    assert (busy.status_code, busy.json()["operation"]) == (409, accepted.json()["operation"])
    assert control_plane.follow(accepted)["outcome"] == "succeeded"


def test_leftovers_are_listed_and_can_be_deleted_later(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    azure.spoil(method="DELETE", kind="Microsoft.Resources/resourceGroups", path=f"rg-dormouse-{name}", code="ScopeLocked")
    operation = control_plane.down(name)
    assert operation["outcome"] == "failed"
    assert any("vm-" in item for item in operation["leftovers"])
    assert control_plane.get(name)["state"] == "running"
    azure.behave()
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert azure.resources(name) == []


def test_a_failed_resource_graph_query_is_reported_and_everything_else_is_deleted(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.spoil(method="POST", path="Microsoft.ResourceGraph", status=403, code="AuthorizationFailed")
    operation = control_plane.down(name)
    assert operation["outcome"] == "failed"
    assert [item.partition(",")[0] for item in operation["leftovers"]] == ["unknown"]
    assert azure.resources(name) == []
    assert azure.secrets(name) == []
    azure.behave()
    assert control_plane.down(name)["outcome"] == "succeeded"
