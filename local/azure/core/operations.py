"""Long-running operations: accepted now, finished later, with a URL to poll; shapes as recorded for each provider."""

import logging
from collections.abc import Callable
from typing import Any

from local.azure.core.requests import Request
from local.azure.core.resource_ids import type_of
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import World

log = logging.getLogger(__name__)

SHELF = "operations"

PAUSED_ONCE = ("power changed", "deleted")

Finish = Callable[[World, Document], None]
FINISHERS: dict[str, Finish] = {}


def finisher(name: str) -> Callable[[Finish], Finish]:
    """Register what happens when operations of this name end."""

    def register(finish: Finish) -> Finish:
        FINISHERS[name] = finish
        return finish

    return register


def begin(
    world: World,
    effect: str,
    resource: str,
    duration: str | float,
    *,
    request: tuple[str, str],
    failure: Refused | None = None,
    **more: Any,
) -> Document:
    """Accept a long-running operation, which takes effect or fails later.

    `duration` is in seconds, or names the recorded durations to draw from; `request` is the method and the path of its
    request, for faults to match. More fields are stored with it, such as `provider`, and `pause` (the delay between polls,
    in seconds).
    """
    kind = type_of(resource)
    late = world.faults.striking("late", *request, kind)
    fault = late or world.faults.striking("fail", *request, kind)
    refusal = failure or (fault.refusal if fault else None)
    seconds = world.draw(duration, resource) if isinstance(duration, str) else duration
    operation = _accepted(world, effect, resource, seconds, error=refusal.error if refusal else None, **more)
    if late:
        # It reported a timeout, and succeeds after all when it is no longer polled.
        _accepted(
            world, effect, resource, operation["ends"] - world.seconds() + late.seconds, hidden=True, error=None, **more
        )
    return operation


def _accepted(world: World, effect: str, resource: str, seconds: float, **more: Any) -> Document:
    identifier = world.fresh_guid("operation", effect, resource)
    now = world.seconds()
    # Changes of the same resource are carried out one after the other.
    others = [other["ends"] for other in _running(world) if other["resource"] == resource and not other.get("hidden")]
    starts = now if effect == "command run" or more.get("hidden") else max([now, *others])
    world.running.add(identifier)
    document = {
        "id": identifier,
        "effect": effect,
        "resource": resource,
        "provider": "",
        "begun": now,
        "ends": starts + seconds,
        "status": "InProgress",
        "output": None,
        **more,
    }
    return world.store.put(SHELF, identifier, document)


def under_way(world: World, resource: str, *effects: str) -> Document | None:
    """The running operation of a resource with one of these effects, if any."""
    for operation in _running(world):
        if operation["resource"] == resource and operation["effect"] in effects and not operation.get("hidden"):
            return operation
    return None


def settle(world: World) -> None:
    """Carry out everything that is due, in the order in which it is due."""
    now = world.seconds()
    due = [operation for operation in _running(world) if operation["ends"] <= now]
    for operation in sorted(due, key=lambda item: float(item["ends"])):
        done = {**operation, "status": "Failed" if operation["error"] else "Succeeded"}
        try:
            FINISHERS[operation["effect"]](world, done)
        except Exception as error:  # one failing operation must not stop the simulation
            log.exception("An operation could not be completed: %s", operation["effect"])
            done |= {"status": "Failed", "error": {"code": "InternalExecutionError", "message": str(error)}}
        world.store.put(SHELF, operation["id"], done)
        world.running.discard(operation["id"])


def _running(world: World) -> list[Document]:
    found = (world.store.get(SHELF, identifier) for identifier in list(world.running))
    return [operation for operation in found if operation is not None]


def addresses(operation: Document, request: Request, location: str) -> dict[str, str]:
    """The headers with the URLs to poll, in both styles. They carry the caller's API version."""
    version = f"api-version={request.version}"
    subscription = operation["resource"].split("/")[2]
    root = f"{request.base}/subscriptions/{subscription}/providers/{operation['provider']}/locations/{location}"
    if operation["provider"] == "Microsoft.Compute":
        style = "DiskOperations" if "/disks/" in operation["resource"].lower() else "operations"
        asynchronous = f"{root}/{style}/{operation['id']}?p={subscription}&{version}"
        return {"Azure-AsyncOperation": asynchronous, "Location": f"{asynchronous}&monitor=true"}
    return {
        "Azure-AsyncOperation": f"{root}/operations/{operation['id']}?{version}",
        "Location": f"{root}/operationResults/{operation['id']}?{version}",
    }


def status(world: World, identifier: str, request: Request, *, monitor: bool) -> Answer:
    """The status of an operation, polled at one of its two URLs."""
    operation = world.store.get(SHELF, identifier)
    if operation is None:
        raise Refused(404, "NotFound", f"The operation {identifier} was not found.")
    running = operation["status"] == "InProgress"
    pause = {"Retry-After": str(operation["pause"])} if running and operation.get("pause") else {}
    if pause and operation["provider"] == "Microsoft.Compute" and operation["effect"] in PAUSED_ONCE:
        # Recorded: the first poll says how long it will still take, and later ones leave it to the caller.
        pause = {} if operation.get("polled") else pause
        operation = world.store.put(SHELF, identifier, {**operation, "polled": True})
    if monitor:
        return _at_location(world, operation, request, pause)
    body: dict[str, Any] = {"status": operation["status"]}
    if operation["provider"] == "Microsoft.Compute":
        body = {"startTime": world.text(operation["begun"]), "status": operation["status"], "name": operation["id"]}
        if not running:
            body["endTime"] = world.text(operation["ends"])
    if operation["output"] is not None and not running:
        body["properties"] = {"output": operation["output"]}
    if operation["status"] == "Failed":
        body["error"] = operation["error"]
    return Answer(200, body, pause)


def _at_location(world: World, operation: Document, request: Request, headers: dict[str, str]) -> Answer:
    repeated = {"Location": request.url}
    if operation["provider"] == "Microsoft.KeyVault" and operation["status"] != "Failed":
        return _of_vault(world, operation, {**repeated, **headers})
    if operation["provider"] == "Microsoft.Network":
        repeated["Azure-AsyncOperation"] = request.url.replace("/operationResults/", "/operations/")
    if operation["status"] == "InProgress":
        return Answer(202, None, {**repeated, **headers})
    if operation["status"] == "Failed":
        return Answer(409, {"error": operation["error"]})
    if operation["provider"] == "Microsoft.Network" and operation["effect"] == "deleted":
        return Answer(204, None, repeated)
    return Answer(200, operation["output"])


def _of_vault(world: World, operation: Document, headers: dict[str, str]) -> Answer:
    """The status of a purge, which only Key Vault shows at the location, with times of its own form."""
    begun = {"createdDateTime": _spaced(world, operation["begun"])}
    if operation["status"] == "InProgress":
        return Answer(202, {**begun, "status": "NotStarted"}, headers)
    return Answer(200, {**begun, "lastActionDateTime": _spaced(world, operation["ends"]), "status": operation["status"]})


def _spaced(world: World, seconds: float) -> str:
    return world.text(seconds)[:19].replace("T", " ") + "Z"
