"""Datastores of a workspace. Nothing here is recorded; bodies follow the client of API version 2025-12-01 in azure-ai-ml."""

import re

from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.kinds import DATASTORE
from local.azure.providers.ml.workspaces import workspace_of

DATASTORE_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}")
FIXED_IN_DATASTORES = ("accountName", "containerName", "endpoint", "protocol", "serviceDataAccessAuthIdentity")


def put_datastore(world: World, rid: ResourceId, request: Request) -> Answer:
    """Register a datastore, or change one, at once; where its data is and who reads it are fixed."""
    body = request.json()
    workspace_of(world, rid)
    check(DATASTORE, body)
    given, existing = body["properties"], world.resource(rid.text)
    if not DATASTORE_NAME.fullmatch(rid.name):
        raise Refused(400, "UserError", f"The datastore name {rid.name} is invalid.")
    if given.get("datastoreType") != "AzureBlob" or (given.get("credentials") or {}).get("credentialsType") != "None":
        raise not_simulated("a datastore that is not a blob container without credentials")
    for name in FIXED_IN_DATASTORES if existing else ():
        if given.get(name) != (existing or {})["properties"].get(name):
            raise Refused(400, "UserError", f"The property {name} of a datastore cannot be changed.")
    properties = {"isDefault": False, "description": None, "tags": {}, "properties": {}, **given}
    world.keep({"id": rid.text, "name": rid.name, "type": DATASTORE, "properties": properties})
    return Answer(200 if existing else 201, _datastore(world, rid))


def get_datastore(world: World, rid: ResourceId) -> Answer:
    """A datastore."""
    workspace_of(world, rid)
    if world.resource(rid.text) is None:
        raise Refused(404, "UserError", f"No datastore with the name {rid.name} was found.")
    return Answer(200, _datastore(world, rid))


def delete_datastore(world: World, rid: ResourceId) -> Answer:
    """Remove a datastore, at once; the data stays."""
    workspace_of(world, rid)
    if world.resource(rid.text) is None:
        return Answer(204)
    world.forget(rid.text)
    return Answer(200)


def _datastore(world: World, rid: ResourceId) -> Document:
    document = world.resource(rid.text) or {}
    return {name: document[name] for name in ("id", "name", "type", "properties")}
