"""Objects as tables, which is how `kubectl get` asks for them: the server chooses the columns and computes the ages.

https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

from datetime import datetime
from typing import Any

from local.azure.core.responses import Answer
from local.azure.kubernetes.objects import Object, Server

MARK = "as=Table"
MINUTE, HOUR, DAY = 60, 3600, 86400
COLUMNS: dict[str, tuple[str, ...]] = {
    "pods": ("Ready", "Status", "Restarts"),
    "nodes": ("Status", "Roles", "Version"),
    "namespaces": ("Status",),
    "deployments": ("Ready", "Up-to-date", "Available"),
    "replicasets": ("Desired", "Current", "Ready"),
    "daemonsets": ("Desired", "Current", "Ready", "Up-to-date", "Available"),
    "jobs": ("Status", "Completions"),
    "configmaps": ("Data",),
    "secrets": ("Type", "Data"),
    "events": ("Type", "Reason", "Object", "Message"),
}


def as_table(server: Server, plural: str, answer: Answer) -> Answer:
    """A list, or one object, as a table."""
    body: dict[str, Any] = answer.body
    items = body["items"] if str(body.get("kind", "")).endswith("List") else [body]
    names = ("Name", *COLUMNS.get(plural, ()), "Age")
    columns = [{"name": name, "type": "string", "format": "", "description": "", "priority": 0} for name in names]
    rows = [
        {
            "cells": [item["metadata"]["name"], *cells(plural, item), age(server, item)],
            "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]},
        }
        for item in items
    ]
    meta = {"resourceVersion": body["metadata"].get("resourceVersion", "")}
    table = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta}
    return Answer(answer.status, {**table, "columnDefinitions": columns, "rows": rows}, answer.headers)


def age(server: Server, item: Object) -> str:
    """How old an object is in simulated time, as kubectl writes it."""
    made = datetime.fromisoformat(item["metadata"]["creationTimestamp"]).timestamp()
    seconds = max(int(server.now - made), 0)
    for length, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def cells(plural: str, item: Object) -> list[str]:
    """The cells of a row between the name and the age."""
    status, spec = item.get("status") or {}, item.get("spec") or {}
    match plural:
        case "pods":
            return _pod(status)
        case "nodes":
            ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status["conditions"])
            return ["Ready" if ready else "NotReady", "<none>", status["nodeInfo"]["kubeletVersion"]]
        case "namespaces":
            return [status.get("phase", "Active")]
        case "deployments":
            share = f"{status.get('readyReplicas', 0)}/{spec['replicas']}"
            return [share, str(status.get("updatedReplicas", 0)), str(status.get("availableReplicas", 0))]
        case "replicasets":
            return [str(spec["replicas"]), str(status.get("replicas", 0)), str(status.get("readyReplicas", 0))]
        case "daemonsets":
            names = ("desired", "current", "updated")
            desired, current, updated = (str(status.get(f"{name}NumberScheduled", 0)) for name in names)
            return [desired, current, str(status.get("numberReady", 0)), updated, str(status.get("numberAvailable", 0))]
        case "jobs":
            ended = [one["type"] for one in status.get("conditions") or [] if one["type"] in ("Complete", "Failed")]
            return [(ended or ["Running"])[0], f"{status.get('succeeded', 0)}/{spec['completions']}"]
    return _without_status(plural, item)


def _without_status(plural: str, item: Object) -> list[str]:
    match plural:
        case "configmaps":
            return [str(len(item.get("data") or {}))]
        case "secrets":
            return [item.get("type", "Opaque"), str(len(item.get("data") or {}))]
        case "events":
            about = item["involvedObject"]
            return [item["type"], item["reason"], f"{about['kind'].lower()}/{about['name']}", item["message"]]
    return []


def _pod(status: dict[str, Any]) -> list[str]:
    shown = (status.get("containerStatuses") or [{}])[0]
    state = shown.get("state") or {}
    for name in ("waiting", "terminated"):
        if name in state:
            return ["0/1", state[name]["reason"], str(shown.get("restartCount", 0))]
    return ["1/1" if shown.get("ready") else "0/1", status.get("phase", "Pending"), str(shown.get("restartCount", 0))]
