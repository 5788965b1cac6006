"""The manifests of a cluster that runs GPU work: pure data, as the Kubernetes API takes it.

https://kubernetes.io/docs/reference/kubernetes-api
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dormouse.resources.kubernetes.gpu_proof import gpu_container
from dormouse.resources.kubernetes.node_pools import LABEL
from dormouse.resources.kubernetes.pods import CONFINED, GPU, MANAGED, NAME_LABEL, TOLERATION, Manifest

GPU_RESOURCES, PLUGIN, RUNNER, CONFIG, SECRETS, WATCH = (
    "gpu-resources",
    "nvidia-device-plugin",
    "runner",
    "runner-config",
    "runner-secrets",
    "queue-watch",
)
SCRATCH_PATH = "/scratch"
PLUGIN_SOCKETS = "/var/lib/kubelet/device-plugins"


@dataclass(frozen=True, slots=True)
class Runner:
    """The runners of a cluster: image, image of the proof, command, plain environment, and what each of them takes.

    `replicas` is how many there are; each gets so many GPUs of one node. Memory and scratch are in GiB.
    """

    image: str
    probe_image: str
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    gpus: int = 1
    cpus: float = 1.0
    memory_gib: int = 4
    scratch_gib: int = 10
    replicas: int = 1


def namespace(name: str) -> Manifest:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": MANAGED}}


def config_map(space: str, values: Mapping[str, str]) -> Manifest:
    """The plain environment of the runners."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _named(CONFIG, space), "data": dict(values)}


def secret(space: str, name: str = SECRETS) -> Manifest:
    """A secret without its values: those are read from the key vault when it is put."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": _named(name, space), "type": "Opaque"}


def service_account(space: str, name: str = RUNNER) -> Manifest:
    """The account of the runners, which gets no token for the Kubernetes API."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _named(name, space),
        "automountServiceAccountToken": False,
    }


def deployment(space: str, runner: Runner) -> Manifest:
    """The runners: each asks for GPUs and tolerates the taint of the pool, so that the autoscaler makes nodes for them.

    Each proves its GPUs before it begins.
    """
    limits = {
        GPU: str(runner.gpus),
        "cpu": f"{round(runner.cpus * 1000)}m",
        "memory": f"{runner.memory_gib}Gi",
        "ephemeral-storage": f"{runner.scratch_gib}Gi",
    }
    container = {
        "name": RUNNER,
        "image": runner.image,
        **({"command": list(runner.command)} if runner.command else {}),
        "envFrom": [{"configMapRef": {"name": CONFIG}}, {"secretRef": {"name": SECRETS}}],
        "resources": {"requests": dict(limits), "limits": dict(limits)},
        "securityContext": CONFINED,
        "volumeMounts": [{"name": "scratch", "mountPath": SCRATCH_PATH}],
    }
    pod = {
        "serviceAccountName": RUNNER,
        "automountServiceAccountToken": False,
        "nodeSelector": dict(LABEL),
        "tolerations": [TOLERATION],
        "initContainers": [gpu_container(runner.probe_image, runner.gpus)],
        "containers": [container],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": f"{runner.scratch_gib}Gi"}}],
        "terminationGracePeriodSeconds": 120,
    }
    return _workload("Deployment", space, RUNNER, pod, replicas=runner.replicas, strategy={"type": "Recreate"})


def device_plugin(image: str) -> Manifest:
    """The device plugin of NVIDIA: nodes of AKS bring the driver, and without it they offer no GPUs.

    https://learn.microsoft.com/azure/aks/use-nvidia-gpu
    """
    container = {
        "name": PLUGIN,
        "image": image,
        "env": [{"name": "FAIL_ON_INIT_ERROR", "value": "false"}],
        "securityContext": CONFINED,
        "volumeMounts": [{"name": "sockets", "mountPath": PLUGIN_SOCKETS}],
    }
    pod = {
        "priorityClassName": "system-node-critical",
        "nodeSelector": dict(LABEL),
        "tolerations": [TOLERATION],
        "containers": [container],
        "volumes": [{"name": "sockets", "hostPath": {"path": PLUGIN_SOCKETS}}],
    }
    return _workload("DaemonSet", GPU_RESOURCES, PLUGIN, pod, updateStrategy={"type": "RollingUpdate"})


def queue_watch(space: str, image: str, address: str, port: int) -> Manifest:
    """A pod that writes every half minute into its log how many messages RabbitMQ holds.

    The queue has a private address, so that only the cluster reaches it; the log is read over the Kubernetes API. bash
    speaks HTTP by itself, so that the image needs nothing else.
    https://www.rabbitmq.com/docs/http-api-reference#get-apioverview
    """
    container = {
        "name": WATCH,
        "image": image,
        "command": ["bash", "-c", WATCH_SCRIPT],
        "env": [
            {"name": "QUEUE_HOST", "value": address},
            {"name": "QUEUE_PORT", "value": str(port)},
            {"name": "QUEUE_LOGIN", "valueFrom": {"secretKeyRef": {"name": SECRETS, "key": "QUEUE_LOGIN"}}},
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}},
        "securityContext": CONFINED,
    }
    pod = {"automountServiceAccountToken": False, "containers": [container]}
    return _workload("Deployment", space, WATCH, pod, replicas=1, strategy={"type": "Recreate"})


WATCH_SCRIPT = r"""
login=$(printf %s "$QUEUE_LOGIN" | base64 --wrap=0)
while true; do
  answer=""
  if exec 3<>"/dev/tcp/$QUEUE_HOST/$QUEUE_PORT"; then
    printf 'GET /api/overview HTTP/1.0\r\nHost: %s\r\nAuthorization: Basic %s\r\n\r\n' "$QUEUE_HOST" "$login" >&3
    answer=$(timeout 10 cat <&3 | tr -d '\r\n')
    exec 3<&-
  fi
  ready=none unacknowledged=none
  # Without any queue there are no totals.
  if [[ $answer == *'"queue_totals":{}'* ]]; then ready=0 unacknowledged=0; fi
  if [[ $answer =~ \"messages_ready\":([0-9]+) ]]; then ready=${BASH_REMATCH[1]}; fi
  if [[ $answer =~ \"messages_unacknowledged\":([0-9]+) ]]; then unacknowledged=${BASH_REMATCH[1]}; fi
  echo "queue ready=$ready unacknowledged=$unacknowledged"
  sleep 30
done
"""


def _workload(kind: str, space: str, name: str, pod: Mapping[str, Any], **spec: Any) -> Manifest:
    labels = {NAME_LABEL: name, **MANAGED}
    template = {"metadata": {"labels": labels}, "spec": dict(pod)}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": _named(name, space),
        "spec": {**spec, "selector": {"matchLabels": {NAME_LABEL: name}}, "template": template},
    }


def _named(name: str, space: str) -> dict[str, Any]:
    return {"name": name, "namespace": space, "labels": {NAME_LABEL: name, **MANAGED}}
