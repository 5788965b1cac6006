"""Writes to an API server: create, replace, patch, apply and delete, with what every one of them checks."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, not_simulated
from local.azure.kubernetes.api import apply, validation
from local.azure.kubernetes.api.defaults import filled
from local.azure.kubernetes.api.discovery import group_of
from local.azure.kubernetes.api.statuses import StatusRefused, missing, success
from local.azure.kubernetes.deletion import discard
from local.azure.kubernetes.objects import CLUSTER_WIDE, OF_KINDS, Object, Server, shown

APPLY, MERGE, STRATEGIC = (
    "application/apply-patch+yaml",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
READ_ONLY = ("nodes", "replicasets", "events")
KEPT = ("uid", "creationTimestamp", "_made", "deletionTimestamp", "ownerReferences")
TERMINATING = 5.0  # seconds until a namespace is empty and gone
BACKGROUND = "Background"


def put(server: Server, plural: str, namespace: str, name: str, request: Request) -> Answer:
    """Create (POST), replace (PUT) or patch an object."""
    if plural in READ_ONLY:
        raise not_simulated(f"writes of {plural}")
    if request.query.get("dryRun"):
        raise not_simulated("dry runs")
    body = _body(request)
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip()
    name = name or str((body.get("metadata") or {}).get("name") or "")
    live = server.get(plural, namespace, name)
    _check_namespace(server, plural, namespace)
    manager = request.query.get("fieldManager") or request.headers.get("User-Agent", "unknown").partition("/")[0]
    match request.method:
        case "POST":
            if live is not None:
                full = f"{plural}.{group_of(plural)}".rstrip(".")
                text, details = f'{full} "{name}" already exists', {"name": name, "kind": plural}
                raise StatusRefused(409, text, "AlreadyExists", details)
            return _written(server, plural, _own(body, plural, namespace, name), None, manager, 201)
        case "PUT":
            return _replaced(server, plural, _own(body, plural, namespace, name), live, manager)
    if kind == APPLY:
        return _applied(server, plural, _own(body, plural, namespace, name), live, request.query)
    if live is None:
        raise missing(plural, group_of(plural), name)
    if kind not in (MERGE, STRATEGIC):
        raise StatusRefused(415, f"the body of the request was in an unknown format: {kind}")
    after = apply.patched(shown(live), body, strategic=kind == STRATEGIC)
    return _written(server, plural, _own(after, plural, namespace, name), live, manager, 200)


def delete(server: Server, plural: str, namespace: str, name: str, request: Request) -> Answer:
    """Delete an object; what it owns goes with it, unless it is to be orphaned."""
    if plural in READ_ONLY:
        raise not_simulated(f"deletions of {plural}")
    found = server.get(plural, namespace, name)
    if found is None:
        raise missing(plural, group_of(plural), name)
    options = json.loads(request.body) if request.body.strip() else {}
    policy = request.query.get("propagationPolicy") or options.get("propagationPolicy") or BACKGROUND
    if plural == "namespaces":
        ends = {"deletionTimestamp": server.time(), "_gone_at": server.now + TERMINATING}
        ended = server.write(
            plural, {**found, "metadata": {**found["metadata"], **ends}, "status": {"phase": "Terminating"}}
        )
        return Answer(200, shown(ended))
    gone = shown(found)
    discard(server, plural, found, orphan=policy == "Orphan")
    if plural == "pods":
        return Answer(200, gone)
    return Answer(200, success(plural, group_of(plural), name, gone["metadata"]["uid"]))


def _body(request: Request) -> Object:
    try:
        found = yaml.load(request.body, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise StatusRefused(400, f"error decoding the body: {error}") from None
    if not isinstance(found, dict):
        raise StatusRefused(400, "the object provided is unrecognized (must be of type Object)")
    return found


def _own(body: Object, plural: str, namespace: str, name: str) -> Object:
    """A body as an object of the place where it was sent; raises the 400 for one that names another."""
    version, kind = OF_KINDS[plural]
    if body.get("kind", kind) != kind or body.get("apiVersion", version) != version:
        text = (
            f"the API version in the data ({body.get('apiVersion')}, {body.get('kind')}) does not match ({version}, {kind})"
        )
        raise StatusRefused(400, text)
    meta = {key: value for key, value in (body.get("metadata") or {}).items() if key not in ("managedFields",)}
    if plural not in CLUSTER_WIDE and meta.get("namespace", namespace) != namespace:
        text = f"the namespace of the provided object does not match the namespace sent on the request ({namespace})"
        raise StatusRefused(400, text)
    if meta.get("name", name) != name:
        raise StatusRefused(400, f"the name of the object ({meta.get('name')}) does not match the name on the URL ({name})")
    meta |= {"name": name} | ({} if plural in CLUSTER_WIDE else {"namespace": namespace})
    found = {"apiVersion": version, "kind": kind, **{key: value for key, value in body.items() if key != "status"}}
    if plural == "secrets" and found.get("stringData"):
        encoded = {key: _encoded(value) for key, value in found.pop("stringData").items()}
        found["data"] = {**(found.get("data") or {}), **encoded}
    return {**found, "metadata": meta}


def _encoded(value: str) -> str:
    import base64

    return base64.b64encode(value.encode()).decode()


def _check_namespace(server: Server, plural: str, namespace: str) -> None:
    if plural in CLUSTER_WIDE:
        return
    space = server.get("namespaces", "", namespace)
    if space is None:
        raise missing("namespaces", "", namespace)
    if "deletionTimestamp" in space["metadata"]:
        text = f"unable to create new content in namespace {namespace} because it is being terminated"
        raise StatusRefused(403, text)


def _replaced(server: Server, plural: str, found: Object, live: Object | None, manager: str) -> Answer:
    if live is None:
        raise missing(plural, group_of(plural), found["metadata"]["name"])
    asked = found["metadata"].get("resourceVersion")
    if asked and asked != live["metadata"]["resourceVersion"]:
        name, full = found["metadata"]["name"], f"{plural}.{group_of(plural)}".rstrip(".")
        text = f'Operation cannot be fulfilled on {full} "{name}": the object has been modified; please apply your changes to the latest version and try again'
        raise StatusRefused(409, text, details={"name": name, "kind": plural})
    return _written(server, plural, found, live, manager, 200)


def _applied(server: Server, plural: str, wanted: Object, live: Object | None, query: Mapping[str, str]) -> Answer:
    manager, force = query.get("fieldManager", ""), query.get("force", "false").lower() in ("true", "1")
    if not manager:
        raise StatusRefused(
            400, 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
        )
    validation.check_schema(plural, wanted, server.version)
    found = apply.applied(live, wanted, manager, server.time(), force=force)
    if found is live:
        return Answer(200, shown(found))
    return _kept(server, plural, found, live, 200 if live else 201)


def _written(server: Server, plural: str, found: Object, live: Object | None, manager: str, status: int) -> Answer:
    validation.check_schema(plural, found, server.version)
    if live is not None:
        found = {**found, "metadata": {**found["metadata"], "managedFields": live["metadata"].get("managedFields", [])}}
    return _kept(server, plural, apply.updated(live, found, manager, server.time()), live, status)


def _kept(server: Server, plural: str, found: Object, live: Object | None, status: int) -> Answer:
    """Write an object that has passed, with its defaults, its state and its generation."""
    found = filled(plural, found)
    validation.check(plural, found, live)
    meta: dict[str, Any] = dict(found["metadata"])
    if live is not None:
        before = live["metadata"]
        meta |= {name: before[name] for name in KEPT if name in before and name not in meta}
        meta["resourceVersion"] = before["resourceVersion"]
        found = {**found, **{name: live[name] for name in live if name == "status" or name.startswith("_")}}
    if "spec" in found and plural != "namespaces":
        changed = live is None or live.get("spec") != found["spec"]
        meta["generation"] = int((live or {}).get("metadata", {}).get("generation", 0)) + (1 if changed else 0)
    found = {**found, "metadata": meta}
    if live is not None and _content(live) == _content(found):
        return Answer(status, shown(live))
    if plural == "pods" and live is None:
        found.setdefault("status", {"phase": "Pending"})
    return Answer(status, shown(server.write(plural, found)))


def _content(found: Object) -> str:
    meta = {name: value for name, value in found["metadata"].items() if name not in ("managedFields", "resourceVersion")}
    return json.dumps({**found, "metadata": meta}, sort_keys=True)
