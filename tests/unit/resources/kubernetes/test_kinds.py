"""What is known of clusters, pools, images and objects by what Azure and Kubernetes show of them."""

from dataclasses import replace
from typing import Any

import pytest

from dormouse.lifecycle import State
from dormouse.resources.kinds import ChangeAction
from dormouse.resources.kubernetes.cluster_views import power_state
from dormouse.resources.kubernetes.clusters import MANAGED_CLUSTER
from dormouse.resources.kubernetes.images import ImageReference
from dormouse.resources.kubernetes.node_pools import NODE_POOL, scaled, scales
from dormouse.resources.kubernetes.objects import (
    KUBERNETES_OBJECT,
    KUBERNETES_SECRET,
    UNSEEN,
    api_path,
    cluster_id,
)
from dormouse.resources.plan import Resource
from tests.unit.blueprints.test_runner_cluster import plan

PLAN = plan(kubernetes_version="1.35")
CLUSTER, POOL = PLAN.resource("cluster"), PLAN.resource("gpu-pool")


def shown(state: str = "Succeeded", power: str = "Running", version: str = "1.35.5", **system: Any) -> dict[str, Any]:
    """A cluster as Azure shows it."""
    pool = {"name": "system", "vmSize": "Standard_D4s_v5", "count": 1, "powerState": {"code": power}, **system}
    properties = {
        "provisioningState": state,
        "powerState": {"code": power},
        "currentKubernetesVersion": version,
        "agentPoolProfiles": [pool],
        "fqdn": "aks-rc1.hcp.westeurope.azmk8s.io",
    }
    return {"id": CLUSTER.id, "properties": properties}


@pytest.mark.parametrize(
    ("observed", "state"),
    [
        (shown(), State.RUNNING),
        (shown("Creating"), State.CREATING),
        (shown("Starting", "Stopped"), State.STARTING),
        (shown("Stopping"), State.STOPPING),
        (shown("Deleting"), State.DELETING),
        (shown(power="Stopped"), State.STOPPED),
        (shown(power="Stopped") | {"properties": {**shown(power="Stopped")["properties"], "powerState": {}}}, State.UNKNOWN),
    ],
)
def test_the_state_of_a_cluster_is_that_of_azure(observed: dict[str, Any], state: State) -> None:
    assert power_state(observed) is state


def test_a_cluster_with_a_node_that_runs_is_not_stopped() -> None:
    """AK-7: nothing runs in the node group of what is called stopped."""
    observed = shown(power="Stopped")
    observed["properties"]["agentPoolProfiles"].append({"name": "gpu", "count": 1, "powerState": {"code": "Running"}})
    assert power_state(observed) is State.STOPPING
    observed["properties"]["agentPoolProfiles"][1]["count"] = 0
    assert power_state(observed) is State.STOPPED


def test_what_differs_of_a_cluster_is_named_with_what_prevents_its_change() -> None:
    assert MANAGED_CLUSTER.diff(CLUSTER, shown()).action is ChangeAction.NONE
    more = MANAGED_CLUSTER.diff(CLUSTER, shown(count=2))
    assert (more.action, more.differences[0].field) == (ChangeAction.UPDATE, "system.count")
    assert MANAGED_CLUSTER.diff(CLUSTER, shown(version="1.34.6")).action is ChangeAction.UPDATE
    newer = MANAGED_CLUSTER.diff(CLUSTER, shown(version="1.36.0"))
    assert (newer.action, newer.differences[0].obstacle) == (
        ChangeAction.IMMUTABLE,
        "clusters are upgraded, never downgraded",
    )
    other = MANAGED_CLUSTER.diff(CLUSTER, shown(vmSize="Standard_D8s_v5"))
    assert (other.action, other.differences[0].field) == (ChangeAction.IMMUTABLE, "system.size")


def test_a_failed_cluster_is_put_again_and_says_why() -> None:
    failed = shown("Failed")
    failed["properties"]["status"] = {"provisioningError": {"code": "X", "message": "the subnet is full"}}
    assert MANAGED_CLUSTER.diff(CLUSTER, failed).action is ChangeAction.UPDATE
    assert MANAGED_CLUSTER.problem(failed) == "The last change of the cluster failed: the subnet is full."


def test_the_ways_in_are_commands_and_hold_no_credential() -> None:
    assert MANAGED_CLUSTER.endpoints is not None
    config, kubectl = MANAGED_CLUSTER.endpoints(CLUSTER, MANAGED_CLUSTER.outputs(shown()))
    assert config.command == "az aks get-credentials --resource-group rg-dormouse-rc1 --name aks-rc1 --format exec"
    assert kubectl.command == "kubectl --context aks-rc1 --namespace runners get pods"
    assert {config.host, kubectl.host} == {"aks-rc1.hcp.westeurope.azmk8s.io"}


def pool_shown(**properties: Any) -> dict[str, Any]:
    """A pool as Azure shows it."""
    planned = POOL.body["properties"]
    return {"id": POOL.id, "properties": {"provisioningState": "Succeeded", **planned, **properties}}


def test_size_and_taints_of_a_pool_need_a_new_pool() -> None:
    """AK-3: they are fixed when a pool is created."""
    assert NODE_POOL.diff(POOL, pool_shown()).action is ChangeAction.NONE
    for change, field in (
        ({"vmSize": "Standard_NC24ads_A100_v4"}, "gpu.size"),
        ({"nodeTaints": ["sku=gpu:NoExecute"]}, "gpu.taints"),
    ):
        found = NODE_POOL.diff(POOL, pool_shown(**change))
        assert (found.action, found.differences[0].field) == (ChangeAction.IMMUTABLE, field)
        assert "a new pool is needed" in found.differences[0].obstacle
    assert NODE_POOL.diff(POOL, pool_shown(maxCount=5)).action is ChangeAction.UPDATE


def test_a_pool_that_was_scaled_to_zero_by_force_scales_again_after_its_resumption() -> None:
    """AK-7: the minimum and maximum are restored, and nothing read-only is sent back."""
    forced = pool_shown(enableAutoScaling=False, count=0, minCount=None, maxCount=None, nodeImageVersion="x")
    assert not scales(forced)
    assert NODE_POOL.diff(POOL, forced).action is ChangeAction.NONE, "the sweep that did it knows why"
    body: Any = scaled(forced, 2)["properties"]
    assert (body["enableAutoScaling"], body["minCount"], body["maxCount"]) == (True, 0, 2)
    assert {"provisioningState", "nodeImageVersion"} & set(body) == set()


def test_only_the_nodes_that_exist_are_billed_and_before_that_as_many_as_there_may_be() -> None:
    planned, none, two = (NODE_POOL.billing(POOL, seen) for seen in (None, pool_shown(), pool_shown(count=2)))
    assert planned is not None
    assert none is not None
    assert two is not None
    assert [planned.count, none.count, two.count] == [2, 0, 2]


@pytest.mark.parametrize(
    ("reference", "repository", "tag"),
    [
        ("docker.io/library/python:3.12@sha256:" + "a" * 64, "library/python", "3.12"),
        ("nvcr.io/nvidia/k8s-device-plugin@sha256:" + "b" * 64, "nvidia/k8s-device-plugin", "b" * 19),
        ("localhost.test:5000/a/b:1@sha256:" + "c" * 64, "a/b", "1"),
    ],
)
def test_an_image_is_known_by_its_digest(reference: str, repository: str, tag: str) -> None:
    image = ImageReference.of(reference)
    assert (image.repository, image.tag) == (repository, tag)
    assert image.source == f"{repository}@{reference.partition('@')[2]}"


@pytest.mark.parametrize("reference", ["python:3.12", "docker.io/library/python:3.12", "docker.io/a@sha256:abc", ""])
def test_an_image_without_a_digest_is_refused(reference: str) -> None:
    with pytest.raises(ValueError, match="with its digest"):
        ImageReference.of(reference)


def test_an_object_is_put_again_only_if_what_was_planned_is_otherwise() -> None:
    runner = PLAN.resource("runner")
    same = {**runner.body, "status": {"replicas": 1}, "metadata": {**runner.body["metadata"], "uid": "1"}}
    assert KUBERNETES_OBJECT.diff(runner, same).action is ChangeAction.NONE
    limits = same["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits["cpu"] == "3000m"
    rewritten = replace(runner, body=_with_cpu(runner.body, "3"))
    assert KUBERNETES_OBJECT.diff(rewritten, same).action is ChangeAction.NONE, "the API writes quantities otherwise"
    other = replace(runner, body=_with_cpu(runner.body, "4"))
    assert KUBERNETES_OBJECT.diff(other, same).action is ChangeAction.UPDATE
    assert KUBERNETES_OBJECT.diff(other, {"id": runner.id, UNSEEN: True}).action is ChangeAction.NONE


def _with_cpu(body: dict[str, Any], cpu: str) -> dict[str, Any]:
    template = body["spec"]["template"]
    (container,) = template["spec"]["containers"]
    resources = {name: {**values, "cpu": cpu} for name, values in container["resources"].items()}
    pod = {**template["spec"], "containers": [{**container, "resources": resources}]}
    return {**body, "spec": {**body["spec"], "template": {**template, "spec": pod}}}


def test_a_secret_is_compared_by_its_keys() -> None:
    secret = PLAN.resource("runner-secret")
    keys = sorted(secret.body["values"])
    assert KUBERNETES_SECRET.diff(secret, {"keys": keys}).action is ChangeAction.NONE
    assert KUBERNETES_SECRET.diff(secret, {"keys": keys[:-1]}).action is ChangeAction.UPDATE


def test_an_object_knows_its_cluster_and_its_path() -> None:
    for name in ("runner", "config", "namespace"):
        one: Resource = PLAN.resource(name)
        assert cluster_id(one) == CLUSTER.id
        assert f"{cluster_id(one)}/{api_path(one)}" == one.id
    assert api_path(PLAN.resource("runner")) == "apis/apps/v1/namespaces/runners/deployments/runner"
