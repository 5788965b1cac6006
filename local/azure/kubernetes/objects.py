"""The objects of every simulated Kubernetes API server: how they are kept, numbered and removed."""

import uuid
from collections.abc import Iterator
from typing import Any

from local.azure.core.store import Document
from local.azure.core.world import World

Object = dict[str, Any]
SHELF, CLUSTERS, GONE = "kubernetes objects", "kubernetes clusters", "kubernetes deletions"
MOST_GONE = 200
NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
# What belongs to no namespace.
CLUSTER_WIDE = frozenset({"namespaces", "nodes"})
OF_KINDS = {
    "namespaces": ("v1", "Namespace"),
    "configmaps": ("v1", "ConfigMap"),
    "secrets": ("v1", "Secret"),
    "serviceaccounts": ("v1", "ServiceAccount"),
    "pods": ("v1", "Pod"),
    "nodes": ("v1", "Node"),
    "events": ("v1", "Event"),
    "deployments": ("apps/v1", "Deployment"),
    "replicasets": ("apps/v1", "ReplicaSet"),
    "daemonsets": ("apps/v1", "DaemonSet"),
    "jobs": ("batch/v1", "Job"),
}
LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # of names that Kubernetes makes


class Server:
    """The objects of one cluster, at a moment of simulated time."""

    def __init__(self, world: World, cluster: Document, now: float) -> None:
        """`cluster` is the managed cluster as Resource Manager keeps it; `now` is what is written as the present time."""
        self.world, self.cluster, self.now = world, cluster, now
        self.uid = str(cluster["properties"]["resourceUID"])

    @property
    def version(self) -> str:
        """The version of Kubernetes, as 1.35.5."""
        return str(self.cluster["properties"]["currentKubernetesVersion"])

    @property
    def record(self) -> Document:
        """What is kept of the server itself: its revision, and when it has to act next."""
        return self.world.store.get(CLUSTERS, self.uid) or {"revision": 0, "due": None, "id": self.cluster["id"]}

    def remember(self, **facts: Any) -> None:
        """Change what is kept of the server itself."""
        self.world.store.put(CLUSTERS, self.uid, {**self.record, **facts})

    def get(self, plural: str, namespace: str, name: str) -> Object | None:
        """One object, or None; change it only through `write`."""
        return self.world.store.get(SHELF, self._key(plural, namespace, name))

    def listed(self, plural: str, namespace: str = "") -> list[Object]:
        """Every object of a kind, in one namespace or in all of them ("")."""
        start = f"{self.uid}/{plural}/" + (f"{namespace}/" if namespace else "")
        return [found for key, found in self.world.store.items(SHELF) if key.startswith(start)]

    def write(self, plural: str, written: Object) -> Object:
        """Create or replace an object under its name, with the next revision."""
        version, kind = OF_KINDS[plural]
        meta, revision = dict(written.get("metadata") or {}), self._next()
        namespace = "" if plural in CLUSTER_WIDE else str(meta.get("namespace", ""))
        before = self.get(plural, namespace, meta["name"])
        if before is None:
            meta["_made"] = revision
            meta |= {"uid": self._uid(plural, namespace, meta["name"], revision), "creationTimestamp": self.time()}
        meta["resourceVersion"] = str(revision)
        found = {"apiVersion": version, "kind": kind, **written, "metadata": meta}
        return self.world.store.put(SHELF, self._key(plural, namespace, meta["name"]), found)

    def remove(self, plural: str, namespace: str, name: str) -> None:
        """Remove an object, if it is there; for a while, watches are told so."""
        known = self.get(plural, namespace, name)
        if known is None:
            return
        revision = self._next()
        self.world.store.delete(SHELF, self._key(plural, namespace, name))
        told = (self.world.store.get(GONE, self.uid) or {"deletions": []})["deletions"]
        last = {**known, "metadata": {**known["metadata"], "resourceVersion": str(revision)}}
        told = [*told, {"plural": plural, "object": last}][-MOST_GONE:]
        self.world.store.put(GONE, self.uid, {"deletions": told})

    def gone(self, plural: str, namespace: str = "") -> list[Object]:
        """The objects of a kind that were removed lately, with the revision of their removal."""
        told = (self.world.store.get(GONE, self.uid) or {"deletions": []})["deletions"]
        found = [one["object"] for one in told if one["plural"] == plural]
        return [one for one in found if namespace in ("", one["metadata"].get("namespace", ""))]

    def update(self, plural: str, found: Object) -> bool:
        """Write an object if it differs from what is kept; returns whether it does."""
        meta = found["metadata"]
        known = self.get(plural, meta.get("namespace", ""), meta["name"])
        if known is not None and known == found:
            return False
        self.write(plural, found)
        return True

    def owned(self, plural: str, owner: Object) -> list[Object]:
        """The objects of a kind that an object owns."""
        uid = owner["metadata"]["uid"]
        found = self.listed(plural, owner["metadata"].get("namespace", ""))
        return [one for one in found if any(ref["uid"] == uid for ref in one["metadata"].get("ownerReferences", []))]

    def time(self, seconds: float | None = None) -> str:
        """A time as Kubernetes writes it, in whole seconds."""
        return self.world.text(self.now if seconds is None else seconds)[:19] + "Z"

    def suffix(self, *what: str, length: int = 5) -> str:
        """Random letters as in the names of pods: the same in every run."""
        number = uuid.UUID(self.world.fresh_guid("kubernetes", self.uid, *what)).int
        return "".join(LETTERS[number // len(LETTERS) ** place % len(LETTERS)] for place in range(length))

    def tell(self, about: Object, kind: str, reason: str, message: str, source: str) -> None:
        """Write an event about an object, or count one more of the same."""
        meta = about["metadata"]
        namespace = meta.get("namespace", "default")
        for event in self.listed("events", namespace):
            same = event["involvedObject"].get("uid") == meta.get("uid") and event["reason"] == reason
            if same and event["message"] == message:
                self.write("events", {**event, "count": event["count"] + 1, "lastTimestamp": self.time()})
                return
        involved: Object = {name: about[name] for name in ("apiVersion", "kind") if name in about}
        involved |= {name: meta[name] for name in ("namespace", "name", "uid") if name in meta}
        self.write(
            "events",
            {
                "metadata": {"name": f"{meta['name']}.{self.suffix(reason, length=12)}", "namespace": namespace},
                "involvedObject": involved,
                "reason": reason,
                "message": message,
                "type": kind,
                "source": {"component": source},
                "reportingComponent": source,
                "firstTimestamp": self.time(),
                "lastTimestamp": self.time(),
                "count": 1,
            },
        )

    def _next(self) -> int:
        revision = int(self.record["revision"]) + 1
        self.remember(revision=revision, due=min(self.record["due"] or self.now, self.now))
        return revision

    def _uid(self, *what: Any) -> str:
        return self.world.guid("kubernetes", self.uid, *map(str, what))

    def _key(self, plural: str, namespace: str, name: str) -> str:
        return f"{self.uid}/{plural}/{'' if plural in CLUSTER_WIDE else namespace}/{name}"


def shown(found: Object) -> Object:
    """An object as callers see it, without what only the simulation knows."""
    meta = {name: value for name, value in found["metadata"].items() if not name.startswith("_")}
    return {**{name: value for name, value in found.items() if not name.startswith("_")}, "metadata": meta}


def open_cluster(world: World, cluster: Document) -> None:
    """Give a new cluster its namespaces; one that has them is left alone."""
    server = Server(world, cluster, world.seconds())
    if world.store.get(CLUSTERS, server.uid) is not None:
        return
    for name in NAMESPACES:
        labels = {"kubernetes.io/metadata.name": name}
        made = {"metadata": {"name": name, "labels": labels}, "spec": {"finalizers": ["kubernetes"]}}
        server.write("namespaces", {**made, "status": {"phase": "Active"}})
        server.write("serviceaccounts", {"metadata": {"name": "default", "namespace": name}})


def close_cluster(world: World, uid: str) -> None:
    """Remove everything in the cluster with this unique ID."""
    for key, _ in world.store.items(SHELF):
        if key.startswith(f"{uid}/"):
            world.store.delete(SHELF, key)
    for shelf in (CLUSTERS, GONE):
        world.store.delete(shelf, uid)


def servers(world: World) -> Iterator[tuple[str, Document]]:
    """What is kept of every server, with its key."""
    return world.store.items(CLUSTERS)
