"""Managed clusters: states, refusals, the node resource group, power and credentials."""

import base64
import io
import json
import zipfile
from typing import Any

import pytest

from local.azure.core.world import SUBSCRIPTION
from local.azure.providers.kinds import IDENTITY, ROLE, VNET
from local.azure.services.authorization import assignments
from tests.simulator.containers.ground import GROUP, ID, ME, NODES, SYSTEM, VERSION, Ground, deployment

OPERATOR = "f1a07417-d97a-45cb-824c-7a7467783830"
VERSIONS = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerService/locations/westeurope/kubernetesVersions"


def refused(said: Any, code: str, status: int = 400) -> str:
    """The message of a refusal, which has this code and no envelope."""
    assert (said.status, said.body.get("code")) == (status, code), said.body
    assert set(said.body) == {"code", "details", "message", "subcode"}
    return str(said.body["message"])


def test_the_states_of_a_creation_are_free_text_and_tell_nobody_when_to_ask_again(ground: Ground) -> None:
    said = ground.cluster()
    assert said.status == 201
    assert "Location" not in said.headers
    url = "/" + said.headers["Azure-AsyncOperation"].split("/", 3)[3]
    words = []
    for _ in range(8):
        poll = ground.azure.manage("GET", url)
        assert "Retry-After" not in poll.headers
        words.append(poll.body["status"])
        ground.azure.pass_time(9)
    assert words[:3] == [
        "ProvisioningNetworkResources",
        "ProvisioningControlPlane",
        "CreatingAgentPools: 0/1 nodes completed",
    ]
    assert words[-1] == "Succeeded"
    assert ground.azure.manage("GET", url.replace("&h=", "&h=1")).status == 403


def test_the_node_group_appears_and_goes_with_the_cluster(ground: Ground) -> None:
    ground.ready()
    group = ground.azure.manage("GET", f"{NODES}?api-version=2024-03-01").body
    assert group["managedBy"] == ID
    there = {one["type"].rpartition("/")[2] for one in ground.world.resources(below=NODES + "/")}
    assert there == {"publicIPAddresses", "loadBalancers", "userAssignedIdentities", "virtualMachineScaleSets"}
    assert ground.azure.manage("DELETE", f"{ID}?{VERSION}").status == 202
    ground.azure.pass_time(61)
    refused(ground.azure.manage("GET", f"{ID}?{VERSION}"), "NotFound", 404)  # recorded: 8284a8899e63
    assert ground.azure.manage("GET", f"{NODES}?api-version=2024-03-01").status == 404
    assert not list(ground.world.resources(below=NODES))
    ground.azure.pass_time(600)
    assert ground.azure.manage("GET", f"{ID}?{VERSION}").body["error"]["code"] == "ResourceNotFound"


def test_the_node_group_goes_with_the_group_of_the_cluster(ground: Ground) -> None:
    ground.ready()
    ground.azure.manage("DELETE", f"{GROUP}?api-version=2024-03-01")
    ground.azure.finish()
    assert not list(ground.world.resources(below=NODES))


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"kubernetesVersion": "1.20"}, "K8sVersionNotSupported"),
        ({"agentPoolProfiles": []}, "MustDefineAtLeastOneSystemPool"),
        ({"agentPoolProfiles": [{"name": "system", "mode": "System", "vmSize": "Standard_None"}]}, "VMSizeNotSupported"),
        ({"agentPoolProfiles": [{"name": "User", "mode": "System", "vmSize": SYSTEM}]}, "InvalidParameter"),
        ({"dnsPrefix": "-"}, "InvalidParameter"),
        ({"aadProfile": None}, "BadRequest"),
        ({"nodeResourceGroup": "lab"}, "NodeResourceGroupAlreadyExists"),
        (
            {"identityProfile": {"kubeletidentity": {"resourceId": f"{GROUP}/providers/{IDENTITY}/own"}}},
            "CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster",
        ),
    ],
)
def test_what_aks_refuses_it_refuses_without_an_envelope(ground: Ground, properties: dict[str, Any], code: str) -> None:
    refused(ground.cluster(**properties), code)


def test_a_quota_that_is_too_small_refuses_the_cluster(ground: Ground) -> None:
    ground.world.store.put("limits", "westeurope/cores", {"limit": 3})
    text = refused(ground.cluster(), "ErrCode_InsufficientVCPUQuota")
    assert "left regional vcpu quota 3, requested quota 4" in text


def test_a_lack_of_capacity_shows_at_the_end_and_in_the_cluster(ground: Ground) -> None:
    ground.world.store.put("no capacity", f"westeurope//{SYSTEM}", {"code": "AllocationFailed"})
    url = "/" + ground.cluster().headers["Azure-AsyncOperation"].split("/", 3)[3]
    ground.azure.finish()
    assert ground.azure.manage("GET", url).body["error"]["code"] == "AllocationFailed"
    properties = ground.shown()["properties"]
    assert properties["provisioningState"] == "Failed"
    assert properties["status"]["provisioningError"]["code"] == "AllocationFailed"
    ground.world.store.delete("no capacity", f"westeurope//{SYSTEM}")
    assert ground.cluster().status == 200  # put again, it is repaired
    ground.azure.finish()
    assert "status" not in ground.shown()["properties"]


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"dnsPrefix": "other"}, "dnsPrefix"),
        ({"nodeResourceGroup": "other"}, "nodeResourceGroup"),
        ({"networkProfile": {"serviceCidr": "10.9.0.0/16"}}, "serviceCidr"),
        ({"apiServerAccessProfile": {"enablePrivateCluster": True}}, "enablePrivateCluster"),
        ({"agentPoolProfiles": [{"name": "system", "mode": "System", "vmSize": "Standard_D8s_v5", "count": 1}]}, "vmSize"),
    ],
)
def test_what_is_fixed_cannot_be_changed(ground: Ground, properties: dict[str, Any], named: str) -> None:
    ground.ready()
    assert named in refused(ground.cluster(**properties), "PropertyChangeNotAllowed")


def test_a_cluster_is_upgraded_by_one_minor_version_and_never_downgraded(ground: Ground) -> None:
    ground.ready(kubernetesVersion="1.35")
    refused(ground.cluster(kubernetesVersion="1.34"), "OperationNotAllowed")
    assert ground.cluster(kubernetesVersion="1.36").status == 200
    ground.azure.finish()
    assert ground.shown()["properties"]["currentKubernetesVersion"].startswith("1.36.")


def test_the_kubelet_identity_needs_a_role_of_the_control_plane(ground: Ground) -> None:
    for name in ("control", "kubelet"):
        ground.azure.manage("PUT", f"{GROUP}/providers/{IDENTITY}/{name}?api-version=2023-01-31", {"location": "westeurope"})
    control, kubelet = (ground.world.resource(f"{GROUP}/providers/{IDENTITY}/{name}") for name in ("control", "kubelet"))
    assert control
    assert kubelet
    own = {"resourceId": kubelet["id"], "clientId": kubelet["properties"]["clientId"]}
    own |= {"objectId": kubelet["properties"]["principalId"]}
    asked = {
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {control["id"]: {}}},
        "identityProfile": {"kubeletidentity": own},
    }
    refused(ground.cluster(**asked), "CustomKubeletIdentityMissingPermissionError")
    principal = control["properties"]["principalId"]
    ground.world.store.put("principals", principal, {"id": principal, "known_at": 0.0})
    ground.assign(OPERATOR, kubelet["id"], principal)
    refused(ground.cluster(**asked), "CustomKubeletIdentityMissingPermissionError")  # it is not effective yet
    ground.azure.pass_time(120)
    assert ground.cluster(**asked).status == 201
    ground.azure.finish()
    assert ground.shown()["properties"]["identityProfile"]["kubeletidentity"]["objectId"] == own["objectId"]


def test_the_caller_needs_rights_on_identities_and_subnets(ground: Ground) -> None:
    identity, subnet = f"{GROUP}/providers/{IDENTITY}/control", f"{GROUP}/providers/{VNET}/v/subnets/nodes"
    asked = {
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}},
        "agentPoolProfiles": [{"name": "system", "mode": "System", "vmSize": SYSTEM, "vnetSubnetID": subnet}],
    }
    assignments.permit(ground.world, ["Microsoft.ContainerService/*"])
    said = ground.cluster(**asked).body["error"]
    alone = ground.pool(vnetSubnetID=subnet).body["error"]
    assignments.permit(ground.world, ["*"])
    assert said["code"] == alone["code"] == "LinkedAuthorizationFailed"
    for needed in ("userAssignedIdentities/assign/action", "virtualNetworks/subnets/join/action"):
        assert needed in said["message"]
    assert "virtualNetworks/subnets/join/action" in alone["message"]


def test_a_network_with_nodes_in_it_is_not_deleted(ground: Ground) -> None:
    network = f"{GROUP}/providers/{VNET}/v"
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    space["subnets"] = [{"name": "nodes", "properties": {"addressPrefix": "10.0.0.0/24"}}]  # type: ignore[assignment]
    ground.azure.manage("PUT", f"{network}?api-version=2024-05-01", {"location": "westeurope", "properties": space})
    ground.azure.finish()
    inside = {"name": "system", "mode": "System", "vmSize": SYSTEM, "vnetSubnetID": f"{network}/subnets/nodes"}
    ground.ready(agentPoolProfiles=[inside])
    said = ground.azure.manage("DELETE", f"{network}?api-version=2024-05-01")
    assert (said.status, said.body["error"]["code"]) == (400, "InUseSubnetCannotBeDeleted")


def test_a_stopped_cluster_takes_nothing_but_its_start_and_its_deletion(cluster: Ground) -> None:
    cluster.apply(deployment())
    cluster.pass_time(300)
    assert cluster.act("stop").status == 202
    cluster.azure.finish()
    shown = cluster.shown()["properties"]
    assert (shown["powerState"]["code"], shown["provisioningState"]) == ("Stopped", "Succeeded")
    assert {pool["powerState"]["code"] for pool in shown["agentPoolProfiles"]} == {"Stopped"}
    assert "Power State(Stopped), stopping cannot be performed" in refused(cluster.act("stop"), "OperationNotAllowed")
    for said in (cluster.cluster(), cluster.pool(), cluster.act("listClusterUserCredential")):
        refused(said, "OperationNotAllowed")
    kept = [
        one
        for one in cluster.world.resources(below=NODES + "/")
        if one["type"].endswith(("publicIPAddresses", "loadBalancers"))
    ]
    assert len(kept) == 2
    assert cluster.act("start").status == 202
    cluster.azure.finish()
    cluster.pass_time(300)
    assert [pod["status"]["phase"] for pod in cluster.pods()] == ["Running"]
    refused(cluster.act("start"), "OperationNotAllowed")


def test_a_start_finds_neither_quota_nor_capacity_kept(ground: Ground) -> None:
    ground.ready()
    ground.act("stop")
    ground.azure.finish()
    ground.world.store.put("limits", "westeurope/cores", {"limit": 3})
    refused(ground.act("start"), "ErrCode_InsufficientVCPUQuota")


def test_one_operation_runs_at_a_time_but_a_deletion_preempts(ground: Ground) -> None:
    ground.ready()
    url = "/" + ground.pool().headers["Azure-AsyncOperation"].split("/", 3)[3]
    for said in (ground.pool("other"), ground.cluster(), ground.act("stop")):
        assert "Another operation (Creating" in refused(said, "OperationNotAllowed", 409)
    assert ground.azure.manage("DELETE", f"{ID}?{VERSION}").status == 202
    poll = ground.azure.manage("GET", url).body
    assert (poll["status"], poll["error"]["code"]) == ("Failed", "AKSOperationPreemptedByDelete")


def test_the_credential_of_a_user_holds_no_secret_and_there_is_none_of_an_administrator(ground: Ground) -> None:
    ground.ready()
    config = ground.kubeconfig
    assert config["clusters"][0]["cluster"]["server"].startswith("https://localhost:443/kubernetes/")
    assert b"BEGIN CERTIFICATE" in base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"])
    assert list(config["users"][0]["user"]) == ["exec"]
    assert "local accounts" in refused(ground.act("listClusterAdminCredential"), "BadRequest")


def test_the_versions_of_a_region_follow_the_calendar(ground: Ground) -> None:
    offered = {one["version"]: one for one in ground.azure.manage("GET", f"{VERSIONS}?{VERSION}").body["values"]}
    assert [name for name, one in offered.items() if one.get("isDefault")] == ["1.35"]
    assert offered["1.34"]["patchVersions"]["1.34.6"]["upgrades"] == ["1.35.1", "1.35.5"]
    # The shape of recording 9c9184730f41.
    assert set(offered["1.35"]) == {"version", "isDefault", "capabilities", "patchVersions"}


def command(ground: Ground, text: str, files: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in (files or {}).items():
            archive.writestr(name, json.dumps(content))
    context = base64.b64encode(held.getvalue()).decode() if files else ""
    said = ground.act("runCommand", {"command": text, "context": context, "clusterToken": ground.token(), **more})
    assert said.status == 202, said.body
    url = "/" + said.headers["Location"].split("/", 3)[3]
    assert ground.azure.manage("GET", url).status == 202
    ground.pass_time(60)
    return dict(ground.azure.manage("GET", url).body["properties"])


def test_commands_run_in_a_private_cluster_and_report_their_exit_codes(ground: Ground) -> None:
    ground.ready(apiServerAccessProfile={"enablePrivateCluster": True})
    files = {"all.json": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "runners"}}}
    assert command(ground, "kubectl apply --server-side --field-manager=dormouse -f all.json", files)["exitCode"] == 0
    applied = command(ground, "kubectl apply --server-side -n runners -f one.json", {"one.json": deployment()})
    assert (applied["exitCode"], applied["logs"]) == (0, "deployment.apps/runner serverside-applied\n")
    ground.pass_time(300)
    path = "'jsonpath={.status.availableReplicas}/{.spec.replicas}'"
    assert command(ground, f"kubectl --namespace runners get deployment/runner --output {path}")["logs"] == "1/1"
    failed = command(ground, "kubectl get deployment none -n runners")
    assert (failed["provisioningState"], failed["exitCode"]) == ("Succeeded", 1)
    assert "not found" in failed["logs"]
    assert (
        "forbidden"
        in command(ground, "kubectl get pods -A", clusterToken=ground.token("0d0e5e00-0000-4000-8000-0000000000a2"))["logs"]
    )


def test_a_command_needs_a_token_and_a_node_without_a_taint(ground: Ground) -> None:
    tainted = {"name": "system", "mode": "System", "vmSize": SYSTEM, "nodeTaints": ["CriticalAddonsOnly=true:NoSchedule"]}
    ground.ready(agentPoolProfiles=[tainted])
    refused(ground.act("runCommand", {"command": "kubectl get pods"}), "MissingAADClusterToken")
    asked = {"command": "kubectl get pods", "clusterToken": ground.token()}
    refused(ground.act("runCommand", asked), "KubernetesPerformanceError")
    assert ground.act("rotateClusterCertificates").status == 501


def test_a_command_that_is_not_modelled_is_a_501(ground: Ground) -> None:
    ground.ready()
    said = ground.act("runCommand", {"command": "helm list", "clusterToken": ground.token()})
    assert said.status == 501


def test_assignments_of_the_kubelet_identity_are_possible(ground: Ground) -> None:
    ground.ready()
    kubelet = ground.shown()["properties"]["identityProfile"]["kubeletidentity"]
    ground.azure.pass_time(60)
    ground.assign("7f951dda-4ed3-4680-a7ca-43fe172d538d", GROUP, kubelet["objectId"])
    assert any(one["properties"]["principalId"] == ME for one in ground.world.resources(ROLE))
