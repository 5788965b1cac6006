"""What resource providers share: lookup, names, refusals, deletion."""

from collections.abc import Callable
from typing import Any

from local.azure.core import operations, regions
from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import World, visible
from local.azure.providers.kinds import DNS_LINK, DNS_ZONE

Body = dict[str, Any]
Put = Callable[[World, ResourceId, Request], Answer]
View = Callable[[World, Document, str], Document]
InUse = Callable[[World, Document], Refused | None]

# What callers see of a resource of a type, beyond its stored form: world, resource, API version.
VIEWS: dict[str, View] = {}

# What else happens when a resource of a type is deleted.
FAREWELLS: dict[str, list[Callable[[World, Document], None]]] = {}

# What is kept of a resource of a type that is deleted, also when its group is.
SOFT_DELETES: dict[str, Callable[[World, Document], None]] = {}

# Types whose resources are in no region.
GLOBAL, IN_NO_REGION = "global", {DNS_ZONE, DNS_LINK}

MORE = "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
GATEWAY, SERVICE = {"x-ms-failure-cause": "gateway"}, {"x-ms-failure-cause": "service"}


def group_of(world: World, group_id: str) -> Document:
    """The group of an ID; raises Azure's refusals for groups that do not exist or are being deleted."""
    group = world.resource(group_id)
    name = group_id.rsplit("/", 1)[-1]
    if group is None:
        raise Refused(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.", headers=GATEWAY)
    return group


def live_group_of(world: World, group_id: str) -> Document:
    """The group of an ID, into which a resource is to be put."""
    group = group_of(world, group_id)
    if group["properties"]["provisioningState"] == "Deleting":
        text = f"The resource group '{group['name']}' is in deprovisioning state and cannot perform this operation."
        raise Refused(409, "ResourceGroupBeingDeleted", text, headers=GATEWAY)
    return group


def shown(world: World, document: Document, request: Request) -> Document:
    """A resource as callers of an API version see it."""
    view = VIEWS.get(document["type"])
    return visible(view(world, document, request.version) if view else document)


def location_of(world: World, path: str) -> str:
    """The region of the resource or the group in a path, or ""."""
    parts = path.split("/")
    document = world.resource(path) or world.resource("/".join(parts[:5]))
    return str(document.get("location", "")) if document else ""


def absent(rid: ResourceId) -> Refused:
    """The refusal for a missing resource, as the gateway words it."""
    pairs = "/".join(f"{kind}/{name}" for kind, name in zip(rid.types, rid.names, strict=False))
    text = f"The Resource '{rid.provider}/{pairs}' under resource group '{rid.group}' was not found. {MORE}"
    return Refused(404, "ResourceNotFound", text, headers=GATEWAY)


def found(world: World, rid: ResourceId) -> Document:
    """The resource of an ID; raises refusals for missing groups, parents and resources."""
    group_of(world, rid.group_id)
    document = world.resource(rid.text)
    if document is not None:
        return document
    if rid.parent is not None and world.resource(rid.parent.text) is not None:
        if rid.provider == "Microsoft.Compute":
            raise Refused(404, "NotFound", "The entity was not found in this Azure location.", target="extensionName")
        raise Refused(404, "NotFound", f"Resource {rid.text} not found.", details=[])
    raise absent(rid)


def referenced(world: World, identifier: str, by: str, named: str = "") -> Document:
    """A resource that another one refers to; raises refusals for one that is missing or not ready.

    `named` is the ID by which the caller knows it, if that is a child of it.
    """
    document = world.resource(identifier)
    if document is None:
        raise Refused(404, "NotFound", f"Resource {identifier} not found.", details=[])
    state = document["properties"].get("provisioningState", "Succeeded")
    if state not in ("Succeeded", "Failed"):
        text = (
            f"Cannot proceed with operation because resource {named or identifier} used by resource {by} is not in Succeeded "
            f"state. Resource is in {state} state and the last operation that updated/is updating the resource is PutSubnetOperation."
        )
        details = [{"code": "ReferencedResourceNotProvisioned", "message": text}]
        raise Refused(429, "RetryableError", "A retryable error occurred.", details=details, headers=SERVICE)
    return document


def authorship(world: World, existing: Document | None, now: str) -> Body:
    """The system data of a resource: who created it and who changed it; each provider writes the time in its own way."""
    made, whom = existing["systemData"] if existing else {}, world.guid("control plane")
    return {
        "createdBy": made.get("createdBy", whom),
        "createdByType": "Application",
        "createdAt": made.get("createdAt", now),
        "lastModifiedBy": whom,
        "lastModifiedByType": "Application",
        "lastModifiedAt": now,
    }


def check_put(world: World, rid: ResourceId, body: Body) -> None:
    """Raise a refusal for a resource that cannot be put: its group or itself is being deleted, or its location is missing."""
    live_group_of(world, rid.group_id)
    if not body.get("location"):
        raise Refused(400, "LocationRequired", "The location property is required for this definition.", headers=GATEWAY)
    check_location(rid.type, str(body["location"]))
    check(rid.type, body)
    if operations.under_way(world, rid.text, "deleted"):
        text = (
            "Another operation on this or dependent resource is in progress. To retrieve status of the operation use uri: "
        )
        raise Refused(409, "AnotherOperationInProgress", text + rid.text, details=[])


def tracked(rid: ResourceId, body: Body, properties: Body) -> Document:
    """A resource with a location and tags of its own."""
    document: Document = {
        "name": rid.name,
        "id": rid.text,
        "type": rid.type,
        "location": canonical(body.get("location", "")),
    }
    if body.get("tags") is not None:
        document["tags"] = body["tags"]
    document["properties"] = properties
    return document


def canonical(location: str) -> str:
    """A region in Azure's spelling: "West US" is "westus"."""
    return location.replace(" ", "").lower()


def check_location(kind: str, location: str) -> None:
    """Raise the refusal for a region that does not exist, or in which there are no resources of this type."""
    everywhere = kind in IN_NO_REGION
    if canonical(location) != GLOBAL if everywhere else not regions.exists(canonical(location)):
        listed = GLOBAL if everywhere else ",".join(regions.names())
        text = f"The provided location '{location}' is not available for resource type '{kind}'. List of available regions for the resource type is '{listed}'."
        raise Refused(400, "LocationNotAvailableForResourceType", text, headers=GATEWAY)


def delete_later(
    world: World,
    document: Document,
    request: Request,
    pauses: tuple[int, int] | None = None,
    in_use: InUse | None = None,
) -> Answer:
    """Begin to delete a resource: 202, and deleted when the operation ends. `pauses`: the first response's, and the polls'."""
    refusal = in_use(world, document) if in_use else None
    if refusal:
        raise refusal
    location = document.get("location", "global")
    running = operations.under_way(world, document["id"], "deleted")
    if running is not None:
        return Answer(202, None, operations.addresses(running, request, location))
    first, later = pauses or (0, 0)
    operation = operations.begin(
        world,
        "deleted",
        document["id"],
        f"DELETE {document['type']}",
        request=("DELETE", document["id"]),
        provider=document["type"].partition("/")[0],
        pause=later,
    )
    world.keep({**document, "properties": {**document["properties"], "provisioningState": "Deleting"}})
    headers = operations.addresses(operation, request, location)
    if first:
        headers["Retry-After"] = str(first)
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
