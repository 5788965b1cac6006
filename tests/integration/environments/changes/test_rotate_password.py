"""rotate-password: a new version in the vault, then in the machine, checked there; or the previous one works again."""

from typing import Any

import pytest

from dormouse.guest.password_change import hash_of
from local.sandbox import Ground
from tests.integration.environments.test_secrets import passwords_in_the_vault
from tests.support import AzureSide, ControlPlane


def works(azure: AzureSide, name: str, password: str) -> bool:
    """Whether the machine takes a password."""
    line = azure.shadow(name)
    if not line:
        return False
    account, _, found = line.partition(":")
    assert account == "azureuser"
    return found == hash_of(password, found.split("$")[2])


def rotate(control_plane: ControlPlane, name: str) -> dict[str, Any]:
    return control_plane.follow(control_plane.post(name, "rotate-password"))


def test_the_newest_version_in_the_vault_is_the_password_of_the_machine(
    control_plane: ControlPlane, azure: AzureSide, ground: Ground, name: str
) -> None:
    control_plane.up(name)
    looked = control_plane.client.post(f"/environments/{name}/rotate-password", params={"dry_run": "true"})
    assert (looked.status_code, looked.json()["would"]) == (200, "rotate-password")
    assert len(passwords_in_the_vault(ground, name)) == 1
    for count in (2, 3):
        ended = rotate(control_plane, name)
        assert ended["outcome"] == "succeeded", ended["reason"]
        assert [step["name"] for step in ended["steps"]] == ["preflight", "renew password", "set password on vm"]
        assert "Sessions that are open stay open." in ended["reason"]
        passwords = passwords_in_the_vault(ground, name)
        assert (len(passwords), len(set(passwords))) == (count, count)
        assert works(azure, name, passwords[-1])
        assert not works(azure, name, passwords[-2])
    assert ended["verb"] == "rotate-password"
    assert control_plane.down(name)["outcome"] == "succeeded"


@pytest.mark.parametrize(
    "fault",
    [
        {"code": "AuthorizationFailed", "status": 403},
        {"effect": "fail", "code": "VMExtensionProvisioningError"},
    ],
)
def test_a_machine_that_does_not_take_it_keeps_the_previous_one_which_is_the_newest_version_again(
    control_plane: ControlPlane, azure: AzureSide, ground: Ground, name: str, fault: dict[str, Any]
) -> None:
    control_plane.up(name)
    azure.spoil(method="POST", path=f"vm-{name}/runCommand", times=1, **fault)
    ended = rotate(control_plane, name)
    assert (ended["outcome"], "is the one that works" in ended["reason"]) == ("failed", True), ended["reason"]
    first, second, third = passwords_in_the_vault(ground, name)
    assert first == third != second
    assert not works(azure, name, second)
    assert rotate(control_plane, name)["outcome"] == "succeeded"
    assert works(azure, name, passwords_in_the_vault(ground, name)[-1])


def test_if_it_is_unknown_which_one_works_both_versions_are_named(
    control_plane: ControlPlane, azure: AzureSide, ground: Ground, name: str
) -> None:
    control_plane.up(name)
    azure.spoil(method="POST", path=f"vm-{name}/runCommand", code="AuthorizationFailed", status=403)
    ended = rotate(control_plane, name)
    assert (ended["outcome"], "It is unknown which password works on vm: version" in ended["reason"]) == ("failed", True)
    assert len(passwords_in_the_vault(ground, name)) == 2


def test_a_vault_that_refuses_changes_nothing(
    control_plane: ControlPlane, azure: AzureSide, ground: Ground, name: str
) -> None:
    control_plane.up(name)
    azure.spoil(method="PUT", path=f"/secrets/dormouse-{name}-", code="Forbidden", status=403)
    ended = rotate(control_plane, name)
    assert (ended["outcome"], "Nothing was changed" in ended["reason"]) == ("failed", True), ended["reason"]
    assert (len(passwords_in_the_vault(ground, name)), azure.shadow(name)) == (1, "")


def test_a_password_changes_only_while_the_machine_runs(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name)
    control_plane.follow(control_plane.post(name, "stop"))
    refused = control_plane.post(name, "rotate-password")
    assert (refused.status_code, "stopped cannot rotate-password" in refused.json()["detail"]) == (409, True)
    assert control_plane.post("nobody", "rotate-password").status_code == 404


def test_a_rotation_that_is_asked_for_twice_runs_once(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    azure.hold_up("POST", f"vm-{name}/runCommand")
    first, second = control_plane.post(name, "rotate-password"), control_plane.post(name, "rotate-password")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["operation"] == second.json()["operation"]
    assert control_plane.follow(first)["outcome"] == "succeeded"
