"""What an API server fills in: the defaults of https://kubernetes.io/docs/reference/kubernetes-api, as far as they are used."""

import copy
from typing import Any

from local.azure.kubernetes.objects import Object

CONTAINER = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "resources": {}}
POD = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
DAEMON_ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}


def filled(plural: str, given: Object) -> Object:
    """An object with its defaults."""
    found = copy.deepcopy(given)
    spec: dict[str, Any] = found.get("spec") or {}
    match plural:
        case "deployments":
            _fill(spec, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600, "strategy": ROLLING})
        case "daemonsets":
            _fill(spec, {"revisionHistoryLimit": 10, "updateStrategy": DAEMON_ROLLING})
        case "jobs":
            _fill(
                spec,
                {"parallelism": 1, "completions": 1, "backoffLimit": 6, "completionMode": "NonIndexed", "suspend": False},
            )
        case "pods":
            _fill_pod(spec)
        case "secrets":
            _fill(found, {"type": "Opaque"})
        case "namespaces":
            labels = found["metadata"].setdefault("labels", {})
            labels.setdefault("kubernetes.io/metadata.name", found["metadata"]["name"])
            found.setdefault("spec", {"finalizers": ["kubernetes"]})
            found.setdefault("status", {"phase": "Active"})
    if plural in ("deployments", "daemonsets", "jobs"):
        _fill_pod(spec.setdefault("template", {}).setdefault("spec", {}))
    if spec:
        found["spec"] = spec
    return found


def _fill(spec: dict[str, Any], values: dict[str, Any]) -> None:
    for name, value in values.items():
        if spec.get(name) is None:
            spec[name] = copy.deepcopy(value)
        elif (
            isinstance(value, dict)
            and name.endswith("trategy")
            and spec[name].get("type", "RollingUpdate") == "RollingUpdate"
        ):
            spec[name] = {**copy.deepcopy(value), **spec[name]}


def _fill_pod(spec: dict[str, Any]) -> None:
    _fill(spec, POD)
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    for container in (*(spec.get("initContainers") or []), *(spec.get("containers") or [])):
        tagged = str(container.get("image", "")).rpartition("/")[2]
        always = ":" not in tagged or tagged.endswith(":latest")
        _fill(container, {**CONTAINER, "imagePullPolicy": "Always" if always and "@" not in tagged else "IfNotPresent"})
        for port in container.get("ports") or []:
            port.setdefault("protocol", "TCP")
        resources = container["resources"]
        if resources.get("limits"):
            resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}
