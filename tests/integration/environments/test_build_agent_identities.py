"""Build agents without a personal access token: an identity registers them, and the control plane uses its own."""

from typing import Any

import pytest

from tests.integration.environments.test_build_agent import SPEC, Pipelines, roles_on_the_token
from tests.support import AzureSide, ControlPlane


@pytest.fixture
def identity(azure: AzureSide, name: str) -> str:
    """A user-assigned identity that belongs to others."""
    return azure.found(f"shared-{name}", "Microsoft.ManagedIdentity/userAssignedIdentities", "agents", {})


@pytest.fixture
def pipelines(azure: AzureSide, name: str) -> Pipelines:
    """An organization of each test's own."""
    return Pipelines(azure, f"org-{name}", f"token-{name}")


def spec_for(pipelines: Pipelines, identity: str) -> dict[str, Any]:
    organization = f"https://dev.azure.com/{pipelines.organization}"
    fields = {"authentication": "entra", "identity": identity, "organization": organization, "count": 1}
    return {**{name: value for name, value in SPEC.items() if name != "token_secret"}, **fields}


def test_an_identity_registers_an_agent_that_stops_starts_and_leaves(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, identity: str, name: str
) -> None:
    pipelines.set_up(member=True, identities=(identity,))
    roles = len(roles_on_the_token(azure))
    spec = spec_for(pipelines, identity)
    control_plane.up(name, spec)
    assert pipelines.states(name) == {f"{name}-1": ("online", True)}
    assert len(roles_on_the_token(azure)) == roles, "no secret is read"
    assert control_plane.put(name, spec).status_code == 200, "nothing would change"
    assert control_plane.follow(control_plane.post(name, "stop"))["outcome"] == "succeeded"
    assert pipelines.states(name) == {f"{name}-1": ("offline", False)}
    assert control_plane.follow(control_plane.post(name, "start"))["outcome"] == "succeeded"
    assert pipelines.states(name) == {f"{name}-1": ("online", True)}
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert (azure.resources(name), pipelines.agents(name)) == ([], {})
    assert any(one["id"] == identity for one in azure.everything()), "it belongs to others"


def test_an_identity_that_is_no_user_of_the_organization_is_named_and_leaves_nothing(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, identity: str, name: str
) -> None:
    pipelines.set_up(member=True)
    operation = control_plane.provision(name, spec_for(pipelines, identity))
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    assert "TF400813" in operation["reason"]
    assert (azure.resources(name), pipelines.agents(name)) == ([], {})


@pytest.mark.parametrize(
    "fault",
    [{"status": 409, "code": "OperationNotAllowed", "times": 1}, {"effect": "fail", "code": "VMExtensionProvisioningError"}],
    ids=["before the machine registers", "after it has registered"],
)
def test_an_agent_that_an_identity_has_registered_leaves_the_pool_if_the_operation_fails(
    control_plane: ControlPlane,
    azure: AzureSide,
    pipelines: Pipelines,
    identity: str,
    name: str,
    fault: dict[str, Any],
) -> None:
    pipelines.set_up(member=True, identities=(identity,))
    azure.spoil(method="PUT", path="/extensions/registration", **fault)
    operation = control_plane.provision(name, spec_for(pipelines, identity))
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    assert (azure.resources(name), pipelines.agents(name)) == ([], {})


def test_a_change_that_is_not_possible_is_named_although_the_pool_cannot_be_read(
    control_plane: ControlPlane, pipelines: Pipelines, identity: str, name: str
) -> None:
    pipelines.set_up(member=True, identities=(identity,))
    spec = spec_for(pipelines, identity)
    control_plane.up(name, spec)
    pipelines.set_up()
    assert control_plane.put(name, spec).status_code == 502, "whether the agent exists is not known"
    changed = control_plane.put(name, {**spec, "pool": "another", "count": 2})
    assert changed.status_code == 422, changed.text
    assert {"/pool", "/count"} >= {fault["pointer"] for fault in changed.json()["errors"]} >= {"/pool"}
    pipelines.set_up(member=True, identities=(identity,))


def test_the_preflight_names_a_control_plane_that_is_no_user_of_the_organization(
    control_plane: ControlPlane, azure: AzureSide, pipelines: Pipelines, identity: str, name: str
) -> None:
    operation = control_plane.provision(name, spec_for(pipelines, identity))
    assert operation["outcome"] == "refused"
    assert f"make it a user of the organization {pipelines.organization}" in operation["reason"]
    assert azure.resources(name) == []
