"""Diagnostic settings: which logs and metrics of a resource go to a workspace.

https://learn.microsoft.com/rest/api/monitor/diagnostic-settings
"""

from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import Body, absent, group_of, live_group_of
from local.azure.providers.kinds import DIAGNOSTIC_SETTING

# Not among the resources: a setting is not deleted with its resource, and a new one of the same ID has it again.
# https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings
SHELF = "diagnostic settings"
DESTINATIONS = ("storageAccountId", "serviceBusRuleId", "workspaceId", "eventHubAuthorizationRuleId", "eventHubName")
NO_RETENTION = {"enabled": False, "days": 0}
MOST = 5


def put(world: World, rid: ResourceId, request: Request) -> Answer:
    """Create or change a setting, at once; the status is 200 for both."""
    body = request.json()
    live_group_of(world, rid.group_id)
    _check_scope(world, rid)
    check(DIAGNOSTIC_SETTING, body)
    given = body.get("properties") or {}
    workspace = given.get("workspaceId")
    if not any(given.get(name) for name in DESTINATIONS):
        raise Refused(400, "BadRequest", "At least one data sink needs to be specified.")
    if workspace and world.resource(workspace) is None:
        text = f"Resource '{workspace}' not found."
        raise Refused(404, "ResourceNotFound", text)
    others = [one for one in _of(world, rid) if one["name"].lower() != rid.name.lower()]
    if len(others) >= MOST:
        text = f"The limit of {MOST} diagnostic settings was reached. To create a new one, delete an existing one."
        raise Refused(409, "Conflict", text)
    document = _document(rid, given)
    return Answer(200, world.store.put(SHELF, rid.text.lower(), document))


def get(world: World, rid: ResourceId) -> Answer:
    """A setting of a resource that exists."""
    _check_scope(world, rid)
    document = world.store.get(SHELF, rid.text.lower())
    if document is None:
        raise Refused(404, "ResourceNotFound", f"The diagnostic setting '{rid.name}' doesn't exist.")
    return Answer(200, document)


def listed(world: World, rid: ResourceId, request: Request) -> Answer:
    """All settings of a resource."""
    request.check_query()
    _check_scope(world, rid)
    return Answer(200, {"value": _of(world, rid)})


def delete(world: World, rid: ResourceId) -> Answer:
    """Delete a setting, at once; also one whose resource is gone (assumed)."""
    key = rid.text.lower()
    known = world.store.get(SHELF, key) is not None
    world.store.delete(SHELF, key)
    return Answer(200 if known else 204)


def _document(rid: ResourceId, given: Body) -> Document:
    """The scope is shown in lower case (recorded)."""
    properties = {name: given.get(name) for name in DESTINATIONS}
    properties |= {kind: [_category(one) for one in given.get(kind) or []] for kind in ("metrics", "logs")}
    properties["logAnalyticsDestinationType"] = given.get("logAnalyticsDestinationType")
    path = f"{rid.scope.lower()}/providers/microsoft.insights/diagnosticSettings/{rid.name}"
    nothing = dict.fromkeys(("location", "kind", "tags"))
    return {"id": path, "type": DIAGNOSTIC_SETTING, "name": rid.name, **nothing, "properties": properties, "identity": None}


def _category(given: Body) -> Body:
    named = {name: given.get(name) for name in ("category", "categoryGroup")}
    return {**named, "enabled": given.get("enabled", False), "retentionPolicy": given.get("retentionPolicy") or NO_RETENTION}


def _of(world: World, rid: ResourceId) -> list[Document]:
    below = f"{rid.scope.lower()}/providers/"
    return [one for key, one in world.store.items(SHELF) if key.startswith(below)]


def _check_scope(world: World, rid: ResourceId) -> None:
    """A blob service exists with its account."""
    group_of(world, rid.group_id)
    scope = rid.scope.removesuffix("/blobServices/default")
    above = parse(scope)
    if above is None or world.resource(scope) is None:
        raise absent(above or rid)
