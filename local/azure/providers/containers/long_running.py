"""Long-running operations of AKS: their states are free text, no response says when to ask again, one runs at a time.

Recorded in 2026: the words of `WORDS`, in this order; only Succeeded, Failed and Canceled end an operation. The URLs carry
an API version of their own and signed parameters, without which the provider answers nothing here (assumed).
"""

import hashlib
from typing import Any

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.providers.containers.errors import another_operation

PROVIDER = "Microsoft.ContainerService"
VERSION = "2025-03-01"  # of the URLs to poll, whatever the version of the request
CREATE, UPDATE = "aks cluster created", "aks cluster updated"
POOL_PUT, POOL_DELETED, DELETED = "aks pool put", "aks pool deleted", "aks cluster deleted"
STOP, START = "aks cluster stopped", "aks cluster started"
COMMAND = "aks command run"
STATES = {
    CREATE: "Creating",
    UPDATE: "Updating",
    POOL_DELETED: "Deleting",
    DELETED: "Deleting",
    STOP: "Stopping",
    START: "Starting",
}
WORDS: dict[str, tuple[str, ...]] = {
    "Creating cluster": (
        *("ProvisioningNetworkResources", "ProvisioningControlPlane", "CreatingAgentPools: 0/{count} nodes completed"),
        *("CreatingAgentPools: {count}/{count} nodes completed", "ReconcilingAddons", "ReconcilingDNS"),
    ),
    "Updating cluster": ("ReconcilingAddons", "ReconcilingDNS"),
    "Creating": ("CreatingAgentPool", "CreatingAgentPool: 0/{count} nodes completed"),
    "Scaling": ("ScalingAgentPool: 0/{count} nodes completed",),
    "Upgrading": (
        *("UpgradingAgentPool", "RollingUpgradeCreatingSurgeNodes"),
        "RollingUpgradeUpgradingNodes: 0/{count} nodes completed; 0 errors",
    ),
}
# Recorded with every stop, also at its end: an error beside a state that is none.
NOT_LATEST = {
    "code": "NotLatestOperation",
    "message": "Cannot proceed with the operation. Either the operation has been preempted by another one, or the information "
    "needed by the operation failed to be saved (or hasn't been saved yet).",
}
PREEMPTED = {
    "code": "AKSOperationPreemptedByDelete",
    "message": "The operation was preempted by the deletion of the cluster.",
}


def begin(
    world: World, effect: str, document: Document, verb: str, duration: str | float, words: tuple[str, ...] = (), **more: Any
) -> Document:
    """Accept an operation on a cluster or a pool, which shows these words in turn while it runs."""
    request = (verb, document["id"])
    return operations.begin(world, effect, document["id"], duration, request=request, provider=PROVIDER, words=words, **more)


def words(kind: str, count: int = 1) -> tuple[str, ...]:
    """The words of an operation that concerns so many nodes."""
    return tuple(word.format(count=count) for word in WORDS.get(kind, ()))


def headers(operation: Document, request: Request, location: str, *, both: bool) -> dict[str, str]:
    """The URLs to poll: one for the state, and for deletions and power (`both`) one more for the result."""
    root = f"{request.base}/subscriptions/{SUBSCRIPTION}/providers/{PROVIDER}/locations/{location}"
    query = f"api-version={VERSION}&{_signature(operation)}"
    found = {"Azure-AsyncOperation": f"{root}/operations/{operation['id']}?{query}"}
    return {**found, "Location": f"{root}/operationresults/{operation['id']}?{query}"} if both else found


def poll(world: World, identifier: str, request: Request, *, result: bool) -> Answer:
    """The state of an operation, or whether its result is there: 202, and 204 at the end."""
    operation = world.store.get(operations.SHELF, identifier)
    if operation is None:
        raise Refused(404, "NotFound", f"The operation {identifier} was not found.")
    if f"h={_hash(operation)}" not in request.url or request.version != VERSION:
        raise Refused(403, "InvalidOperationUrl", "The URL of the operation was changed.")
    running = operation["status"] == "InProgress"
    if result:
        return Answer(202 if running else 204, None, {"Location": request.url})
    body: dict[str, Any] = {
        "name": operation["id"],
        "status": _word(world, operation),
        "startTime": world.zulu(operation["begun"]),
    }
    if not running:
        body["endTime"] = world.zulu(operation["ends"])
    if operation["effect"] == STOP:
        body["error"] = NOT_LATEST
    if operation["status"] == "Failed":
        body["error"] = operation["error"]
    return Answer(200, body)


def under_way(world: World, cluster: str) -> Document | None:
    """The operation that runs on a cluster or on one of its pools, if any."""
    below = cluster.lower() + "/"
    for identifier in list(world.running):
        operation = world.store.get(operations.SHELF, identifier)
        if operation is None or operation.get("hidden") or operation["effect"] == COMMAND:
            continue
        resource = operation["resource"].lower()
        if resource == cluster.lower() or resource.startswith(below):
            return operation
    return None


def check_idle(world: World, cluster: str) -> None:
    """Raise the refusal while another operation runs on a cluster or on one of its pools."""
    running = under_way(world, cluster)
    if running is not None:
        state = STATES.get(running["effect"], str(running.get("state", "Updating")))
        raise another_operation(state, world.zulu(running["begun"]), running["id"])


def preempt(world: World, cluster: str) -> None:
    """End what runs on a cluster that is deleted."""
    while (running := under_way(world, cluster)) is not None:
        world.store.put(operations.SHELF, running["id"], {**running, "status": "Failed", "error": PREEMPTED})
        world.running.discard(running["id"])


def _word(world: World, operation: Document) -> str:
    if operation["status"] != "InProgress" or not operation["words"]:
        return str(operation["status"])
    share = (world.seconds() - operation["begun"]) / max(operation["ends"] - operation["begun"], 1.0)
    place = min(int(share * len(operation["words"])), len(operation["words"]) - 1)
    return str(operation["words"][place])


def _signature(operation: Document) -> str:
    return f"t={int(operation['begun'] * 1e7)}&c=simulated&s={_hash(operation)[::-1]}&h={_hash(operation)}"


def _hash(operation: Document) -> str:
    return hashlib.sha256(operation["id"].encode()).hexdigest()[:16]
