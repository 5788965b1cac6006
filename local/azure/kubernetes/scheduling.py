"""The scheduler: which node a pod gets, by selectors, taints and what it asks for; and why it gets none.

https://kubernetes.io/docs/concepts/scheduling-eviction/
"""

import re
from collections import Counter
from typing import Any

from local.azure.kubernetes.objects import Object, Server

NOT_READY = "node.kubernetes.io/not-ready"
QUANTITY = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>m|k|M|G|T|Ki|Mi|Gi|Ti|)")
UNITS = {"m": 0.001, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
FORBIDS = ("NoSchedule", "NoExecute")
UNMATCHED = "node(s) didn't match Pod's node affinity/selector"


def run(server: Server) -> list[float]:
    """Give every pod that waits a node, or say why it gets none."""
    nodes = sorted(server.listed("nodes"), key=lambda node: str(node["metadata"]["name"]))
    for pod in server.listed("pods"):
        if pod["spec"].get("nodeName") or pod["status"]["phase"] != "Pending":
            continue
        used = usage(server)
        faults = {node["metadata"]["name"]: misfit(pod, node, used) for node in nodes}
        free = [name for name, fault in faults.items() if not fault]
        if free:
            _bind(server, pod, free[0])
        else:
            _say_why_not(server, pod, Counter(faults.values()))
    return []


def usage(server: Server) -> dict[str, Counter[str]]:
    """What the pods on each node ask for, by node and resource."""
    found: dict[str, Counter[str]] = {}
    for pod in server.listed("pods"):
        node = pod["spec"].get("nodeName")
        if node and pod["status"]["phase"] in ("Pending", "Running"):
            found.setdefault(node, Counter()).update({**asked_by(pod), "pods": 1.0})
    return found


def misfit(pod: Object, node: Object, used: dict[str, Counter[str]]) -> str:
    """Why a node cannot take a pod, as the scheduler words it, or ""."""
    fault = _unfit(pod, node)
    if fault:
        return fault
    here, offered = used.get(node["metadata"]["name"], Counter()), node["status"]["allocatable"]
    for name, amount in {**asked_by(pod), "pods": 1.0}.items():
        if amount and here[name] + amount > amount_of(offered.get(name, 0)) + 1e-9:
            return "Too many pods" if name == "pods" else f"Insufficient {name}"
    return ""


def could_run(pod: Object, node: Object) -> bool:
    """Whether selectors and taints let a pod run on a node, whatever is free there."""
    return not _unfit(pod, node)


def _unfit(pod: Object, node: Object) -> str:
    labels, spec = node["metadata"]["labels"], pod["spec"]
    if any(labels.get(name) != value for name, value in (spec.get("nodeSelector") or {}).items()):
        return UNMATCHED
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    terms = (required or {}).get("nodeSelectorTerms") or []
    if terms and not any(all(_matches(labels, one) for one in term.get("matchExpressions") or []) for term in terms):
        return UNMATCHED
    for taint in node["spec"].get("taints") or []:
        if taint["effect"] in FORBIDS and not any(_tolerates(one, taint) for one in spec.get("tolerations") or []):
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    return ""


def asked_by(pod: Object) -> dict[str, float]:
    """What a pod asks for of each resource: its containers together, or one that comes before them if that asks for more.

    https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
    """
    found: dict[str, float] = {}
    for container in pod["spec"].get("containers") or []:
        for name, amount in _asked_by_container(container).items():
            found[name] = found.get(name, 0.0) + amount
    for container in pod["spec"].get("initContainers") or []:
        for name, amount in _asked_by_container(container).items():
            found[name] = max(found.get(name, 0.0), amount)
    return found


def _asked_by_container(container: Object) -> dict[str, float]:
    given = container.get("resources") or {}
    asked = {**(given.get("limits") or {}), **(given.get("requests") or {})}
    return {name: amount_of(value) for name, value in asked.items()}


def amount_of(value: Any) -> float:
    """The number that a quantity stands for."""
    match = QUANTITY.fullmatch(str(value))
    return float(match["number"]) * UNITS[match["unit"]] if match else 0.0


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return bool(toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", ""))


def _matches(labels: dict[str, str], expression: Object) -> bool:
    name, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(name) in values
        case "NotIn":
            return labels.get(name) not in values
        case "Exists":
            return name in labels
        case "DoesNotExist":
            return name not in labels
    return False


def _bind(server: Server, pod: Object, node: str) -> None:
    meta = pod["metadata"]
    condition = {"type": "PodScheduled", "status": "True", "lastTransitionTime": server.time()}
    status = {**pod["status"], "conditions": [condition]}
    server.write("pods", {**pod, "spec": {**pod["spec"], "nodeName": node}, "status": status})
    text = f"Successfully assigned {meta['namespace']}/{meta['name']} to {node}"
    server.tell(pod, "Normal", "Scheduled", text, "default-scheduler")


def _say_why_not(server: Server, pod: Object, faults: Counter[str]) -> None:
    """Write the reason once, and again when it changes."""
    total = faults.total()
    listed = ", ".join(f"{count} {fault}" for fault, count in sorted(faults.items(), key=lambda item: item[0]))
    text = f"0/{total} nodes are available: {listed}." if total else "no nodes available to schedule pods"
    if total:
        text += f" preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling."
    known: Object = next((one for one in pod["status"].get("conditions") or [] if one["type"] == "PodScheduled"), {})
    if known.get("message") == text:
        return
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": text}
    status = {**pod["status"], "conditions": [{**condition, "lastTransitionTime": server.time()}]}
    server.write("pods", {**pod, "status": status})
    server.tell(pod, "Warning", "FailedScheduling", text, "default-scheduler")
