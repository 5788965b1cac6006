"""The rights of the control plane's identity: what lacks is found before anything is built, and what is listed suffices."""

import pytest

from dormouse.blueprints.catalog import plan_for
from dormouse.resources.registry import KINDS, with_implied
from tests.support import AzureSide, ControlPlane
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
    azure.spoil(path="Microsoft.Authorization/permissions", status=403, code="AuthorizationFailed", message="Not yours.")
    azure.permit("*", without=[taken])
    ended = control_plane.provision(name)
    assert ended["outcome"] == "failed"
    assert f"'{taken}'" in ended["reason"]
    azure.behave()
    assert azure.resources(name) == []
