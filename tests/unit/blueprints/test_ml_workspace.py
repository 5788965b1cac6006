"""The spec of an ML workspace, and the resources that follow from it."""

import json
from typing import Any

import pytest

from dormouse.blueprints.catalog import BLUEPRINTS, plan_for
from dormouse.blueprints.ml_workspace import MLWorkspaceSpec
from dormouse.blueprints.specs import read_spec
from dormouse.errors import InvalidSpec
from dormouse.resources.ownership import OwnedResources
from dormouse.resources.plan import Plan
from dormouse.resources.registry import is_group, with_implied
from tests.support import ROOT
from tests.unit.builders import SUBSCRIPTION, target

ANA = "0d0e5e00-0000-4000-8000-0000000000a1"
EXAMPLE: dict[str, Any] = json.loads((ROOT / "examples" / "ml-workspace.json").read_text()) | {"developers": [ANA]}
SHARED = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dormouse-mlshared/providers"
ROLE = (
    f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/6761c02d-d2c9-53b4-94f8-d07ace7f1263"
)
PARENT: dict[str, dict[str, str]] = {
    "storage": {"id": f"{SHARED}/Microsoft.Storage/storageAccounts/work"},
    "data": {"id": f"{SHARED}/Microsoft.Storage/storageAccounts/data"},
    "vault": {"id": f"{SHARED}/Microsoft.KeyVault/vaults/kv"},
    "insights": {"id": f"{SHARED}/Microsoft.Insights/components/appi"},
    "healthy": {"id": f"{SHARED}/Microsoft.ContainerRegistry/registries/cr", "sku": "Standard", "public": "true"},
    "model-developer": {"id": ROLE},
}
PRIVATE = {**PARENT["healthy"], "public": "false"}


def spec(**changes: Any) -> MLWorkspaceSpec:
    read = read_spec("vision", {**EXAMPLE, **changes}, caller_address="", caller="ann")
    assert isinstance(read, MLWorkspaceSpec)
    return read


def plan(**changes: Any) -> Plan:
    return plan_for(spec(**changes), target("vision", parents={"mlshared": PARENT}))


def unsuitable(parent: dict[str, dict[str, str]], **changes: Any) -> dict[str, str]:
    found = BLUEPRINTS["ml-workspace"].unsuitable(spec(**changes), target("vision", parents={"mlshared": parent}))
    return {fault.pointer: fault.detail for fault in found}


def test_the_body_of_a_workspace_opens_nothing_by_key() -> None:
    workspace = plan().resource("workspace")
    assert workspace.body["identity"] == {"type": "SystemAssigned"}
    given = workspace.body["properties"]
    assert {name: given[name] for name in ("systemDatastoresAuthMode", "enableDataIsolation", "v1LegacyMode")} == {
        "systemDatastoresAuthMode": "Identity",
        "enableDataIsolation": True,
        "v1LegacyMode": False,
    }
    assert (given["storageAccount"], given["containerRegistry"]) == (PARENT["storage"]["id"], PARENT["healthy"]["id"])
    assert given["managedNetwork"] == {"isolationMode": "Disabled"}
    assert "provisionNetworkNow" not in given


@pytest.mark.parametrize(
    ("isolation", "mode"), [("internet", "AllowInternetOutbound"), ("approved", "AllowOnlyApprovedOutbound")]
)
def test_a_managed_network_is_provisioned_with_the_workspace(isolation: str, mode: str) -> None:
    given = plan(isolation=isolation).resource("workspace").body["properties"]
    assert (given["managedNetwork"]["isolationMode"], given["provisionNetworkNow"]) == (mode, True)


def test_a_cluster_has_an_identity_and_its_roles_before_it_exists() -> None:
    built = plan()
    cluster, identity = built.resource("cluster-gpu"), built.resource("identity-clusters")
    assert cluster.body["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {identity.id: {}}}
    roles = {"clusters-storage", "clusters-data-datasets", "clusters-registry"}
    assert set(cluster.needs) == {"workspace", identity.name, *roles}
    assert cluster.body["properties"]["disableLocalAuth"] is True


def test_nodes_in_a_subnet_have_no_public_address() -> None:
    net = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/n/providers/Microsoft.Network/virtualNetworks/hub/subnets/ml"
    inner = {
        subnet: plan(clusters=[{"name": "gpu", "subnet": subnet}], image_build_cluster="")
        .resource("cluster-gpu")
        .body["properties"]["properties"]
        for subnet in (net, "")
    }
    assert [inner[one]["enableNodePublicIp"] for one in (net, "")] == [False, True]
    assert (inner[net]["subnet"], "subnet" in inner[""]) == ({"id": net}, False)


def test_images_are_built_on_a_cluster_only_when_it_exists() -> None:
    build = plan().resource("image-build")
    assert (build.needs, build.body) == (("workspace", "cluster-cpu"), {"properties": {"imageBuildCompute": "cpu"}})
    assert not [one for one in plan(image_build_cluster="").resources if one.kind == "ml_image_build"]


def test_a_container_is_writable_for_runs_only_if_a_datastore_says_so() -> None:
    writer, reader = "ba92f5b4-2d11-453d-a403-e96b0029c9fe", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
    for writable, role in ((True, writer), (False, reader)):
        built = plan(datastores=[{"name": "images", "container": "images", "writable": writable}])
        assert built.resource("clusters-data-images").settings["role"].endswith(role)
        assert built.resource("workspace-data-images").settings["role"].endswith(reader)


def test_a_deletion_takes_clusters_and_roles_first_then_the_workspace_and_the_group_last() -> None:
    owned = OwnedResources(with_implied(plan()))
    removed = [one.name for one in owned.removable(owned.resources, ["group"])]
    first = [one for one in removed if one.startswith(("cluster-", "developer-", "clusters-storage"))]
    assert len(first) == 4
    assert all(removed.index(one) < removed.index("workspace") < removed.index("group") for one in first)
    assert is_group(owned.resources[0])


def test_everything_that_does_not_fit_is_said_at_once() -> None:
    with pytest.raises(InvalidSpec) as caught:
        spec(
            approved_hosts=["pypi.org"],
            image_build_cluster="x",
            developers=[ANA, ANA],
            datastores=[{"name": "workspacefilestore", "container": "images"}],
        )
    pointers = {fault.pointer for fault in caught.value.faults}
    assert pointers == {"/approved_hosts", "/image_build_cluster", "/developers", "/datastores/0/name"}


@pytest.mark.parametrize("name", ["storage", "data", "vault", "insights", "healthy", "model-developer"])
def test_an_environment_that_lacks_a_shared_part_is_not_suitable(name: str) -> None:
    found = unsuitable({one: outputs for one, outputs in PARENT.items() if one != name})
    assert found["/shared"].endswith(f"it lacks {name.replace('model-developer', 'role of model developers')}")


@pytest.mark.parametrize(
    ("registry", "builder", "faults"),
    [
        (PARENT["healthy"], "", set()),
        ({**PRIVATE, "sku": "Premium"}, "cpu", set()),
        ({**PRIVATE, "sku": "Premium"}, "", {"/image_build_cluster"}),
        ({**PRIVATE, "sku": "Basic"}, "cpu", {"/shared"}),
        ({**PRIVATE, "sku": "Basic"}, "", {"/shared", "/image_build_cluster"}),
    ],
)
def test_a_private_registry_is_premium_and_a_cluster_builds_images_for_it(
    registry: dict[str, str], builder: str, faults: set[str]
) -> None:
    assert set(unsuitable({**PARENT, "healthy": registry}, image_build_cluster=builder)) == faults
