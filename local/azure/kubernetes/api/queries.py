"""Lists of objects: selectors, pages, and what changed since a revision (short watches).

https://kubernetes.io/docs/reference/using-api/api-concepts. A watch is answered at once with what has changed, and ends: its
client asks again, as it does whenever a server closes a watch.
"""

import json
from collections.abc import Mapping
from typing import Any

from local.azure.core.responses import Answer, not_simulated
from local.azure.kubernetes.objects import OF_KINDS, Object, Server, shown


def listed(server: Server, plural: str, namespace: str, query: Mapping[str, str]) -> Answer:
    """The objects of a kind that selectors choose, a page at a time."""
    found = [one for one in server.listed(plural, namespace) if chosen(one, query)]
    found.sort(key=lambda one: (one["metadata"].get("namespace", ""), one["metadata"]["name"]))
    start, size = int(query.get("continue") or 0), int(query.get("limit") or 0)
    page = found[start : start + size] if size else found[start:]
    meta: dict[str, Any] = {"resourceVersion": str(server.record["revision"])}
    if size and start + size < len(found):
        meta |= {"continue": str(start + size), "remainingItemCount": len(found) - start - size}
    version, kind = OF_KINDS[plural]
    items = [{name: item for name, item in shown(one).items() if name not in ("apiVersion", "kind")} for one in page]
    return Answer(200, {"kind": f"{kind}List", "apiVersion": version, "metadata": meta, "items": items})


def changes(server: Server, plural: str, namespace: str, query: Mapping[str, str]) -> Answer:
    """What changed since a revision, as the lines of a watch."""
    since = int(query.get("resourceVersion") or 0)
    lines: list[dict[str, Any]] = []
    for one in server.listed(plural, namespace):
        if int(one["metadata"]["resourceVersion"]) > since and chosen(one, query):
            made = int(one["metadata"].get("_made", 0)) > since
            lines.append({"type": "ADDED" if made or not since else "MODIFIED", "object": shown(one)})
    lines += [
        {"type": "DELETED", "object": shown(one)}
        for one in server.gone(plural, namespace)
        if int(one["metadata"]["resourceVersion"]) > since and chosen(one, query)
    ]
    lines.sort(key=lambda line: int(line["object"]["metadata"]["resourceVersion"]))
    if query.get("sendInitialEvents") == "true" and not since:
        # The client has asked for everything there is first, and waits for the end of it.
        version, kind = OF_KINDS[plural]
        meta = {"resourceVersion": str(server.record["revision"]), "annotations": {"k8s.io/initial-events-end": "true"}}
        lines.append({"type": "BOOKMARK", "object": {"kind": kind, "apiVersion": version, "metadata": meta}})
    content = "".join(json.dumps(line) + "\n" for line in lines)
    return Answer(200, content.encode(), {"Content-Type": "application/json"})


def chosen(found: Object, query: Mapping[str, str]) -> bool:
    """Whether the selectors of a query choose an object."""
    labels = found["metadata"].get("labels") or {}
    return all(_has_label(labels, part) for part in _parts(query.get("labelSelector", ""))) and all(
        _has_field(found, part) for part in _parts(query.get("fieldSelector", ""))
    )


def _parts(text: str) -> list[str]:
    if "(" in text:
        raise not_simulated(f"the selector {text!r}")
    return [part.strip() for part in text.split(",") if part.strip()]


def _has_label(labels: dict[str, str], part: str) -> bool:
    if "!=" in part:
        name, _, value = part.partition("!=")
        return labels.get(name.strip()) != value.strip()
    if "=" in part:
        name, _, value = part.replace("==", "=").partition("=")
        return labels.get(name.strip()) == value.strip()
    return part[1:] not in labels if part.startswith("!") else part in labels


def _has_field(found: Object, part: str) -> bool:
    differs = "!=" in part
    path, _, value = part.replace("!=", "=").replace("==", "=").partition("=")
    here: Any = found
    for step in path.split("."):
        here = here.get(step) if isinstance(here, dict) else None
    return (str(here or "") == value) is not differs
