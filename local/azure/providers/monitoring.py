"""Microsoft.OperationalInsights and Microsoft.Insights: workspaces of Log Analytics, and Application Insights."""

import re

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, TENANT, World
from local.azure.providers.common import SOFT_DELETES, VIEWS, Body, check_put, found, shown, tracked
from local.azure.providers.kinds import COMPONENT, GROUP, LOG_WORKSPACE
from local.azure.providers.platform.alerts import begin_detection

DELETED = "deleted log workspaces"
# https://learn.microsoft.com/azure/azure-monitor/logs/delete-workspace
KEPT_FOR = 14 * 86400.0
NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{2,61})[a-zA-Z0-9]")
PAUSE = 20
RETENTION, LONGEST_RETENTION = 30, 730
STATUS_VERSION = "2015-11-01-preview"
SKUS = {"standalone": "PerGB2018", "pergb2018": "PerGB2018"}


def put_workspace(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to create or change a workspace; a deleted one with its ID is restored with the retention that it had."""
    body = request.json()
    check_put(world, rid, body)
    _check(rid, body)
    existing, held = world.resource(rid.text), _held(world, rid)
    known = existing or held
    document = tracked(rid, body, _properties(world, body.get("properties") or {}, known))
    state = "Updating" if existing else "Restoring" if held else "Creating"
    if held:
        document["properties"]["retentionInDays"] = held["properties"]["retentionInDays"]
        world.store.delete(DELETED, rid.text)
    document["properties"]["provisioningState"] = state
    document["etag"] = f'"{world.fresh_guid("etag", rid.text)}"'
    operation = operations.begin(
        world,
        "workspace put",
        rid.text,
        f"PUT {LOG_WORKSPACE}",
        request=("PUT", rid.text),
        provider="Microsoft.OperationalInsights",
        pause=PAUSE,
    )
    world.keep(document)
    place = f"{request.base}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.OperationalInsights/locations"
    status = f"{place}/{document['location']}/operationstatuses/{operation['id']}?api-version={STATUS_VERSION}"
    itself = f"{request.base}{rid.text}"
    results = f"{itself}/operationresults/{operation['id']}" if existing else itself
    headers = {
        "Azure-AsyncOperation": status,
        "Location": f"{results}?api-version={request.version}",
        "Retry-After": str(PAUSE),
    }
    return Answer(200 if existing else 201, shown(world, document, request), headers)


@operations.finisher("workspace put")
def _put(world: World, operation: Document) -> None:
    workspace = world.resource(operation["resource"])
    if workspace:
        world.keep({**workspace, "properties": {**workspace["properties"], "provisioningState": operation["status"]}})


def delete_workspace(world: World, rid: ResourceId, request: Request) -> Answer:
    """Delete a workspace, at once: for good if it is forced, else it can be restored for 14 days."""
    workspace = found(world, rid)
    if request.query.get("force", "false").lower() != "true":
        hold(world, workspace)
    world.forget(rid.text)
    return Answer(200)


def hold(world: World, workspace: Document) -> None:
    """Keep a workspace that is deleted, also with its group, for its restoration."""
    world.store.put(DELETED, workspace["id"], {**workspace, "_until": world.seconds() + KEPT_FOR})


def put_component(world: World, rid: ResourceId, request: Request) -> Answer:
    """Create or change a component, at once, with the workspace that it names."""
    body = request.json()
    check_put(world, rid, body)
    given, existing = body.get("properties") or {}, world.resource(rid.text)
    known = existing["properties"] if existing else {}
    guid = known.get("AppId") or world.fresh_guid("component", rid.text)
    workspace = given.get("WorkspaceResourceId") or known.get("WorkspaceResourceId") or _managed_workspace(world, rid, guid)
    if world.resource(workspace) is None:
        raise Refused(400, "BadRequest", f"Could not find the workspace {workspace}.")
    properties = {
        "ApplicationId": rid.name,
        "AppId": guid,
        "Application_Type": given.get("Application_Type", "web"),
        "Flow_Type": None,
        "Request_Source": None,
        "InstrumentationKey": known.get("InstrumentationKey") or world.fresh_guid("key", rid.text),
        "ConnectionString": f"InstrumentationKey={guid}",
        "Name": rid.name,
        "CreationDate": known.get("CreationDate") or world.text(),
        "TenantId": TENANT,
        "provisioningState": "Succeeded",
        "SamplingPercentage": None,
        "RetentionInDays": 90,
        "WorkspaceResourceId": workspace,
        "IngestionMode": "LogAnalytics",
        "publicNetworkAccessForIngestion": "Enabled",
        "publicNetworkAccessForQuery": "Enabled",
        **({"DisableLocalAuth": given["DisableLocalAuth"]} if "DisableLocalAuth" in given else {}),
        "Ver": "v2",
    }
    document = {"kind": body.get("kind", "web"), "tags": {}, **tracked(rid, body, properties)}
    document["etag"] = f'"{world.fresh_guid("etag", rid.text)}"'
    if existing is None:
        begin_detection(world, rid)
    return Answer(200, shown(world, world.keep(document), request))


def delete_component(world: World, rid: ResourceId) -> Answer:
    """Delete a component, at once."""
    found(world, rid)
    world.forget(rid.text)
    return Answer(200)


def _managed_workspace(world: World, rid: ResourceId, guid: str) -> str:
    """The workspace that Azure adds to a component without one, in a group of its own (recorded in 2026)."""
    place, state = world.resource(rid.group_id) or {}, {"provisioningState": "Succeeded"}
    name = f"ai_{rid.name}_{guid}_managed"
    group = f"/subscriptions/{rid.subscription}/resourceGroups/{name}"
    shared = {"location": place.get("location", ""), "managedBy": rid.text}
    world.keep({"id": group, "name": name, "type": GROUP, **shared, "properties": state})
    own = ResourceId(rid.subscription, name, "Microsoft.OperationalInsights", ("workspaces",), (f"managed-{rid.name}-ws",))
    world.keep(tracked(own, shared, {**_properties(world, {}, None), **state}))
    return own.text


def _check(rid: ResourceId, body: Body) -> None:
    given = body.get("properties") or {}
    if not NAME.fullmatch(rid.name):
        text = f"'name' does not match expected pattern '^[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9]$': {rid.name}."
        raise Refused(400, "InvalidParameter", text)
    sku = str((given.get("sku") or {}).get("name", "PerGB2018"))
    if sku.lower() not in SKUS:
        raise not_simulated(f"the SKU {sku} of a workspace")
    days = given.get("retentionInDays", RETENTION)
    if not RETENTION <= days <= LONGEST_RETENTION:
        text = f"'RetentionInDays' property doesn't match the SKU limits: {RETENTION} to {LONGEST_RETENTION} days."
        raise Refused(400, "InvalidParameter", text)


def _held(world: World, rid: ResourceId) -> Document | None:
    held = world.store.get(DELETED, rid.text)
    return held if held is not None and held["_until"] > world.seconds() else None


def _properties(world: World, given: Body, known: Document | None) -> Body:
    before, now = known["properties"] if known else {}, world.zulu()
    return {
        "customerId": before.get("customerId") or world.fresh_guid("customer"),
        "provisioningState": "Creating",
        "sku": {"name": "PerGB2018", "lastSkuUpdate": before["sku"]["lastSkuUpdate"] if before else now},
        "retentionInDays": given.get("retentionInDays", before.get("retentionInDays", RETENTION)),
        "features": {
            "legacy": 0,
            "searchVersion": 1,
            "enableLogAccessUsingOnlyResourcePermissions": True,
            **(given.get("features") or {}),
        },
        "workspaceCapping": {
            "dailyQuotaGb": float((given.get("workspaceCapping") or {}).get("dailyQuotaGb", -1.0)),
            "quotaNextResetTime": now,
            "dataIngestionStatus": "RespectQuota",
        },
        "publicNetworkAccessForIngestion": given.get("publicNetworkAccessForIngestion", "Enabled"),
        "publicNetworkAccessForQuery": given.get("publicNetworkAccessForQuery", "Enabled"),
        "createdDate": before.get("createdDate") or now,
        "modifiedDate": now,
    }


def _component_view(world: World, document: Document, version: str) -> Document:
    """The provider spells its own name in lower case."""
    spelt = document["id"].replace("/Microsoft.Insights/", "/microsoft.insights/")
    return {**document, "id": spelt, "type": COMPONENT.lower()}


VIEWS[COMPONENT] = _component_view
SOFT_DELETES[LOG_WORKSPACE] = hold
