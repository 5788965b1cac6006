"""What an API server says about itself: its versions, its groups and the kinds that it serves.

https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api. There is no OpenAPI document: clients validate
on the server (`kubectl --validate=false`), which knows the schema of every kind.
"""

from typing import Any

from local.azure.core.responses import Answer
from local.azure.core.store import Document
from local.azure.kubernetes.objects import CLUSTER_WIDE, OF_KINDS

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
READ_ONLY = {"nodes": ["get", "list", "watch"], "replicasets": ["get", "list", "watch"], "events": ["get", "list", "watch"]}
SHORT = {
    "namespaces": ["ns"],
    "configmaps": ["cm"],
    "serviceaccounts": ["sa"],
    "pods": ["po"],
    "nodes": ["no"],
    "events": ["ev"],
    "deployments": ["deploy"],
    "replicasets": ["rs"],
    "daemonsets": ["ds"],
}
ALL = ("pods", "deployments", "replicasets", "daemonsets", "jobs")  # of `kubectl get all`
GROUPS = {"apps": "v1", "batch": "v1"}


def group_of(plural: str) -> str:
    """The API group of a kind, "" for the core."""
    version = OF_KINDS[plural][0]
    return version.partition("/")[0] if "/" in version else ""


def answer(path: tuple[str, ...], cluster: Document) -> Answer | None:
    """The answer to a question about the server itself, or None for any other path."""
    match path:
        case ("healthz" | "livez" | "readyz",):
            return Answer(200, b"ok", {"Content-Type": "text/plain; charset=utf-8"})
        case ("version",):
            return Answer(200, _version(str(cluster["properties"]["currentKubernetesVersion"])))
        case ("api",):
            return Answer(200, {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
        case ("apis",):
            return Answer(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in GROUPS]})
        case ("api", "v1"):
            return Answer(200, _resources("", "v1"))
        case ("apis", group) if group in GROUPS:
            return Answer(200, {"kind": "APIGroup", "apiVersion": "v1", **_group(group)})
        case ("apis", group, version) if GROUPS.get(group) == version:
            return Answer(200, _resources(group, f"{group}/{version}"))
    return None


def _version(full: str) -> dict[str, str]:
    major, minor, _ = full.split(".", 2)
    more = {
        "gitCommit": "0" * 40,
        "buildDate": "2026-01-01T00:00:00Z",
        "gitTreeState": "clean",
        "goVersion": "go1.25",
        "compiler": "gc",
        "platform": "linux/amd64",
    }
    return {"major": major, "minor": minor, "gitVersion": f"v{full}", **more}


def _group(name: str) -> dict[str, Any]:
    version = {"groupVersion": f"{name}/{GROUPS[name]}", "version": GROUPS[name]}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _resources(group: str, version: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for plural, (_, kind) in OF_KINDS.items():
        if group_of(plural) != group:
            continue
        one = {"name": plural, "singularName": kind.lower(), "namespaced": plural not in CLUSTER_WIDE, "kind": kind}
        found.append({**one, "verbs": READ_ONLY.get(plural, VERBS), "shortNames": SHORT.get(plural, [])})
        found[-1] |= {"categories": ["all"]} if plural in ALL else {}
        if plural == "pods":
            found.append({**one, "name": "pods/log", "verbs": ["get"], "shortNames": []})
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": found}
