"""What the manifests of pods share: the GPU as a resource, labels, the toleration of the pool, and the least rights."""

from typing import Any, TypeAlias

from dormouse.resources.kubernetes.node_pools import TAINT_KEY, TAINT_VALUE

Manifest: TypeAlias = dict[str, Any]

GPU = "nvidia.com/gpu"
NAME_LABEL = "app.kubernetes.io/name"
MANAGED = {"app.kubernetes.io/managed-by": "dormouse"}
TOLERATION = {"key": TAINT_KEY, "operator": "Equal", "value": TAINT_VALUE, "effect": "NoSchedule"}
# Nothing of a container needs more. https://kubernetes.io/docs/concepts/security/pod-security-standards
CONFINED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
