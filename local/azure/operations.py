"""Long operations: accepted now, finished later, with an address to ask at; shapes as recorded for each provider."""

import logging
from collections.abc import Callable
from typing import Any

from local.azure.answers import Answer, Refused
from local.azure.store import Document
from local.azure.world import SUBSCRIPTION, World

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
    world: World, effect: str, resource: str, seconds: float, *, provider: str, failure: Refused | None = None, **more: Any
) -> Document:
    """Accept a long operation that ends in some seconds and then has its effect, or its failure."""
    identifier = world.fresh_guid("operation", effect, resource)
    now = world.seconds()
    # What changes the same resource happens one after the other.
    others = [other["ends"] for other in _running(world) if other["resource"] == resource]
    starts = now if effect == "command run" else max([now, *others])
    world.running.add(identifier)
    return world.store.put(
        SHELF,
        identifier,
        {
            "id": identifier,
            "effect": effect,
            "resource": resource,
            "provider": provider,
            "begun": now,
            "ends": starts + seconds,
            "status": "InProgress",
            "error": failure.error if failure else None,
            "output": None,
            **more,
        },
    )


def under_way(world: World, resource: str, *effects: str) -> Document | None:
    """The operation of one of these effects that a resource has under way, if it has one."""
    for operation in _running(world):
        if operation["resource"] == resource and operation["effect"] in effects:
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


def addresses(operation: Document, base: str, location: str) -> dict[str, str]:
    """The headers that say where to ask: both styles."""
    version = "api-version=2024-07-01"
    root = f"{base}/subscriptions/{SUBSCRIPTION}/providers/{operation['provider']}/locations/{location}"
    if operation["provider"] == "Microsoft.Compute":
        asynchronous = f"{root}/operations/{operation['id']}?{version}"
        return {"Azure-AsyncOperation": asynchronous, "Location": f"{asynchronous}&monitor=true"}
    return {
        "Azure-AsyncOperation": f"{root}/operations/{operation['id']}?{version}",
        "Location": f"{root}/operationResults/{operation['id']}?{version}",
    }


def status(world: World, identifier: str, *, monitor: bool, url: str) -> Answer:
    """How an operation stands, asked at one of its two addresses."""
    operation = world.store.get(SHELF, identifier)
    if operation is None:
        raise Refused(404, "NotFound", f"The operation {identifier} was not found.")
    running = operation["status"] == "InProgress"
    pause = {"Retry-After": str(operation["pause"])} if running and operation.get("pause") else {}
    if monitor:
        return _at_location(world, operation, {**pause, "Location": url})
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


def _at_location(world: World, operation: Document, headers: dict[str, str]) -> Answer:
    if operation["status"] == "InProgress":
        return Answer(202, None, headers)
    if operation["status"] == "Failed":
        return Answer(409, {"error": operation["error"]})
    if operation["effect"] == "storage account created":
        account = world.resource(operation["resource"])
        return Answer(200, account and {k: v for k, v in account.items() if not k.startswith("_")})
    return Answer(200, operation["output"])
