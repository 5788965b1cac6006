"""The proof that a pod on the GPU pool sees its GPU: it runs nvidia-smi and initializes CUDA.

Each runner does that before it begins; where there is no runner, a job does it.
"""

from typing import Any

from dormouse.resources.kubernetes.node_pools import LABEL
from dormouse.resources.kubernetes.pods import CONFINED, GPU, MANAGED, NAME_LABEL, TOLERATION, Manifest

JOB = "gpu-check"
# A node that does not exist yet takes up to 15 minutes, and then its image must be pulled.
# https://learn.microsoft.com/azure/aks/cluster-autoscaler
DEADLINE_SECONDS, KEPT_SECONDS = 1800, 600
SEEN = "dormouse-gpu "
SCRIPT = r"""
set -e
seen=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader)
if command -v python3 >/dev/null; then
  python3 -c 'import ctypes; raise SystemExit(ctypes.CDLL("libcuda.so.1").cuInit(0))'
else
  echo "the image has no python3, with which CUDA is initialized" >&2
  exit 3
fi
echo "$seen" | while read -r gpu; do echo "dormouse-gpu $gpu"; done
"""


def gpu_container(image: str, gpus: int) -> dict[str, Any]:
    """The container that proves it. The GPUs of an init container are those that the pod then has.

    https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
    """
    return {
        "name": JOB,
        "image": image,
        "command": ["bash", "-c", SCRIPT],
        "env": [{"name": "NVIDIA_DRIVER_CAPABILITIES", "value": "compute,utility"}],
        "resources": {"limits": {GPU: str(gpus)}, "requests": {GPU: str(gpus)}},
        "securityContext": CONFINED,
    }


def gpu_check(space: str, image: str) -> Manifest:
    """A job with one pod, which asks for one GPU and is not tried twice; it is deleted ten minutes after its end.

    https://kubernetes.io/docs/concepts/workloads/controllers/job
    """
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "nodeSelector": dict(LABEL),
        "tolerations": [TOLERATION],
        "containers": [gpu_container(image, 1)],
    }
    labels = {NAME_LABEL: JOB, **MANAGED}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": JOB, "namespace": space, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def gpus_in(log: str) -> list[str]:
    """The GPUs that a proof has named in its log, each with driver and memory."""
    return [line.partition(SEEN)[2].strip() for line in log.splitlines() if SEEN in line]
