"""What resource providers share: finding, naming, refusing, deleting."""

from collections.abc import Callable
from typing import Any

from local.azure import operations
from local.azure.answers import Answer, Refused
from local.azure.identifiers import ResourceId
from local.azure.store import Document
from local.azure.world import World

Body = dict[str, Any]
Put = Callable[[World, ResourceId, Body, str], Answer]
InUse = Callable[[World, Document], Refused | None]

# What else happens when a resource of a type goes.
FAREWELLS: dict[str, list[Callable[[World, Document], None]]] = {}

MORE = "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
GATEWAY = {"x-ms-failure-cause": "gateway"}


def group_of(world: World, group_id: str) -> Document:
    """The group of an id; raises the refusal that Azure words for groups that are not there or on their way out."""
    group = world.resource(group_id)
    name = group_id.rsplit("/", 1)[-1]
    if group is None:
        raise Refused(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.", headers=GATEWAY)
    return group


def live_group_of(world: World, group_id: str) -> Document:
    """The group of an id, into which something is to be put."""
    group = group_of(world, group_id)
    if group["properties"]["provisioningState"] == "Deleting":
        text = f"The resource group '{group['name']}' is in deprovisioning state and cannot perform this operation."
        raise Refused(409, "ResourceGroupBeingDeleted", text, headers=GATEWAY)
    return group


def absent(rid: ResourceId) -> Refused:
    """The refusal for a resource that is not there, as the gateway words it."""
    text = f"The Resource '{rid.type}/{'/'.join(rid.names)}' under resource group '{rid.group}' was not found. {MORE}"
    return Refused(404, "ResourceNotFound", text, headers=GATEWAY)


def found(world: World, rid: ResourceId) -> Document:
    """The resource of an id; raises the refusal for groups, parents and resources that are not there."""
    group_of(world, rid.group_id)
    document = world.resource(rid.text)
    if document is not None:
        return document
    if rid.parent is not None and world.resource(rid.parent.text) is not None:
        raise Refused(404, "NotFound", f"Resource {rid.text} not found.", details=[])
    raise absent(rid)


def referenced(world: World, identifier: str, by: str) -> Document:
    """A resource that another one points to; raises the refusals for one that is not there or not ready."""
    document = world.resource(identifier)
    if document is None:
        raise Refused(404, "NotFound", f"Resource {identifier} not found.", details=[])
    state = document["properties"].get("provisioningState", "Succeeded")
    if state not in ("Succeeded", "Failed"):
        text = (
            f"Cannot proceed with operation because resource {identifier} used by resource {by} is not in Succeeded "
            f"state. Resource is in {state} state."
        )
        details = [{"code": "ReferencedResourceNotProvisioned", "message": text}]
        raise Refused(429, "RetryableError", "A retryable error occurred.", details=details)
    return document


def check_put(world: World, rid: ResourceId, body: Body) -> None:
    """Raise the refusal for a resource that cannot be put: its group or itself on its way out, or no place named."""
    live_group_of(world, rid.group_id)
    if not body.get("location"):
        raise Refused(400, "LocationRequired", "The location property is required for this definition.", headers=GATEWAY)
    if operations.under_way(world, rid.text, "deleted"):
        text = f"Operation on {rid.text} cannot be performed because the resource is being deleted."
        raise Refused(409, "AnotherOperationInProgress", text, details=[])


def tracked(rid: ResourceId, body: Body, properties: Body) -> Document:
    """A resource that has a place and tags of its own."""
    document: Document = {"name": rid.name, "id": rid.text, "type": rid.type, "location": body.get("location", "")}
    if body.get("tags"):
        document["tags"] = body["tags"]
    document["properties"] = properties
    return document


def delete_later(world: World, document: Document, base: str, pause: int | None, in_use: InUse | None = None) -> Answer:
    """Begin to delete a resource: 202, and gone when the operation ends."""
    refusal = in_use(world, document) if in_use else None
    if refusal:
        raise refusal
    running = operations.under_way(world, document["id"], "deleted")
    if running is not None:
        return Answer(202, None, operations.addresses(running, base, document.get("location", "global")))
    seconds = world.draw(f"DELETE {document['type']}", document["id"])
    provider = document["type"].partition("/")[0]
    world.keep({**document, "properties": {**document["properties"], "provisioningState": "Deleting"}})
    fault = world.faults.striking("fail", "DELETE", document["id"], document["type"])
    failure = fault.refusal if fault else None
    operation = operations.begin(world, "deleted", document["id"], seconds, provider=provider, failure=failure)
    headers = operations.addresses(operation, base, document.get("location", "global"))
    if pause:
        headers["Retry-After"] = str(pause)
    return Answer(202, None, headers)


@operations.finisher("deleted")
def _deleted(world: World, operation: Document) -> None:
    document = world.resource(operation["resource"])
    if document is None:
        return
    if operation["status"] == "Failed":
        world.keep({**document, "properties": {**document["properties"], "provisioningState": "Failed"}})
        return
    for farewell in FAREWELLS.get(document["type"], []):
        farewell(world, document)
    world.forget(operation["resource"])
