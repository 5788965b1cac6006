"""Microsoft.Authorization: lists of role definitions and locks. Role assignments are in `roles.py`."""

import json
import re
from pathlib import Path

from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World, visible
from local.azure.providers.common import group_of
from local.azure.providers.kinds import ROLE_DEFINITION

DEFINITIONS: list[Document] = json.loads((Path(__file__).parent / "role_definitions.json").read_text())["roles"]
CUSTOM = re.compile(r"type eq 'CustomRole'", re.IGNORECASE)
BY_NAME = re.compile(r"roleName eq '(?P<name>[^']*)'", re.IGNORECASE)


def list_role_definitions(world: World, rid: ResourceId, request: Request) -> Answer:
    """The custom roles and the few built-in ones that are known here, or those with a name or of a kind; else a refusal.

    https://learn.microsoft.com/azure/role-based-access-control/custom-roles-rest
    """
    _check_scope(world, rid)
    request.check_query("$filter")
    asked = request.query.get("$filter", "")
    if CUSTOM.fullmatch(asked):
        return Answer(200, {"value": [visible(role) for role in world.resources(ROLE_DEFINITION) if _is_of(role, rid)]})
    wanted = BY_NAME.fullmatch(asked)
    if asked and wanted is None:
        raise not_simulated(f"the filter {asked!r} on role definitions")
    known = [*map(_definition, DEFINITIONS), *map(visible, world.resources(ROLE_DEFINITION))]
    found = [one for one in known if wanted is None or one["properties"]["roleName"].lower() == wanted["name"].lower()]
    if not found:
        raise not_simulated(f"the role {asked}, which Azure may have")
    return Answer(200, {"value": found})


def _is_of(role: Document, rid: ResourceId) -> bool:
    """Whether a custom role can be assigned in the subscription of a list."""
    root = f"/subscriptions/{rid.subscription}".lower()
    return any(f"{scope}/".lower().startswith(f"{root}/") for scope in role["properties"]["assignableScopes"])


def list_locks(world: World, rid: ResourceId, request: Request) -> Answer:
    """The locks at a scope: none, because locks cannot be created here."""
    _check_scope(world, rid)
    request.check_query("$filter")
    return Answer(200, {"value": []})


def _check_scope(world: World, rid: ResourceId) -> None:
    if rid.group:
        group_of(world, rid.group_id)


def _definition(role: Document) -> Document:
    properties = {
        "roleName": role["roleName"],
        "type": "BuiltInRole",
        "description": role["description"],
        "assignableScopes": ["/"],
        "permissions": role["permissions"],
        "createdOn": role["createdOn"],
        "updatedOn": role["updatedOn"],
        "createdBy": None,
        "updatedBy": None,
    }
    identifier = f"/subscriptions/{SUBSCRIPTION}/providers/{ROLE_DEFINITION}/{role['name']}"
    return {"properties": properties, "id": identifier, "type": ROLE_DEFINITION, "name": role["name"]}
