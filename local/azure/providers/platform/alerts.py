"""Action groups and smart detector rules, and how Azure adds both to a component of Application Insights.

https://learn.microsoft.com/rest/api/monitor/action-groups, https://learn.microsoft.com/rest/api/monitor/smart-detector-alert-rules;
of the rules, only the refusal to show a missing one is recorded.
"""

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.responses import Answer
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import VIEWS, Body, check_put, found, shown
from local.azure.providers.kinds import ACTION_GROUP, SMART_DETECTOR

RECEIVERS = ("email", "sms", "webhook", "eventHub", "itsm", "azureAppPush", "automationRunbook", "voice", "logicApp")
MORE_RECEIVERS = ("azureFunction", "armRole")
ADDED = "smart detection added"
DETECTION = "Application Insights Smart Detection"
REGION = "Global"


def put_action_group(world: World, rid: ResourceId, request: Request) -> Answer:
    """Create or change an action group, at once; its region is `Global`, and it has no tags unless they are given."""
    body, existing = request.json(), world.resource(rid.text)
    check_put(world, rid, {**body, "location": "westeurope"} if body.get("location") else body)
    document = _action_group(rid, body)
    return Answer(200 if existing else 201, shown(world, world.keep(document), request))


def put_rule(world: World, rid: ResourceId, request: Request) -> Answer:
    """Create or change a rule, at once."""
    body, existing = request.json(), world.resource(rid.text)
    check_put(world, rid, {**body, "location": "westeurope"} if body.get("location") else body)
    document = {**_document(rid, body.get("properties") or {}), "tags": body.get("tags")}
    return Answer(200 if existing else 201, shown(world, world.keep(document), request))


def delete(world: World, rid: ResourceId, request: Request) -> Answer:
    """Delete an action group or a rule, at once."""
    found(world, rid)
    world.forget(rid.text)
    return Answer(200)


def begin_detection(world: World, component: ResourceId) -> None:
    """Let Azure add a rule and an action group to a new component, minutes later.

    https://github.com/hashicorp/terraform-provider-azurerm/issues/18026, https://github.com/CompositionalIT/farmer/issues/637
    """
    path = component.text
    operations.begin(world, ADDED, path, "smart detection", request=("PUT", f"{path}/smart detection"), hidden=True)


@operations.finisher(ADDED)
def _add(world: World, operation: Document) -> None:
    """Nothing is added to a component that is gone by then (assumed), or whose group is being deleted."""
    component, rid = world.resource(operation["resource"]), parse(operation["resource"])
    group = world.resource(rid.group_id) if rid else None
    if component is None or rid is None or group is None or group["properties"]["provisioningState"] == "Deleting":
        return
    action = ResourceId(rid.subscription, rid.group, "Microsoft.Insights", ("actionGroups",), (DETECTION,))
    rule = ResourceId(
        rid.subscription,
        rid.group,
        SMART_DETECTOR.partition("/")[0],
        ("smartDetectorAlertRules",),
        (f"Failure Anomalies - {rid.name}",),
    )
    if world.resource(action.text) is None:
        world.keep(_action_group(action, {"properties": {"groupShortName": "SmartDetect", "enabled": True}}))
    properties = {
        "state": "Enabled",
        "severity": "Sev3",
        "frequency": "PT1M",
        "detector": {"id": "FailureAnomaliesDetector"},
        "scope": [component["id"]],
        "actionGroups": {"groupIds": [action.text.lower()]},
    }
    world.keep({**_document(rule, properties), "tags": None})


def _action_group(rid: ResourceId, body: Body) -> Document:
    given = body.get("properties") or {}
    receivers = {f"{kind}Receivers": given.get(f"{kind}Receivers", []) for kind in (*RECEIVERS, *MORE_RECEIVERS)}
    receivers["emailReceivers"] = [{**one, "status": "Enabled"} for one in receivers["emailReceivers"]]
    named = {name: given[name] for name in ("groupShortName", "enabled") if name in given}
    return {**_document(rid, {**named, **receivers}), "kind": None, "tags": body.get("tags")}


def _document(rid: ResourceId, properties: Body) -> Document:
    return {"id": rid.text, "type": rid.type, "name": rid.name, "location": REGION, "properties": properties}


def _group_view(world: World, document: Document, version: str) -> Document:
    """The provider spells its own name in lower case, and its type with a capital."""
    spelt = document["id"].replace("/Microsoft.Insights/", "/microsoft.insights/")
    return {**document, "id": spelt, "type": "Microsoft.Insights/ActionGroups"}


VIEWS[ACTION_GROUP] = _group_view
