"""The deletion of objects with what they own.

https://kubernetes.io/docs/concepts/architecture/garbage-collection
"""

from local.azure.kubernetes.objects import Object, Server


def discard(server: Server, plural: str, found: Object, *, orphan: bool = False) -> None:
    """Remove an object and, unless they are orphaned, those that it owns."""
    for below in () if orphan else ("replicasets", "jobs", "pods"):
        for one in server.owned(below, found):
            discard(server, below, one)
    server.remove(plural, found["metadata"].get("namespace", ""), found["metadata"]["name"])
