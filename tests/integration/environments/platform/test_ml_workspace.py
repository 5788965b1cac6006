"""ML workspaces that use what a shared environment has, from their preflight to the last trace of them."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.azure.providers.ml.workspaces import HELD
from local.sandbox import Ground, temporary_ground
from tests.support import ROOT, SUBSCRIPTION, AzureSide, ControlPlane

SPEED = 400.0
PARENT, REGION = "mlshared", "westeurope"
SHARED: dict[str, Any] = {"blueprint": "ml-shared", "region": REGION, "stage": "dev", "containers": ["datasets", "metrics"]}
SPEC: dict[str, Any] = json.loads((ROOT / "examples" / "ml-workspace.json").read_text())
WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
CLUSTER, STORE = f"{WORKSPACE}/computes", f"{WORKSPACE}/datastores"
ROLE, CONTAINER = "Microsoft.Authorization/roleAssignments", "Microsoft.Storage/storageAccounts/blobServices/containers"
REGISTRY = "Microsoft.ContainerRegistry/registries"
CONTRIBUTOR, READER = "ba92f5b4-2d11-453d-a403-e96b0029c9fe", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
DEDICATED, LOW = "Total Cluster Dedicated Regional vCPUs", "Total Cluster LowPriority Regional vCPUs"
T4, D = "Standard NCASv3_T4 Family Cluster Dedicated vCPUs", "Standard DSv5 Family Cluster LowPriority vCPUs"


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A sandbox with one shared environment."""
    with temporary_ground(speed=SPEED, timers=False, agents=False) as running:
        with running.client() as client:
            ControlPlane(client).up(PARENT, SHARED)
        yield running


def with_developer(simulation: httpx.Client) -> dict[str, Any]:
    """The example, with a developer whom the directory knows."""
    alice = simulation.post("/people/token", json={"name": "alice"}).raise_for_status().json()["object_id"]
    return copy.deepcopy({**SPEC, "developers": [alice]})


@pytest.fixture
def spec(azure: AzureSide) -> dict[str, Any]:
    return with_developer(azure.client)


@pytest.fixture(scope="module")
def built(ground: Ground) -> dict[str, Any]:
    """The operation that has built `vision`, which tests do not change."""
    with ground.client() as client, ground.simulation() as simulation:
        return ControlPlane(client).up("vision", with_developer(simulation))


def healthy(control_plane: ControlPlane) -> str:
    """The ID of the shared registry of tested images."""
    found = {one["name"]: one["id"] for one in control_plane.get(PARENT)["resources"]}
    return str(found["healthy"])


def contents(azure: AzureSide, name: str, kind: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one["properties"] for one in azure.of_type(name, kind)}


def roles_of(azure: AzureSide, principal: str) -> set[tuple[str, str]]:
    """The roles of a principal, each with the last part of its scope."""
    held = [one["properties"] for one in azure.everything() if one["type"] == ROLE]
    mine = [one for one in held if one["principalId"] == principal]
    return {(one["roleDefinitionId"].rpartition("/")[2], one["scope"].rpartition("/")[2]) for one in mine}


def lose(azure: AzureSide, identifier: str, *, recoverable: bool = False) -> None:
    body = {"id": identifier, "recoverable": recoverable}
    azure.client.post("/resources/vanish", json=body).raise_for_status()


def refused(control_plane: ControlPlane, name: str, spec: dict[str, Any], **fields: Any) -> dict[str, str]:
    """The faults of a spec, by their pointers."""
    answer = control_plane.put(name, {**spec, **fields})
    assert answer.status_code == 422, answer.text
    return {one["pointer"]: one["detail"] for one in answer.json()["errors"]}


def test_a_workspace_has_all_that_its_spec_says_and_keys_open_nothing(
    control_plane: ControlPlane, azure: AzureSide, built: dict[str, Any], spec: dict[str, Any]
) -> None:
    name = "vision"
    assert built["reason"] == f"{name} is ready, and every health check passed."
    assert {one["name"] for one in built["health_checks"]} == {
        "workspace answers",
        "datastore-datasets readable",
        "cluster-gpu steady",
        "cluster-cpu steady",
    }
    (workspace,) = azure.of_type(name, WORKSPACE)
    given = workspace["properties"]
    assert (given["systemDatastoresAuthMode"], given["enableDataIsolation"], given["v1LegacyMode"]) == (
        "Identity",
        True,
        False,
    )
    assert given["containerRegistry"] == healthy(control_plane)
    assert (workspace["identity"]["type"], given["imageBuildCompute"]) == ("SystemAssigned", "cpu")
    (store,) = azure.of_type(name, STORE)
    assert (store["properties"]["credentials"], store["properties"]["containerName"]) == (
        {"credentialsType": "None"},
        "datasets",
    )
    clusters = contents(azure, name, CLUSTER)
    assert {one: inner["properties"]["scaleSettings"] for one, inner in clusters.items()} == {
        "gpu": {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT10M"},
        "cpu": {"minNodeCount": 0, "maxNodeCount": 2, "nodeIdleTimeBeforeScaleDown": "PT5M"},
    }
    assert {one: inner["properties"]["vmPriority"] for one, inner in clusters.items()} == {
        "gpu": "Dedicated",
        "cpu": "LowPriority",
    }
    (identity,) = azure.of_type(name, "Microsoft.ManagedIdentity/userAssignedIdentities")
    account = given["storageAccount"].rpartition("/")[2]
    registry = given["containerRegistry"].rpartition("/")[2]
    of_clusters, of_workspace = identity["properties"]["principalId"], workspace["identity"]["principalId"]
    assert roles_of(azure, of_clusters) == {(CONTRIBUTOR, account), (READER, "datasets"), (PULL, registry)}
    assert {(CONTRIBUTOR, account), (READER, "datasets")} <= roles_of(azure, of_workspace)
    (developer,) = (one for one in azure.everything() if one["type"] == "Microsoft.Authorization/roleDefinitions")
    assert (developer["name"], workspace["name"]) in roles_of(azure, spec["developers"][0])
    on_storage = [
        one["properties"]
        for one in azure.everything()
        if one["type"] == ROLE and one["properties"]["scope"] == given["storageAccount"]
    ]
    within = [one for one in on_storage if one["principalId"] in (of_clusters, of_workspace)]
    assert [given["workspaceId"] in one["condition"] for one in within] == [True, True]


def test_the_same_spec_changes_nothing_and_nothing_is_billed_while_nothing_runs(
    control_plane: ControlPlane, built: dict[str, Any], spec: dict[str, Any]
) -> None:
    assert control_plane.put("vision", spec).status_code == 200
    seen = control_plane.get("vision")
    assert (seen["state"], seen["ready"], seen["billed"], seen["price_per_hour"]["amount"]) == ("ready", True, False, 0.0)
    assert seen["depends_on"] == [PARENT]
    assert control_plane.delete(PARENT).status_code == 409


def test_clusters_datastores_and_people_change_in_place(
    control_plane: ControlPlane, azure: AzureSide, name: str, spec: dict[str, Any]
) -> None:
    control_plane.up(name, spec)
    alice = spec["developers"][0]
    spec["clusters"][0] |= {"max_nodes": 6, "idle_minutes": 30}
    spec["datastores"][0] |= {"container": "metrics", "writable": True}
    operation = control_plane.up(name, {**spec, "developers": [], "title": "Vision 2"})
    scale = contents(azure, name, CLUSTER)["gpu"]["properties"]["scaleSettings"]
    assert (scale["maxNodeCount"], scale["nodeIdleTimeBeforeScaleDown"]) == (6, "PT30M")
    assert contents(azure, name, STORE)["datasets"]["containerName"] == "metrics"
    (workspace,) = azure.of_type(name, WORKSPACE)
    assert workspace["properties"]["friendlyName"] == "Vision 2"
    assert workspace["name"] not in {scope for _, scope in roles_of(azure, alice)}
    (identity,) = azure.of_type(name, "Microsoft.ManagedIdentity/userAssignedIdentities")
    held = {role for role in roles_of(azure, identity["properties"]["principalId"]) if role[0] != PULL}
    assert {role for role in held if role[1] in ("datasets", "metrics")} == {(CONTRIBUTOR, "metrics")}
    gone = [step["name"] for step in operation["steps"] if step["name"].startswith("delete ")]
    assert len(gone) == 3  # the role of the developer, and those of two identities on the container
    spec["clusters"] = spec["clusters"][1:]
    control_plane.up(name, {**spec, "developers": [], "datastores": [], "title": "Vision 2"})
    assert (set(contents(azure, name, CLUSTER)), contents(azure, name, STORE)) == ({"cpu"}, {})


def test_what_azure_never_changes_is_a_fault_at_its_place_in_the_spec(
    control_plane: ControlPlane, built: dict[str, Any], spec: dict[str, Any]
) -> None:
    name = "vision"
    clusters = copy.deepcopy(spec["clusters"])
    clusters[0] |= {"size": "Standard_NC24ads_A100_v4"}
    clusters[1] |= {"priority": "dedicated"}
    faults = refused(control_plane, name, spec, clusters=clusters)
    assert set(faults) == {"/clusters/0/size", "/clusters/1/priority"}
    assert "name another cluster" in faults["/clusters/0/size"]
    assert "/isolation" in refused(control_plane, name, spec, isolation="internet")
    assert "/shared" in refused(control_plane, name, spec, shared="another")


def test_of_two_workspaces_one_goes_without_a_trace_and_the_other_and_the_shared_parts_stay(
    control_plane: ControlPlane, azure: AzureSide, name: str, spec: dict[str, Any]
) -> None:
    nothing = {one["id"] for one in azure.everything()}
    control_plane.up(name, spec)
    first = {one["id"] for one in azure.everything()}
    control_plane.up(f"{name}-b", spec)
    (gone,) = azure.of_type(f"{name}-b", WORKSPACE)
    own = [one for one in contents(azure, PARENT, CONTAINER) if one.startswith(gone["properties"]["workspaceId"])]
    assert len(own) == 2
    operation = control_plane.down(f"{name}-b")
    assert (operation["outcome"], operation["leftovers"]) == ("succeeded", [])
    assert {one["id"] for one in azure.everything()} == first
    steps = [step["name"] for step in operation["steps"]]
    assert steps.index("cluster-gpu") < steps.index("workspace") < steps.index("group")
    # The name is free at once, because the workspace was purged before its group.
    control_plane.up(f"{name}-b", {**spec, "clusters": spec["clusters"][1:]})
    assert control_plane.down(f"{name}-b")["outcome"] == control_plane.down(name)["outcome"] == "succeeded"
    assert {one["id"] for one in azure.everything()} == nothing


def test_a_deleted_workspace_is_never_a_bad_request_and_purged_only_if_the_spec_says_so(
    control_plane: ControlPlane, azure: AzureSide, name: str, spec: dict[str, Any]
) -> None:
    control_plane.up(name, spec)
    (workspace,) = azure.of_type(name, WORKSPACE)
    lose(azure, workspace["id"], recoverable=True)
    assert control_plane.get(name)["state"] == "incomplete"
    operation = control_plane.provision(name, spec)
    (refusal,) = operation["refusals"]
    assert (operation["outcome"], refusal["reason"]) == ("failed", "soft_deleted")
    assert "Recently deleted" in operation["reason"]
    assert "`fresh: true`" in operation["reason"]
    assert control_plane.up(name, {**spec, "fresh": True})["outcome"] == "succeeded"
    (again,) = azure.of_type(name, WORKSPACE)
    assert again["properties"]["workspaceId"] != workspace["properties"]["workspaceId"]


def test_a_deleted_workspace_that_cannot_be_purged_is_explained_and_nothing_is_left(
    control_plane: ControlPlane, azure: AzureSide, name: str, spec: dict[str, Any]
) -> None:
    azure.spoil(method="PUT", kind=WORKSPACE, path=name, status=400, code="BadRequest", message=HELD)
    lost = f"Unable to find workspace: {SUBSCRIPTION}/resourcegroups/rg-dormouse-{name}/workspaces/mlw-{name}"
    azure.spoil(method="DELETE", kind=WORKSPACE, path=name, status=404, code="UserError", message=lost)
    operation = control_plane.provision(name, {**spec, "fresh": True})
    assert (operation["outcome"], operation["refusals"][0]["reason"]) == ("failed", "soft_deleted")
    assert "the resource group in which it was is gone" in operation["reason"]
    assert azure.resources(name) == []


def test_quotas_of_machine_learning_are_asked_before_anything_is_built_and_those_of_vms_are_not(
    control_plane: ControlPlane, azure: AzureSide, name: str, spec: dict[str, Any]
) -> None:
    azure.limit(REGION, "cores", 0)  # of VMs
    assert control_plane.put(name, spec, dry_run="true").json()["refusals"] == []
    for quota, step in ((T4, "cluster-gpu"), (DEDICATED, "cluster-gpu"), (LOW, "cluster-cpu"), ("Clusters", "cluster-gpu")):
        azure.limit(REGION, quota, 0)
        (found,) = control_plane.put(name, spec, dry_run="true").json()["refusals"]
        assert (found["reason"], found["step"], found["quota"]["limit"]) == ("quota_exceeded", step, 0)
        assert "Azure Machine Learning has quotas of its own" in found["advice"]
        assert found["quota"]["link"].startswith("https://portal.azure.com/#view/Microsoft_Azure_Capacity/")
        azure.as_before()
    azure.limit(REGION, D, -1)  # families of low priority have no limit of their own
    assert control_plane.put(name, spec, dry_run="true").json()["refusals"] == []
    azure.as_before()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ClusterMinNodesExceedCoreQuota", "The specified subscription has a total vCPU quota of 0 in this region."),
        (
            "BadRequest",
            "The specified subscription has a Standard NCASv3_T4 Family vCPU quota of 0 and cannot accomodate for at least "
            "1 requested managed compute nodes which maps to 4 vCPUs.",
        ),
    ],
)
def test_a_cluster_without_quota_takes_everything_back_and_says_where_to_ask_for_more(
    control_plane: ControlPlane, azure: AzureSide, name: str, spec: dict[str, Any], code: str, message: str
) -> None:
    before = {one["id"] for one in azure.everything()}
    azure.spoil(method="PUT", kind=CLUSTER, path=f"{name}/computes/gpu", status=400, code=code, message=message)
    operation = control_plane.provision(name, spec)
    assert (operation["outcome"], operation["refusals"][0]["reason"]) == ("failed", "quota_exceeded")
    assert "https://portal.azure.com/#view/Microsoft_Azure_Capacity/" in operation["reason"]
    assert (operation["leftovers"], {one["id"] for one in azure.everything()}) == ([], before)


def test_hosts_are_approved_with_one_isolation_only_and_names_are_used_once(
    control_plane: ControlPlane, name: str, spec: dict[str, Any]
) -> None:
    for isolation in ("disabled", "internet"):
        found = refused(control_plane, name, spec, isolation=isolation, approved_hosts=["pypi.org"])
        assert "with the isolation `approved` only" in found["/approved_hosts"]
    subnet = f"{SUBSCRIPTION}/resourceGroups/nets/providers/Microsoft.Network/virtualNetworks/hub/subnets/ml"
    twice = [{**spec["clusters"][0], "subnet": subnet}, spec["clusters"][0]]
    stores = [{"name": "workspaceblobstore", "container": "images"}]
    found = refused(control_plane, name, spec, clusters=twice, isolation="approved", datastores=stores)
    assert set(found) == {"/clusters", "/clusters/0/subnet", "/datastores/0/name", "/image_build_cluster"}


def test_a_managed_network_is_there_before_the_first_cluster(
    control_plane: ControlPlane, azure: AzureSide, name: str, spec: dict[str, Any]
) -> None:
    fields = {"isolation": "approved", "approved_hosts": ["pypi.org", "*.pythonhosted.org"]}
    control_plane.up(name, {**spec, **fields})
    network = contents(azure, name, WORKSPACE)[f"mlw-{name}"]["managedNetwork"]
    assert (network["isolationMode"], network["status"]["status"]) == ("AllowOnlyApprovedOutbound", "Active")
    assert {rule["destination"] for rule in network["outboundRules"].values()} == set(fields["approved_hosts"])
    assert control_plane.put(name, {**spec, **fields}).status_code == 200


def test_a_private_registry_needs_premium_and_a_cluster_that_builds_images(
    control_plane: ControlPlane, azure: AzureSide, name: str, spec: dict[str, Any]
) -> None:
    (registry,) = (one for one in azure.of_type(PARENT, REGISTRY) if one["id"] == healthy(control_plane))
    closed = {**registry, "properties": {**registry["properties"], "publicNetworkAccess": "Disabled"}}
    for sku, fields, faults in (
        ("Basic", {}, {"/shared"}),
        ("Basic", {"image_build_cluster": ""}, {"/shared", "/image_build_cluster"}),
        ("Premium", {"image_build_cluster": ""}, {"/image_build_cluster"}),
    ):
        azure.client.post("/resources/appear", json={**closed, "sku": {"name": sku, "tier": sku}}).raise_for_status()
        assert set(refused(control_plane, name, spec, **fields)) == faults
    assert control_plane.put(name, spec, dry_run="true").json()["would"] == "create"
    azure.client.post("/resources/appear", json=registry).raise_for_status()


def test_a_datastore_without_a_container_is_refused_and_one_that_lost_it_is_unhealthy(
    control_plane: ControlPlane, azure: AzureSide, name: str, spec: dict[str, Any]
) -> None:
    missing = {**spec, "datastores": [{"name": "photos", "container": "photos"}]}
    operation = control_plane.provision(name, missing)
    assert (operation["outcome"], operation["refusals"][0]["step"]) == ("refused", "datastore-photos")
    assert "has no blob container photos" in operation["reason"]
    control_plane.up(name, spec)
    azure.spoil(method="GET", kind=CONTAINER, path="containers/datasets", status=404, code="ContainerNotFound")
    operation = control_plane.provision(name, {**spec, "title": "Other"})
    assert operation["outcome"] == "unhealthy"
    bad = {one["name"]: one["detail"] for one in operation["health_checks"] if one["result"] != "passed"}
    assert list(bad) == ["datastore-datasets readable"]
    assert "has no blob container datasets" in bad["datastore-datasets readable"]
