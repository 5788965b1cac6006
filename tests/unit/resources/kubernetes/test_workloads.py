"""What pods, nodes, events and logs say."""

from typing import Any

import pytest

from dormouse.resources.kubernetes.gpu_proof import gpus_in
from dormouse.resources.kubernetes.pods import GPU
from dormouse.resources.kubernetes.workloads import (
    QueueDepth,
    deployment_state,
    ended_well,
    gpu_pods,
    gpu_trouble,
    nodes,
    other_pods,
    queue_depth,
    waiting_reason,
)

NOW = 1_790_000_000.0


def pod(name: str = "runner-1", phase: str = "Running", gpus: int = 1, owner: str = "ReplicaSet") -> dict[str, Any]:
    limits = {GPU: str(gpus)} if gpus else {}
    return {
        "metadata": {
            "name": name,
            "namespace": "runners",
            "ownerReferences": [{"kind": owner}],
            "creationTimestamp": "2026-11-30T01:00:00Z",
        },
        "spec": {"containers": [{"name": "runner", "resources": {"limits": limits, "requests": limits}}], "nodeName": "n1"},
        "status": {"phase": phase},
    }


def node(name: str = "n1", ready: str = "True", gpus: int = 1, **conditions: str) -> dict[str, Any]:
    shown = [{"type": "Ready", "status": ready}, *({"type": key, "status": value} for key, value in conditions.items())]
    allocatable = {GPU: str(gpus)} if gpus else {}
    labels = {"kubernetes.azure.com/agentpool": "gpu", "dormouse.dev/pool": "gpu"}
    return {"metadata": {"name": name, "labels": labels}, "status": {"conditions": shown, "allocatable": allocatable}}


def test_only_pods_that_hold_or_want_gpus_count() -> None:
    listed = [
        pod("runs"),
        pod("waits", "Pending"),
        pod("lost", "Unknown"),
        pod("done", "Succeeded"),
        pod("failed", "Failed"),
        pod("plain", gpus=0),
        pod("plugin", owner="DaemonSet"),
    ]
    assert [one.name for one in gpu_pods(listed)] == ["runs", "waits", "lost"]
    (first, *_) = gpu_pods(listed)
    assert (first.namespace, first.gpus, first.node, first.created) == ("runners", 1, "n1", 1_796_000_400.0)


def test_slices_of_gpus_count_as_gpus() -> None:
    sliced = pod(gpus=0)
    sliced["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/mig-1g.10gb": "2"}}
    assert [one.gpus for one in gpu_pods([sliced])] == [2]


def test_nodes_say_their_pool_and_how_many_gpus_they_offer() -> None:
    found = nodes([node("plain", gpus=0), node("gpus", gpus=4), node("away", "False")])
    assert [(one.name, one.pool, one.ready, one.gpus) for one in found] == [
        ("gpus", "gpu", True, 4),
        ("away", "gpu", False, 1),
        ("plain", "gpu", True, 0),
    ]


def test_a_ready_node_without_gpus_lacks_the_device_plugin() -> None:
    """AK-2: a node that is ready is not a node with GPUs."""
    assert gpu_trouble([node()]) == ""
    assert gpu_trouble([node(gpus=0)]) == "n1 is ready and offers no GPU: the device plugin of NVIDIA does not run there yet"
    assert gpu_trouble([node(GPUMissing="True")]).startswith("n1 reports GPUMissing")
    assert gpu_trouble([node(ready="False", gpus=0)]) == "", "it is still coming"


@pytest.mark.parametrize(
    ("reason", "message", "words"),
    [
        ("FailedScheduling", "0/1 nodes: Insufficient nvidia.com/gpu", "no node can take the pod: 0/1 nodes"),
        ("TriggeredScaleUp", "pod triggered scale-up", "a GPU node is being created"),
        ("NotTriggerScaleUp", "1 max node group size reached", "the autoscaler adds no node"),
        ("FailedScaleUp", "AllocationFailed", "Azure did not give a GPU node: AllocationFailed"),
        ("Scheduled", "", "the pod is starting"),
    ],
)
def test_the_reasons_why_a_pod_waits_are_told_apart(reason: str, message: str, words: str) -> None:
    said = waiting_reason(pod(phase="Pending"), [{"reason": reason, "message": message}])
    assert said.startswith(words)


@pytest.mark.parametrize("place", ["containerStatuses", "initContainerStatuses"])
def test_an_image_that_cannot_be_pulled_points_at_the_role(place: str) -> None:
    shown = pod(phase="Pending")
    waiting = {"reason": "ImagePullBackOff", "message": "401 Unauthorized"}
    shown["status"][place] = [{"name": "runner", "state": {"waiting": waiting}}]
    said = waiting_reason(shown, [{"reason": "Scheduled", "message": ""}])
    assert said == (
        "the image cannot be pulled: check the role AcrPull of the kubelet identity, and the image (401 Unauthorized)"
    )


def deployment(wanted: int, available: int, updated: int | None = None, observed: int = 1) -> dict[str, Any]:
    counted = {"availableReplicas": available, "updatedReplicas": available if updated is None else updated}
    return {
        "metadata": {"generation": 1},
        "spec": {"replicas": wanted},
        "status": {"observedGeneration": observed, **counted},
    }


FULL = "the autoscaler adds no node: 1 max node group size reached"


@pytest.mark.parametrize(
    ("shown", "reasons", "passed"),
    [
        (None, [], False),
        (deployment(1, 1), [], True),
        (deployment(0, 0), [], True),
        (deployment(2, 1), ["a GPU node is being created"], False),
        (deployment(2, 1), [FULL], True),
        (deployment(2, 0), [FULL], False),
        (deployment(1, 1, updated=0), [], False),
        (deployment(1, 1, observed=0), [], False),
    ],
    ids=["none", "all", "none wanted", "one comes", "the pool is full", "none at all", "old ones", "not seen yet"],
)
def test_a_deployment_is_as_asked_if_all_are_available_or_the_pool_is_full(
    shown: dict[str, Any] | None, reasons: list[str], passed: bool
) -> None:
    assert deployment_state(shown, [pod()], reasons)[0] is passed


def test_a_proof_counts_only_if_it_ended_with_zero() -> None:
    shown = pod()
    assert not ended_well(shown, "gpu-check")
    shown["status"]["initContainerStatuses"] = [{"name": "gpu-check", "state": {"terminated": {"exitCode": 1}}}]
    assert not ended_well(shown, "gpu-check")
    shown["status"]["initContainerStatuses"] = [{"name": "gpu-check", "state": {"terminated": {"exitCode": 0}}}]
    assert ended_well(shown, "gpu-check")
    assert not ended_well(shown, "runner")


def test_the_gpus_are_read_from_the_log_of_the_proof() -> None:
    log = "2026-11-30T01:00:00.1Z dormouse-gpu Tesla T4, 570.172.08, 15360 MiB\nsomething else\n"
    assert gpus_in(log) == ["Tesla T4, 570.172.08, 15360 MiB"]


@pytest.mark.parametrize(
    ("log", "depth"),
    [
        ("2026-09-21T14:13:10.123456789Z queue ready=3 unacknowledged=2", QueueDepth(3, 2, NOW - 10)),
        ("2026-09-21T14:10:40Z queue ready=0 unacknowledged=0", None),
        ("2026-09-21T14:13:10Z queue ready=none unacknowledged=none", None),
        ("", None),
        (
            "2026-09-21T14:12:40Z queue ready=1 unacknowledged=0\n2026-09-21T14:13:10Z queue ready=none unacknowledged=none",
            None,
        ),
    ],
    ids=["fresh", "old", "unanswered", "empty", "answered before"],
)
def test_an_old_or_missing_answer_of_the_queue_is_not_an_empty_queue(log: str, depth: QueueDepth | None) -> None:
    assert queue_depth(log, NOW) == depth


def test_a_queue_is_empty_if_nothing_waits_and_nothing_is_worked_on() -> None:
    assert QueueDepth(0, 0, NOW).is_empty
    assert not QueueDepth(0, 1, NOW).is_empty
    assert not QueueDepth(1, 0, NOW).is_empty


def other(name: str = "web", namespace: str = "theirs", phase: str = "Running", **more: Any) -> dict[str, Any]:
    """A pod without GPUs; `ended` is when its container ended, `owner` the kind of its owner."""
    labels, ended = more.get("labels", {}), more.get("ended", "")
    owners = [{"kind": more["owner"]}] if "owner" in more else []
    metadata = {"namespace": namespace, "name": name, "labels": labels, "ownerReferences": owners}
    statuses = [{"name": "c", "state": {"terminated": {"finishedAt": ended}} if ended else {"running": {}}}]
    return {
        "metadata": metadata,
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": phase, "containerStatuses": statuses},
    }


@pytest.mark.parametrize(
    ("pods", "named"),
    [
        ([other()], ["theirs/web"]),
        ([other("b"), other("a", phase="Pending")], ["theirs/a", "theirs/b"]),
        ([other(namespace="aks-command")], ["aks-command/web"]),
        ([other(namespace="runners")], ["runners/web"]),
        ([other(namespace="kube-system"), other(namespace="gpu-resources"), other(namespace="calico-system")], []),
        ([other(owner="DaemonSet")], []),
        ([other(labels={"app.kubernetes.io/managed-by": "dormouse"})], []),
        ([other(labels={"app.kubernetes.io/managed-by": "Helm"})], ["theirs/web"]),
        ([pod("runner-1")], []),
        ([other(phase="Succeeded", ended="2027-01-15T07:50:01Z")], ["theirs/web"]),
        ([other(phase="Failed", ended="2027-01-15T07:50:01Z")], ["theirs/web"]),
        ([other(phase="Succeeded", ended="2027-01-15T07:50:00Z")], []),
        ([other(phase="Succeeded")], []),
        ([], []),
    ],
)
def test_pods_of_others_count_while_they_live_and_shortly_after(pods: list[dict[str, Any]], named: list[str]) -> None:
    assert other_pods(pods, 1_800_000_000.0) == named
