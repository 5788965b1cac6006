"""What runs in a cluster: pods that take GPUs, nodes, and the depth of the queue."""

from typing import Any

from dormouse.cloud.kubernetes.api import KubernetesApi
from dormouse.resources.kubernetes import workloads
from dormouse.resources.kubernetes.manifests import WATCH
from dormouse.resources.kubernetes.pods import NAME_LABEL
from dormouse.resources.kubernetes.workloads import ClusterNode, GpuPod, QueueDepth


async def gpu_pods(api: KubernetesApi) -> list[GpuPod]:
    """The pods of all namespaces that take GPUs or wait for them, but those of daemon sets and those that have ended.

    Raises CloudUnavailable and ReadRefused: not to know is not to have none.
    """
    return workloads.gpu_pods(await api.items("api/v1/pods"))


async def gpu_and_other_pods(api: KubernetesApi, now: float) -> tuple[list[GpuPod], list[str]]:
    """What `gpu_pods` returns, and the names of the pods that others run without GPUs; one request. Raises as it does."""
    listed = await api.items("api/v1/pods")
    return workloads.gpu_pods(listed), workloads.other_pods(listed, now)


async def nodes(api: KubernetesApi) -> list[ClusterNode]:
    """The nodes of the cluster; raises as `gpu_pods` does."""
    return workloads.nodes(await api.items("api/v1/nodes"))


async def queue_depth(api: KubernetesApi, namespace: str, now: float) -> QueueDepth | None:
    """The messages in the queue as the watch saw them at most two minutes before `now`; None if that is not known.

    Raises as `gpu_pods` does.
    """
    pods = await pods_of(api, namespace, WATCH)
    running = next((pod for pod in pods if (pod.get("status") or {}).get("phase") == workloads.RUNNING), None)
    if running is None:
        return None
    return workloads.queue_depth(await api.log(namespace, str(running["metadata"]["name"]), 1), now)


async def pods_of(api: KubernetesApi, namespace: str, name: str) -> list[dict[str, Any]]:
    """The pods with this name as their label, newest first; raises as `gpu_pods` does."""
    found = await api.items(f"api/v1/namespaces/{namespace}/pods", labelSelector=f"{NAME_LABEL}={name}")
    return sorted(found, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)


async def events_of(api: KubernetesApi, namespace: str, pod: str) -> list[dict[str, Any]]:
    """The events about a pod, oldest first; raises as `gpu_pods` does."""
    found = await api.items(f"api/v1/namespaces/{namespace}/events", fieldSelector=f"involvedObject.name={pod}")
    return sorted(found, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
