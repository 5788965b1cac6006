"""Microsoft.Authorization: definitions of custom roles. Built-in ones are in `authorization.py`."""

import uuid

from local.azure.core.request_schemas import check
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World, visible
from local.azure.providers.common import Body, group_of
from local.azure.providers.kinds import ROLE, ROLE_DEFINITION

PARTS = ("actions", "notActions", "dataActions", "notDataActions")


def put(world: World, rid: ResourceId, body: Body) -> Answer:
    """Create or change a role, at once; at any scope it gets the ID that it has in the subscription (recorded)."""
    _check_scope(world, rid)
    try:
        uuid.UUID(rid.name)
    except ValueError:
        text = f"The role definition ID '{rid.name}' is not valid. The role definition ID must be a GUID."
        raise Refused(400, "InvalidRoleDefinitionId", text) from None
    check(ROLE_DEFINITION, body)
    given, existing = body["properties"], world.resource(_id(rid))
    _check_name(world, rid, str(given["roleName"]))
    now, whom = world.zulu(), world.guid("control plane")
    made = existing["properties"] if existing else {}
    properties = {
        "roleName": given["roleName"],
        "type": "CustomRole",
        "description": given.get("description"),
        "assignableScopes": given["assignableScopes"],
        "permissions": [{part: one.get(part) or [] for part in PARTS} for one in given["permissions"]],
        "createdOn": made.get("createdOn", now),
        "updatedOn": now,
        "createdBy": made.get("createdBy", whom),
        "updatedBy": whom,
    }
    document = {"properties": properties, "id": _id(rid), "type": ROLE_DEFINITION, "name": rid.name}
    world.keep(document)
    # Recorded: also a change is answered with 201, and no response to a PUT names the creator.
    return Answer(201, visible({**document, "properties": {**properties, "createdBy": None}}))


def get(world: World, rid: ResourceId) -> Answer:
    """A custom role."""
    _check_scope(world, rid)
    document = world.resource(_id(rid))
    if document is None:
        text = f"The specified role definition with ID '{rid.name}' does not exist."
        raise Refused(404, "RoleDefinitionDoesNotExist", text)
    return Answer(200, visible(document))


def delete(world: World, rid: ResourceId) -> Answer:
    """Delete a role that is not assigned to any principal, at once.

    https://learn.microsoft.com/azure/role-based-access-control/custom-roles#custom-role-limits; the status of the refusal
    is not documented.
    """
    _check_scope(world, rid)
    document = world.resource(_id(rid))
    if document is None:
        return Answer(204)
    if any(_assigns(assignment, rid.name) for assignment in world.resources(ROLE)):
        text = "There are existing role assignments referencing role definition."
        raise Refused(400, "RoleDefinitionHasAssignments", text)
    world.forget(document["id"])
    return Answer(200, visible(document))


def _assigns(assignment: Document, name: str) -> bool:
    return str(assignment["properties"]["roleDefinitionId"]).lower().endswith(f"/{name.lower()}")


def _check_name(world: World, rid: ResourceId, name: str) -> None:
    for other in world.resources(ROLE_DEFINITION):
        if other["properties"]["roleName"].lower() == name.lower() and other["name"] != rid.name:
            text = f"A custom role with the name '{name}' already exists in this directory. Use a different name."
            raise Refused(409, "RoleDefinitionWithSameNameExists", text)


def _check_scope(world: World, rid: ResourceId) -> None:
    if rid.group:
        group_of(world, rid.group_id)


def _id(rid: ResourceId) -> str:
    return f"/subscriptions/{SUBSCRIPTION}/providers/{ROLE_DEFINITION}/{rid.name}"
