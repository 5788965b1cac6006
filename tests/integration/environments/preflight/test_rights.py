"""The rights of the control plane's identity: what lacks is found before anything is built, and what is listed suffices."""

import re

import pytest

from dormouse.blueprints.catalog import plan_for
from dormouse.resources.registry import KINDS, with_implied
from tests.support import SUBSCRIPTION, AzureSide, ControlPlane
from tests.unit.builders import target, workstation_spec

OURS = {one.kind for one in with_implied(plan_for(workstation_spec(), target()))}
RIGHTS = sorted({right for name in OURS if KINDS[name].type for right in KINDS[name].rights})


def test_missing_rights_are_named_before_anything_is_built(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.permit("*", without=["Microsoft.Authorization/*/Write", "Microsoft.Compute/virtualMachines/deallocate/action"])
    plan = control_plane.put(name, dry_run="true").json()
    (refusal,) = plan["refusals"]
    assert refusal["reason"] == "forbidden"
    for action in ("Microsoft.Authorization/roleAssignments/write", "Microsoft.Compute/virtualMachines/deallocate/action"):
        assert action in refusal["detail"]
    ended = control_plane.provision(name)
    assert (ended["outcome"], ended["refusals"][0]["reason"]) == ("refused", "forbidden")
    assert azure.resources(name) == []


def test_a_life_needs_no_more_rights_than_its_kinds_of_resource_name(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.permit(*RIGHTS)
    control_plane.up(name)
    for verb in ("stop", "start", "restart"):
        ended = control_plane.follow(control_plane.post(name, verb))
        assert ended["outcome"] == "succeeded", ended
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert azure.resources(name) == []


@pytest.mark.parametrize("taken", ["Microsoft.Compute/virtualMachines/write", "Microsoft.Network/publicIPAddresses/write"])
def test_azure_refuses_what_the_identity_may_not_do(
    control_plane: ControlPlane, azure: AzureSide, name: str, taken: str
) -> None:
    hide_permissions(azure)
    azure.permit("*", without=[taken])
    ended = control_plane.provision(name)
    assert ended["outcome"] == "failed"
    assert f"'{taken}'" in ended["reason"]
    azure.behave()
    assert azure.resources(name) == []


def hide_permissions(azure: AzureSide) -> None:
    """Let no preflight know what the identity may do: the first request tells."""
    azure.spoil(path="Microsoft.Authorization/permissions", status=403, code="AuthorizationFailed", message="Not yours.")


@pytest.mark.parametrize(
    ("step", "action", "linked"),
    [
        ("nic", "Microsoft.Network/virtualNetworks/subnets/join/action", "/subnets/subnet-{name}"),
        ("vm", "Microsoft.Network/networkInterfaces/join/action", "/networkInterfaces/nic-{name}"),
    ],
)
def test_a_missing_right_on_a_linked_resource_is_named_with_that_resource(
    control_plane: ControlPlane, azure: AzureSide, name: str, step: str, action: str, linked: str
) -> None:
    hide_permissions(azure)
    azure.permit("*", without=[action])
    ended = control_plane.provision(name)
    (refusal,) = ended["refusals"]
    assert (ended["outcome"], ended["leftovers"]) == ("failed", [])
    assert (refusal["step"], refusal["reason"], refusal["code"]) == (step, "forbidden", "LinkedAuthorizationFailed")
    told = re.search(r"needs a role with the permission (\S+) on (\S+)\. Azure's message: ", ended["reason"])
    assert told is not None, ended["reason"]
    assert (told[1], told[2].endswith(linked.format(name=name))) == (action, True)
    azure.behave()
    assert azure.resources(name) == []


def test_a_role_on_named_groups_does_not_create_others(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.assign({"role": "reader"}, {"role": "provision", "scope": f"{SUBSCRIPTION}/resourceGroups/lab"})
    (refusal,) = control_plane.put(name, dry_run="true").json()["refusals"]
    assert "has no role in the subscription with the permissions" in refusal["detail"]
    hide_permissions(azure)
    ended = control_plane.provision(name)
    action = "Microsoft.Resources/subscriptions/resourcegroups/write"
    assert (ended["outcome"], ended["leftovers"]) == ("failed", [])
    assert ended["reason"].startswith(f"group: The control plane's identity needs a role with the permission {action}.")
    assert azure.resources(name) == []


def test_an_operation_that_may_not_be_followed_says_so_and_is_rolled_back(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    hide_permissions(azure)
    polls = "Microsoft.Compute/locations/operations/read"
    azure.permit("*", without=[polls])
    azure.hold_up("PUT", f"vm-{name}")
    ended = control_plane.provision(name)
    assert ended["outcome"] == "failed"
    assert f"vm: The control plane's identity needs a role with the permission {polls}." in ended["reason"]
    azure.behave()
    azure.as_before()
    assert ended["leftovers"] == [] or control_plane.down(name)["outcome"] == "succeeded"
    assert azure.resources(name) == []


def test_an_identity_that_does_not_see_everything_does_not_claim_that_nothing_is_left(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.permit("*", without=["Microsoft.Compute/disks/read"])
    ended = control_plane.down(name)
    assert (ended["outcome"], ended["leftovers"]) == ("succeeded", []), ended["reason"]
    assert "nothing is left: Azure shows none" not in ended["reason"]
    assert "It could not be verified that nothing is left" in ended["reason"]
    assert "may not read everything in the subscription (Microsoft.Compute/disks, other types)" in ended["unverified"]
    assert {step["name"]: step["state"] for step in ended["steps"]}["verify"] == "refused"
    assert azure.resources(name) == []
    assert control_plane.client.get(f"/environments/{name}").status_code == 404


def test_what_may_not_be_read_is_deleted_one_by_one_too(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    theirs = azure.found_address(f"rg-dormouse-{name}", f"theirs-{name}", tags={})
    azure.permit("*", without=["Microsoft.Compute/disks/read"])
    ended = control_plane.down(name)
    assert (ended["outcome"], ended["leftovers"]) == ("succeeded", []), ended["reason"]
    assert "Microsoft.Compute/disks" in ended["unverified"]
    assert {one["id"].rpartition("/")[2] for one in azure.resources(name)} == {f"rg-dormouse-{name}", f"theirs-{name}"}
    assert theirs in ended["reason"]


def test_permissions_that_cannot_be_read_prove_nothing(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    hide_permissions(azure)
    ended = control_plane.down(name)
    assert (ended["outcome"], ended["leftovers"]) == ("succeeded", [])
    assert ended["unverified"].startswith("the permissions of the control plane's identity cannot be read")


def test_the_deployed_roles_prove_that_nothing_is_left(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name)
    ended = control_plane.down(name)
    assert (ended["outcome"], ended["unverified"]) == ("succeeded", None)
    assert "nothing is left: Azure shows none of its resources and secrets." in ended["reason"]
