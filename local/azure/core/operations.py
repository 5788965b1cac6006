"""Long operations: accepted now, finished later, with an address to ask at; shapes as recorded for each provider."""

import logging
from collections.abc import Callable
from typing import Any

from local.azure.core.requests import Request
from local.azure.core.resource_ids import type_of
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World

log = logging.getLogger(__name__)

SHELF = "operations"

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
    """Accept a long operation, which later has its effect, or its failure.

    `duration` is in seconds, or names the recorded durations to draw from; `request` is the method and the path that asked for it, for faults to
    strike. More fields are kept with it: `provider`, and `pause` (what to wait between polls, in seconds) among them.
    """
    kind = type_of(resource)
    late = world.faults.striking("late", *request, kind)
    fault = late or world.faults.striking("fail", *request, kind)
    refusal = failure or (fault.refusal if fault else None)
    seconds = world.draw(duration, resource) if isinstance(duration, str) else duration
    operation = _accepted(world, effect, resource, seconds, error=refusal.error if refusal else None, **more)
    if late:
        # It has reported a timeout, and succeeds all the same, when nobody looks any more.
        _accepted(
            world, effect, resource, operation["ends"] - world.seconds() + late.seconds, hidden=True, error=None, **more
        )
    return operation


def _accepted(world: World, effect: str, resource: str, seconds: float, **more: Any) -> Document:
    identifier = world.fresh_guid("operation", effect, resource)
    now = world.seconds()
    # What changes the same resource happens one after the other.
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
    """The operation of one of these effects that a resource has under way, if it has one."""
    for operation in _running(world):
        if operation["resource"] == resource and operation["effect"] in effects and not operation.get("hidden"):
            return operation
    return None


def settle(world: World) -> None:
    """Let everything that is due happen, in the order in which it is due."""
    now = world.seconds()
    due = [operation for operation in _running(world) if operation["ends"] <= now]
    for operation in sorted(due, key=lambda item: float(item["ends"])):
        done = {**operation, "status": "Failed" if operation["error"] else "Succeeded"}
        try:
            FINISHERS[operation["effect"]](world, done)
        except Exception as error:  # one operation that stumbles must not stop the world
            log.exception("An operation could not be ended: %s", operation["effect"])
            done |= {"status": "Failed", "error": {"code": "InternalExecutionError", "message": str(error)}}
        world.store.put(SHELF, operation["id"], done)
        world.running.discard(operation["id"])


def _running(world: World) -> list[Document]:
    found = (world.store.get(SHELF, identifier) for identifier in list(world.running))
    return [operation for operation in found if operation is not None]


def addresses(operation: Document, request: Request, location: str) -> dict[str, str]:
    """The headers that say where to ask: both styles. They carry the caller's API version."""
    version = f"api-version={request.version}"
    root = f"{request.base}/subscriptions/{SUBSCRIPTION}/providers/{operation['provider']}/locations/{location}"
    if operation["provider"] == "Microsoft.Compute":
        style = "DiskOperations" if "/disks/" in operation["resource"].lower() else "operations"
        asynchronous = f"{root}/{style}/{operation['id']}?p={SUBSCRIPTION}&{version}"
        return {"Azure-AsyncOperation": asynchronous, "Location": f"{asynchronous}&monitor=true"}
    return {
        "Azure-AsyncOperation": f"{root}/operations/{operation['id']}?{version}",
        "Location": f"{root}/operationResults/{operation['id']}?{version}",
    }


def status(world: World, identifier: str, request: Request, *, monitor: bool) -> Answer:
    """How an operation stands, asked at one of its two addresses."""
    operation = world.store.get(SHELF, identifier)
    if operation is None:
        raise Refused(404, "NotFound", f"The operation {identifier} was not found.")
    running = operation["status"] == "InProgress"
    pause = {"Retry-After": str(operation["pause"])} if running and operation.get("pause") else {}
    if monitor:
        return _at_location(operation, request, pause)
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


def _at_location(operation: Document, request: Request, headers: dict[str, str]) -> Answer:
    repeated = {"Location": request.url}
    if operation["provider"] == "Microsoft.Network":
        repeated["Azure-AsyncOperation"] = request.url.replace("/operationResults/", "/operations/")
    if operation["status"] == "InProgress":
        return Answer(202, None, {**repeated, **headers})
    if operation["status"] == "Failed":
        return Answer(409, {"error": operation["error"]})
    if operation["provider"] == "Microsoft.Network" and operation["effect"] == "deleted":
        return Answer(204, None, repeated)
    return Answer(200, operation["output"])
