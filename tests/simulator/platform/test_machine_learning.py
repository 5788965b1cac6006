"""ML workspaces, their clusters and datastores: names that stay reserved, what is fixed, and what the service adds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from local.azure.providers.kinds import ACCOUNT, KEY_VAULT, ROLE
from local.azure.providers.ml.workspaces import AZURE_AI_ADMINISTRATOR, HELD
from tests.contract.azure import Azure
from tests.contract.preparation import Preparation

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/work"
STORAGE, VAULT = f"{GROUP}/providers/{ACCOUNT}/labstorage", f"{GROUP}/providers/{KEY_VAULT}/lab-vault"
VERSION = "api-version=2025-12-01"
DAY = 86400
DEPENDENCIES = {"storageAccount": STORAGE, "keyVault": VAULT}
STORE = {
    "datastoreType": "AzureBlob",
    "accountName": "labstorage",
    "containerName": "images",
    "credentials": {"credentialsType": "None"},
    "serviceDataAccessAuthIdentity": "WorkspaceSystemAssignedIdentity",
}


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    azure = Azure(tmp_path)
    prepare = Preparation(azure)
    prepare.make(STORAGE)
    prepare.make(VAULT)
    yield azure
    azure.close()


def put(azure: Azure, **properties: Any) -> Answer:
    body = {"location": "westeurope", "identity": {"type": "SystemAssigned"}, "properties": {**DEPENDENCIES, **properties}}
    return azure.manage("PUT", f"{WORKSPACE}?{VERSION}", body)


@pytest.fixture
def workspace(azure: Azure) -> Azure:
    assert put(azure).status == 202
    azure.finish()
    return azure


def cluster(azure: Azure, name: str = "gpus", **settings: Any) -> Answer:
    inner = {"vmSize": "Standard_NC4as_T4_v3", "scaleSettings": {"maxNodeCount": 4}, **settings}
    body = {"properties": {"computeType": "AmlCompute", "properties": inner}}
    return azure.manage("PUT", f"{WORKSPACE}/computes/{name}?{VERSION}", body)


def datastore(azure: Azure, **properties: Any) -> Answer:
    body = {"properties": {**STORE, **properties}}
    return azure.manage("PUT", f"{WORKSPACE}/datastores/images?{VERSION}&skipValidation=true", body)


def test_a_workspace_is_complete_when_its_operation_has_ended(azure: Azure) -> None:
    said = put(azure)
    paths = ["/" + said.headers[name].split("/", 3)[3] for name in ("Azure-AsyncOperation", "Location")]
    assert [azure.manage("GET", path).status for path in paths] == [200, 202]
    azure.finish()
    assert azure.manage("GET", paths[0]).body == {"status": "Succeeded", "percentComplete": 100.0}
    assert azure.manage("GET", f"{WORKSPACE}?{VERSION}").body["properties"]["provisioningState"] == "Succeeded"


def test_the_identity_of_a_workspace_gets_a_role_on_the_group(workspace: Azure) -> None:
    principal = workspace.manage("GET", f"{WORKSPACE}?{VERSION}").body["identity"]["principalId"]
    roles = [one["properties"] for one in workspace.world.resources(ROLE) if one["properties"]["principalId"] == principal]
    assert [role["scope"] for role in roles] == [GROUP]
    assert roles[0]["roleDefinitionId"].endswith(AZURE_AI_ADMINISTRATOR)


@pytest.mark.parametrize("how", ["deleted", "with its group"])
def test_the_name_of_a_deleted_workspace_is_reserved(workspace: Azure, how: str) -> None:
    path = f"{WORKSPACE}?{VERSION}" if how == "deleted" else f"{GROUP}?api-version=2024-03-01"
    assert workspace.manage("DELETE", path).status == 202
    workspace.finish()
    prepare = Preparation(workspace)
    prepare.make(STORAGE)
    if how == "deleted":
        prepare.make(VAULT)
        assert put(workspace).body["error"]["message"] == HELD
        assert workspace.manage("DELETE", f"{WORKSPACE}?{VERSION}&forceToPurge=true").status == 202
        assert put(workspace).body["error"]["message"] == HELD
        workspace.finish()
        assert workspace.manage("DELETE", f"{WORKSPACE}?{VERSION}&forceToPurge=true").status == 204
        assert put(workspace).status == 202
    else:
        assert put(workspace).body["error"]["message"] == HELD
        workspace.pass_time(14 * DAY + 1)
        assert put(workspace).body["error"]["message"] != HELD


def test_a_purged_workspace_leaves_its_name(workspace: Azure) -> None:
    workspace.manage("DELETE", f"{WORKSPACE}?{VERSION}&forceToPurge=true")
    workspace.finish()
    assert put(workspace).status == 202


@pytest.mark.parametrize(
    "wrong",
    [{"storageAccount": None}, {"keyVault": f"{VAULT}x"}, {"storageAccount": f"{STORAGE}x"}],
)
def test_a_workspace_needs_storage_and_a_vault_that_exist(azure: Azure, wrong: dict[str, Any]) -> None:
    assert put(azure, **wrong).status == 400


def test_what_isolates_data_is_decided_when_a_workspace_is_created(workspace: Azure) -> None:
    assert put(workspace, enableDataIsolation=True).status == 400


def test_images_are_built_on_a_compute_that_exists(workspace: Azure) -> None:
    build = {"properties": {"imageBuildCompute": "gpus"}}
    refused = workspace.manage("PATCH", f"{WORKSPACE}?{VERSION}", build)
    assert refused.body["error"]["code"] == "ImageBuildComputeNotValid"
    assert put(workspace, imageBuildCompute="gpus").body["error"]["code"] == "ImageBuildComputeNotValid"
    cluster(workspace)
    workspace.finish()
    assert workspace.manage("PATCH", f"{WORKSPACE}?{VERSION}", build).body["properties"]["imageBuildCompute"] == "gpus"


def test_a_workspace_with_isolated_data_has_containers_and_a_role_in_its_storage_which_stay(azure: Azure) -> None:
    assert put(azure, enableDataIsolation=True).status == 202
    azure.finish()
    shown = azure.manage("GET", f"{WORKSPACE}?{VERSION}").body
    guid, principal = shown["properties"]["workspaceId"], shown["identity"]["principalId"]
    path = f"{STORAGE}/blobServices/default/containers?api-version=2023-05-01"
    names = [one["name"] for one in azure.manage("GET", path).body["value"]]
    assert names == [f"{guid}-azureml", f"{guid}-azureml-blobstore"]
    held = [one["properties"] for one in azure.world.resources(ROLE) if one["properties"]["principalId"] == principal]
    assert {one["scope"]: guid in (one["condition"] or "") for one in held} == {GROUP: False, STORAGE: True}
    azure.manage("DELETE", f"{WORKSPACE}?{VERSION}&forceToPurge=true")
    azure.finish()
    assert len(azure.manage("GET", path).body["value"]) == len(names)


@pytest.mark.parametrize("mode", ["Disabled", "AllowInternetOutbound"])
def test_hosts_are_approved_only_where_nothing_else_is_reached(azure: Azure, mode: str) -> None:
    rules = {"pypi": {"type": "FQDN", "destination": "pypi.org"}}
    assert put(azure, managedNetwork={"isolationMode": mode, "outboundRules": rules}).status == 400
    allowed = {"isolationMode": "AllowOnlyApprovedOutbound", "outboundRules": rules}
    assert put(azure, managedNetwork=allowed, provisionNetworkNow=True).status == 202
    azure.finish()
    network = azure.manage("GET", f"{WORKSPACE}?{VERSION}").body["properties"]["managedNetwork"]
    assert (network["isolationMode"], network["status"]["status"]) == ("AllowOnlyApprovedOutbound", "Active")


def test_only_the_scale_of_a_cluster_can_be_changed(workspace: Azure) -> None:
    assert cluster(workspace).status == 201
    workspace.finish()
    more: dict[str, Any] = {"scaleSettings": {"maxNodeCount": 8}}
    assert cluster(workspace, **more).status == 200
    assert cluster(workspace, vmSize="Standard_NC24ads_A100_v4").status == 400
    path = f"{WORKSPACE}/computes/gpus?{VERSION}"
    assert workspace.manage("PATCH", path, {"properties": {"properties": {"vmPriority": "LowPriority"}}}).status == 400
    assert (
        workspace.manage("PATCH", path, {"properties": {"properties": {"scaleSettings": {"maxNodeCount": 2}}}}).status == 200
    )
    shown = workspace.manage("GET", path).body["properties"]["properties"]
    assert (shown["scaleSettings"]["maxNodeCount"], shown["currentNodeCount"], shown["allocationState"]) == (2, 0, "Steady")


def test_the_deletion_of_a_cluster_says_what_happens_to_its_nodes(workspace: Azure) -> None:
    cluster(workspace)
    workspace.finish()
    path = f"{WORKSPACE}/computes/gpus?{VERSION}"
    assert workspace.manage("DELETE", path).status == 400
    assert workspace.manage("DELETE", f"{path}&underlyingResourceAction=Delete").status == 202
    workspace.finish()
    assert workspace.manage("DELETE", f"{path}&underlyingResourceAction=Delete").status == 204


@pytest.mark.parametrize("name", ["ab", "1gpu", "gpu-", "a" * 25])
def test_names_of_clusters_have_limits(workspace: Azure, name: str) -> None:
    assert cluster(workspace, name).status == 400


def test_a_datastore_is_registered_at_once_and_its_place_is_fixed(workspace: Azure) -> None:
    assert datastore(workspace).status == 201
    assert datastore(workspace, description="photos").status == 200
    assert datastore(workspace, containerName="others").status == 400
    path = f"{WORKSPACE}/datastores/images?{VERSION}"
    assert workspace.manage("GET", path).body["properties"]["containerName"] == "images"
    assert [workspace.manage("DELETE", path).status for _ in range(2)] == [200, 204]


def test_datastores_with_keys_are_not_simulated(workspace: Azure) -> None:
    assert datastore(workspace, credentials={"credentialsType": "AccountKey"}).status == 501


def test_nothing_is_put_into_a_workspace_that_does_not_exist(azure: Azure) -> None:
    assert cluster(azure).body["error"]["code"] == "ParentResourceNotFound"
    assert datastore(azure).body["error"]["code"] == "ParentResourceNotFound"


def test_resource_graph_lists_workspaces_and_nothing_in_them(workspace: Azure) -> None:
    cluster(workspace)
    datastore(workspace)
    workspace.finish()
    workspace.world.index_everything()
    path = "/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01"
    query = {"query": "resources | project type", "subscriptions": [SUBSCRIPTION]}
    found = {row["type"] for row in workspace.manage("POST", path, query).body["data"]}
    assert {kind for kind in found if "machinelearning" in kind} == {"microsoft.machinelearningservices/workspaces"}
