"""What the Kubernetes API shows of pods, nodes and the queue, as typed values. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dormouse.clock import parse_moment
from dormouse.resources.kubernetes.manifests import RUNNER
from dormouse.resources.kubernetes.node_pools import LABEL
from dormouse.resources.kubernetes.pods import GPU, MANAGED, NAME_LABEL

# https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md
AT_ITS_LARGEST = "max node group size reached"
PENDING, RUNNING = "Pending", "Running"
POOL_LABELS = ("kubernetes.azure.com/agentpool", "agentpool")
RUNNER_LABELS = {NAME_LABEL: RUNNER, **MANAGED}
QUEUE = re.compile(r"^(?P<at>\S+Z) queue ready=(?P<ready>\d+) unacknowledged=(?P<unacknowledged>\d+)$")
FRACTION = re.compile(r"\.\d+(?=Z$)")
# Of a log with timestamps: the watch writes every half minute.
FRESH_SECONDS = 120.0
# What AKS runs in a cluster for itself, and the device plugin. Pods of `aks-command` are someone who works in the cluster.
# https://learn.microsoft.com/azure/aks/core-aks-concepts#namespaces
OF_THE_SYSTEM = frozenset(
    {
        "kube-system",
        "kube-public",
        "kube-node-lease",
        "gatekeeper-system",
        "calico-system",
        "tigera-operator",
        "gpu-resources",
    }
)
# A pod that ended so recently may have run between two sweeps.
JUST_ENDED = 600.0


@dataclass(frozen=True, slots=True)
class GpuPod:
    """A pod that takes GPUs or waits for them: its phase (`Pending`, `Running`), the number of GPUs, its node ("": none).

    `created` is the moment of its creation in seconds since 1970, and `is_runner` whether it has the labels of our runners.
    """

    namespace: str
    name: str
    phase: str
    gpus: int
    node: str
    created: float
    is_runner: bool = False


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A node: the pool to which it belongs, whether it is ready, and how many GPUs it offers to pods."""

    name: str
    pool: str
    ready: bool
    gpus: int


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """The messages in RabbitMQ that no consumer has yet, those that one works on, and when that was seen."""

    ready: int
    unacknowledged: int
    seen: float

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is being worked on."""
        return self.ready == 0 and self.unacknowledged == 0


def gpu_pods(listed: Sequence[Mapping[str, Any]]) -> list[GpuPod]:
    """The pods that hold or want GPUs; those of daemon sets and those that have ended count for nothing."""
    return list(_gpu_pods(listed))


def _gpu_pods(listed: Sequence[Mapping[str, Any]]) -> Iterator[GpuPod]:
    for pod in listed:
        metadata, spec, phase = pod["metadata"], pod.get("spec") or {}, (pod.get("status") or {}).get("phase", PENDING)
        gpus = sum(_gpus_of(container) for container in spec.get("containers") or [])
        owners = {owner.get("kind") for owner in metadata.get("ownerReferences") or []}
        if gpus and phase in (PENDING, RUNNING, "Unknown") and "DaemonSet" not in owners:
            yield GpuPod(
                str(metadata.get("namespace", "")),
                str(metadata["name"]),
                str(phase),
                gpus,
                str(spec.get("nodeName") or ""),
                parse_moment(metadata["creationTimestamp"]) if metadata.get("creationTimestamp") else 0.0,
                RUNNER_LABELS.items() <= (metadata.get("labels") or {}).items(),
            )


def _gpus_of(container: Mapping[str, Any]) -> int:
    resources = container.get("resources") or {}
    asked = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}
    return sum(int(count) for name, count in asked.items() if name == GPU or str(name).startswith("nvidia.com/mig-"))


def other_pods(listed: Sequence[Mapping[str, Any]], now: float) -> list[str]:
    """The pods that someone else runs without GPUs, or that ended in the last ten minutes, as namespace/name.

    Those of the system, of daemon sets and of the plan of an environment are none.
    """
    return sorted(
        _named(pod) for pod in listed if _is_of_others(pod) and (_is_alive(pod) or _ended_at(pod) > now - JUST_ENDED)
    )


def _is_of_others(pod: Mapping[str, Any]) -> bool:
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    owners = {owner.get("kind") for owner in metadata.get("ownerReferences") or []}
    ours = MANAGED.items() <= (metadata.get("labels") or {}).items()
    takes_gpus = any(_gpus_of(container) for container in spec.get("containers") or [])
    system = metadata.get("namespace", "") in OF_THE_SYSTEM or "DaemonSet" in owners
    return not (ours or system or (takes_gpus and _is_alive(pod)))


def _is_alive(pod: Mapping[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase", PENDING) in (PENDING, RUNNING, "Unknown")


def _ended_at(pod: Mapping[str, Any]) -> float:
    """When the last container of a pod ended; 0.0 if none is known to have."""
    states = [one.get("state") or {} for one in (pod.get("status") or {}).get("containerStatuses") or []]
    ended = [str((one.get("terminated") or {}).get("finishedAt") or "") for one in states]
    return max((parse_moment(one) for one in ended if one), default=0.0)


def _named(pod: Mapping[str, Any]) -> str:
    return f"{pod['metadata'].get('namespace', '')}/{pod['metadata']['name']}"


def nodes(listed: Sequence[Mapping[str, Any]]) -> list[ClusterNode]:
    """The nodes of a cluster, GPU nodes first."""
    found = [_node(one) for one in listed]
    return sorted(found, key=lambda node: (-node.gpus, node.name))


def _node(shown: Mapping[str, Any]) -> ClusterNode:
    metadata, status = shown["metadata"], shown.get("status") or {}
    labels = metadata.get("labels") or {}
    conditions = {one.get("type"): one.get("status") for one in status.get("conditions") or []}
    gpus = int((status.get("allocatable") or {}).get(GPU, 0))
    pool = next((str(labels[name]) for name in POOL_LABELS if name in labels), "")
    return ClusterNode(str(metadata["name"]), pool, conditions.get("Ready") == "True", gpus)


def on_gpu_pool(shown: Mapping[str, Any]) -> bool:
    """Whether a node has the labels of a GPU pool of ours."""
    return LABEL.items() <= ((shown["metadata"].get("labels") or {}).items())


def queue_depth(log: str, now: float) -> QueueDepth | None:
    """The newest depth in the log of the watch; None if the newest line is older than two minutes, or says nothing."""
    line = log.strip().rpartition("\n")[2]
    found = QUEUE.match(line)
    if not found:
        return None
    seen = parse_moment(FRACTION.sub("", found["at"]))
    depth = QueueDepth(int(found["ready"]), int(found["unacknowledged"]), seen)
    return depth if now - seen <= FRESH_SECONDS else None


def waiting_reason(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> str:
    """Why a pod does not run, as a sentence without its full stop.

    The reasons are those of the scheduler, the autoscaler and the kubelet.
    https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/welcome-azure-kubernetes
    """
    shown = pod.get("status") or {}
    for status in (*(shown.get("initContainerStatuses") or []), *(shown.get("containerStatuses") or [])):
        waiting = (status.get("state") or {}).get("waiting") or {}
        reason = str(waiting.get("reason", ""))
        if reason in ("ImagePullBackOff", "ErrImagePull", "InvalidImageName"):
            words = "the image cannot be pulled: check the role AcrPull of the kubelet identity, and the image"
            return f"{words} ({_clean(waiting.get('message') or reason)})"
        if reason in ("CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
            return f"the container does not start: {reason} ({_clean(waiting.get('message') or reason)})"
    said = {str(event.get("reason")): _clean(event.get("message")) for event in events}
    if "FailedScaleUp" in said:
        return f"Azure did not give a GPU node: {said['FailedScaleUp']}"
    if "TriggeredScaleUp" in said:
        return "a GPU node is being created"
    if "NotTriggerScaleUp" in said:
        return f"the autoscaler adds no node: {said['NotTriggerScaleUp']}"
    if "FailedScheduling" in said:
        return f"no node can take the pod: {said['FailedScheduling']}"
    return "the pod is starting"


def deployment_state(
    shown: Mapping[str, Any] | None, pods: Sequence[Mapping[str, Any]], reasons: Sequence[str]
) -> tuple[bool, str]:
    """Whether a deployment is as asked, and a sentence about it without its full stop.

    More runners than the largest pool has GPUs for are asked for on purpose: one that is available suffices, and the others
    wait for a GPU. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
    """
    if shown is None:
        return False, "it does not exist yet"
    status, wanted = shown.get("status") or {}, int((shown.get("spec") or {}).get("replicas", 1))
    current = int(status.get("observedGeneration", 0)) >= int(shown["metadata"].get("generation", 0))
    available, updated = int(status.get("availableReplicas", 0)), int(status.get("updatedReplicas", 0))
    if current and available >= wanted and updated >= wanted:
        return True, f"{available} of {wanted} available"
    full = [reason for reason in reasons if AT_ITS_LARGEST in reason]
    if current and available and full:
        return True, f"{available} of {wanted} available; the others wait for a GPU, because the pool is at its largest"
    why = f": {reasons[0]}" if reasons else ""
    return False, f"{available} of {wanted} available{why}" if pods else f"{available} of {wanted} available: no pod yet"


def gpu_trouble(listed: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with ready GPU nodes, or "": one without the device plugin offers no GPUs, one with an error says so."""
    for shown in listed:
        node = _node(shown)
        for condition in (shown.get("status") or {}).get("conditions") or []:
            if str(condition.get("type", "")).startswith("GPU") and condition.get("status") == "True":
                return f"{node.name} reports {condition['type']}: {_clean(condition.get('message'))}"
        if node.ready and node.gpus < 1:
            return f"{node.name} is ready and offers no GPU: the device plugin of NVIDIA does not run there yet"
    return ""


def ended_well(pod: Mapping[str, Any], container: str) -> bool:
    """Whether an init container of a pod, or the only container of a job's pod, has ended with the exit code 0."""
    status = pod.get("status") or {}
    for one in (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])):
        ended = (one.get("state") or {}).get("terminated") or {}
        if one.get("name") == container and ended and ended.get("exitCode") == 0:
            return True
    return False


def _clean(text: object) -> str:
    return " ".join(str(text or "").split())[:300]
