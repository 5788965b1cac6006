"""A runner cluster: its GPU nodes exist only for work, its runners prove their GPUs, and nothing of it stays."""

import json
from typing import Any

from tests.support import ROOT, SUBSCRIPTION, AzureSide, ControlPlane

SPEC: dict[str, Any] = json.loads((ROOT / "examples" / "runner-cluster.json").read_text())
ALONE = {name: value for name, value in SPEC.items() if name not in ("queue", "object_store")}
CLUSTERS = "Microsoft.ContainerService/managedClusters"


def checks(operation: dict[str, Any]) -> dict[str, str]:
    return {finding["name"]: finding["result"] for finding in operation["health_checks"]}


def pool_of(azure: AzureSide, name: str) -> dict[str, Any]:
    (pool,) = (one for one in azure.of_type(name, f"{CLUSTERS}/agentPools") if one["name"] == "gpu")
    return dict(pool["properties"])


def left_of(azure: AzureSide, name: str) -> list[str]:
    """Everything that exists of an environment: its group, its node group, and roles elsewhere."""
    return [one["id"] for one in azure.everything() if f"dormouse-{name}" in one["id"].lower()]


def test_a_cluster_lives_from_its_first_runner_to_its_last_role(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    built = control_plane.up(name, SPEC)
    assert set(checks(built).values()) == {"passed"}
    details = {finding["name"]: finding["detail"] for finding in built["health_checks"]}
    assert details["gpu-pool gpu"].startswith("Tesla T4, 570."), "a pod has run nvidia-smi and initialized CUDA"
    assert details["runner runner"] == "1 of 1 available"
    assert details["queue-watch queue-watch"] == "the queue answers: 0 messages wait"

    seen = control_plane.get(name)
    assert seen["state"] == "running"
    ways = {way["kind"]: way["command"] for way in seen["endpoints"]}
    assert ways["kubeconfig"].startswith(f"az aks get-credentials --resource-group rg-dormouse-{name} --name aks-{name}")
    assert ways["kubectl"] == f"kubectl --context aks-{name} --namespace runners get pods"
    assert "token" not in json.dumps(seen["endpoints"])
    assert control_plane.put(name, SPEC, dry_run="true").json()["would"] == "nothing"

    stopped = control_plane.follow(control_plane.post(name, "stop"))
    assert stopped["outcome"] == "succeeded", stopped["reason"]
    assert "storage, the registry and the load balancer of the cluster still are" in stopped["reason"]
    asked = control_plane.post(name, "start")
    assert "Azure asks for a rest: it starts at" in asked.json()["note"]
    started = control_plane.follow(asked)
    assert (started["outcome"], set(checks(started).values())) == ("succeeded", {"passed"}), started["reason"]
    assert started["makespan_seconds"] > 600, "a start that is asked for too early waits"
    pool = pool_of(azure, name)
    assert (pool["enableAutoScaling"], pool["minCount"], pool["maxCount"]) == (True, 0, 2)

    assert control_plane.follow(control_plane.post(name, "stop"))["outcome"] == "succeeded"
    assert control_plane.get(name)["state"] == "stopped"
    nodes = f"/resourcegroups/rg-dormouse-{name}-nodes/"
    sets = [
        one for one in azure.everything() if nodes in one["id"].lower() and "virtualmachinescalesets" in one["id"].lower()
    ]
    assert {one.get("sku", {}).get("capacity", 0) for one in sets} <= {0}, "nothing runs in the node group"
    assert control_plane.put(name, SPEC, dry_run="true").json()["would"] == "nothing", "what is stopped is as it was"

    deleted = control_plane.down(name)
    assert (deleted["outcome"], deleted["leftovers"]) == ("succeeded", []), deleted["reason"]
    assert left_of(azure, name) == []
    assert azure.secrets(name) == []


def test_what_does_not_fit_is_refused_before_anything_is_built(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    """AK-4 and AK-5: versions, and quotas with the nodes that upgrades add."""
    azure.limit("westeurope", "Standard NCASv3_T4 Family", 8)
    spec = {**ALONE, "kubernetes_version": "1.32.11", "gpu": {**SPEC["gpu"], "max_count": 2, "surge": 1}}
    preview = control_plane.put(name, spec, dry_run="true").json()
    found = {refusal["step"]: refusal["detail"] for refusal in preview["refusals"]}
    assert found["cluster"].startswith("Kubernetes 1.32.11 is not offered in westeurope; its versions are 1.")
    assert "and 12 more are needed" in json.dumps(preview["refusals"]), preview["refusals"]
    fits = {**ALONE, "gpu": {**SPEC["gpu"], "max_count": 2, "surge": 0}}
    assert control_plane.put(name, fits, dry_run="true").json()["refusals"] == []


def test_secrets_are_used_only_if_their_owner_allows_it(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    body = {"name": f"signing-{name}", "value": "s-EXAMPLE", "tags": {}}
    azure.client.post("/secrets/store", json=body).raise_for_status()
    spec = {**ALONE, "runner": {**SPEC["runner"], "secrets": {"SIGNING": f"signing-{name}", "OTHER": f"missing-{name}"}}}
    preview = control_plane.put(name, spec, dry_run="true").json()
    details = sorted(refusal["detail"] for refusal in preview["refusals"])
    assert details[0].startswith(f"The key vault has no secret missing-{name}")
    assert f"it needs the tag dormouse-runner with the value {name}" in details[1]


def test_size_and_name_of_a_pool_change_together_and_a_lock_on_the_nodes_is_named(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    """AK-3 and AK-6: one environment that grows, gets another pool, and cannot be deleted at once."""
    control_plane.up(name, ALONE)
    larger = {**SPEC["gpu"], "size": "Standard_NC8as_T4_v3"}
    refused = control_plane.put(name, {**ALONE, "gpu": larger})
    assert refused.status_code == 422, refused.text
    (fault,) = refused.json()["errors"]
    assert (fault["pointer"], "a new pool is needed" in fault["detail"]) == ("/gpu/size", True)

    changed = {**ALONE, "gpu": {**larger, "pool": "gpu2"}, "runner": {**SPEC["runner"], "replicas": 2}}
    operation = control_plane.provision(name, changed)
    assert operation["outcome"] == "succeeded", operation["reason"]
    pools = {one["name"] for one in azure.of_type(name, f"{CLUSTERS}/agentPools")}
    assert pools == {"system", "gpu2"}, "the pool that nothing names any more is gone"

    nodes = f"{SUBSCRIPTION}/resourceGroups/rg-dormouse-{name}-nodes"
    locked = f"The scope '{nodes}' cannot perform delete operation because following scope(s) are locked: '{nodes}/keep'."
    azure.spoil(method="DELETE", path=f"rg-dormouse-{name}", effect="fail", code="ScopeLocked", message=locked, times=1)
    deleted = control_plane.down(name)
    assert (deleted["outcome"], f"{nodes}/keep" in deleted["reason"]) == ("failed", True), "the lock is named"
    assert nodes.lower() in [one.lower() for one in deleted["leftovers"]]

    (cluster,) = azure.of_type(name, CLUSTERS)
    azure.client.post("/resources/vanish", json={"id": cluster["id"]}).raise_for_status()
    left = control_plane.down(name)
    assert (left["outcome"], [one.lower() for one in left["leftovers"]]) == ("failed", [nodes.lower()]), left["reason"]
    for one in left_of(azure, name):
        azure.client.post("/resources/vanish", json={"id": one}).raise_for_status()
    assert control_plane.down(name)["leftovers"] == []
