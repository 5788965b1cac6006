"""Microsoft.ManagedIdentity: user-assigned identities."""

import re

from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import TENANT, World
from local.azure.providers.common import VIEWS, check_put, found, shown, tracked
from local.azure.providers.kinds import IDENTITY
from local.azure.providers.roles import new_principal

# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
NAME = re.compile(r"[a-zA-Z0-9][\w-]{2,127}")


def put_identity(world: World, rid: ResourceId, request: Request) -> Answer:
    """Create or change an identity, at once; the response to its creation names it in a path without a host."""
    body = request.json()
    check_put(world, rid, body)
    if not NAME.fullmatch(rid.name):
        text = (
            f"The resource name '{rid.name}' is invalid. It must start with a letter or number, and contain 3 to 128 letters, "
            "numbers, hyphens and underscores."
        )
        raise Refused(400, "InvalidResourceName", text)
    existing = world.resource(rid.text)
    known = existing["properties"] if existing else {}
    properties = {
        "tenantId": TENANT,
        "principalId": known.get("principalId") or new_principal(world, rid.text),
        "clientId": known.get("clientId") or world.fresh_guid("client", rid.text),
    }
    document = shown(world, world.keep({"tags": {}, **tracked(rid, body, properties)}), request)
    return Answer(200, document) if existing else Answer(201, document, {"Location": document["id"]})


def delete_identity(world: World, rid: ResourceId) -> Answer:
    """Delete an identity, at once; what was assigned to it stays behind."""
    found(world, rid)
    world.forget(rid.text)
    return Answer(200)


def _view(world: World, document: Document, version: str) -> Document:
    """The provider spells the group's part of the ID in lower case."""
    return {**document, "id": document["id"].replace("/resourceGroups/", "/resourcegroups/", 1)}


VIEWS[IDENTITY] = _view
