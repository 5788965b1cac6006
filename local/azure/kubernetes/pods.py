"""Pods as their controllers make and read them."""

import json
import zlib
from typing import Any

from local.azure.kubernetes.objects import Object, Server

CONTROLLED = {"controller": True, "blockOwnerDeletion": True}


def pod_of(server: Server, owner: Object, template: Object, name: str, labels: dict[str, str], **spec: Any) -> Object:
    """Create a pod from the template of a controller."""
    meta = template.get("metadata") or {}
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], **CONTROLLED}
    reference |= {name: owner["metadata"][name] for name in ("name", "uid")}
    made = {
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "labels": {**(meta.get("labels") or {}), **labels},
            **({"annotations": meta["annotations"]} if meta.get("annotations") else {}),
            "ownerReferences": [reference],
        },
        "spec": {**template["spec"], **spec},
        "status": {"phase": "Pending"},
    }
    pod = server.write("pods", made)
    kind = owner["kind"].lower()
    text = f"Created pod: {name}"
    server.tell(owner, "Normal", "SuccessfulCreate", text, {"job": "job-controller"}.get(kind, f"{kind}-controller"))
    return pod


def is_ready(pod: Object) -> bool:
    """Whether a pod is ready."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def ended(pod: Object) -> bool:
    """Whether a pod has ended for good."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def condition(server: Server, before: dict[str, Any], kind: str, holds: bool, reason: str, message: str) -> Object:  # noqa: FBT001
    """A condition, with the time since when it has been so."""
    status, known = "True" if holds else "False", before.get(kind)
    same = known is not None and known["status"] == status and known.get("reason", "") == reason
    since = known["lastTransitionTime"] if known and same else server.time()
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


def hash_of(template: Object) -> str:
    """The short text by which pods of a template are told from those of an older one."""
    return f"{zlib.crc32(json.dumps(template, sort_keys=True).encode()):010d}"
