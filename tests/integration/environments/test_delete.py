"""Taken down without leftovers, and verified."""

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


def test_deleting_what_is_deleted_is_a_success_and_deleting_what_never_was_is_404(
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


def test_a_name_can_be_used_again_with_a_password_of_its_own(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    first = azure.secrets(name)
    control_plane.down(name)
    control_plane.up(name)
    assert azure.secrets(name) != first
    assert len(azure.secrets(name)) == 1


def test_an_environment_is_not_deleted_while_it_is_built(control_plane: ControlPlane, name: str) -> None:
    accepted = control_plane.put(name)
    busy = control_plane.delete(name)
    assert (busy.status_code, busy.json()["operation"]) == (409, accepted.json()["operation"])
    assert control_plane.follow(accepted)["outcome"] == "succeeded"


def test_what_azure_will_not_delete_is_named_and_can_be_deleted_later(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.spoil(method="DELETE", kind="Microsoft.Resources/resourceGroups", path=f"rg-dormouse-{name}", code="ScopeLocked")
    operation = control_plane.down(name)
    assert operation["outcome"] == "failed"
    assert any("vm-" in item for item in operation["leftovers"])
    assert control_plane.get(name)["state"] == "running"
    azure.behave()
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert azure.resources(name) == []


def test_what_cannot_be_looked_up_keeps_nothing_else_alive_and_is_said(
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
