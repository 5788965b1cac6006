"""Resource groups."""

import base64
import json
import re

from local.azure.core import operations, regions
from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World, visible
from local.azure.providers.common import FAREWELLS, GATEWAY, SOFT_DELETES, Body, canonical, group_of
from local.azure.providers.contents import conditions_of, tagged
from local.azure.providers.contents import listed as listed_contents
from local.azure.providers.kinds import GROUP, ZONE_GROUP

PAUSE = 15
FORBIDDEN = re.compile(r"[^\w.()-]")
LONGEST_NAME = 90


def put(world: World, identifier: str, body: Body) -> Answer:
    """Create or change a group, at once."""
    existing = world.resource(identifier)
    name = identifier.rsplit("/", 1)[-1]
    _check_name(name)
    if existing and existing["properties"]["provisioningState"] == "Deleting":
        text = f"The resource group '{name}' is in deprovisioning state and cannot perform this operation."
        raise Refused(409, "ResourceGroupBeingDeleted", text, headers=GATEWAY)
    if not body.get("location"):
        raise Refused(400, "LocationRequired", "The location property is required for this definition.", headers=GATEWAY)
    location = canonical(str(body["location"]))
    if not regions.exists(location):
        listed = ",".join(regions.names())
        text = f"The provided location '{body['location']}' is not available for resource group. List of available regions is '{listed}'."
        raise Refused(400, "LocationNotAvailableForResourceGroup", text, headers=GATEWAY)
    if existing and existing["location"] != location:
        text = f"Invalid resource group location '{location}'. The Resource group already exists in location '{existing['location']}'."
        raise Refused(409, "InvalidResourceGroupLocation", text)
    check(GROUP, body)
    document: Document = {"id": identifier, "name": name, "type": GROUP, "location": location}
    document |= {field: body[field] for field in ("tags", "managedBy") if body.get(field) is not None}
    document["properties"] = {"provisioningState": "Succeeded"}
    return Answer(200 if existing else 201, visible(world.keep(document)))


def patch(world: World, identifier: str, body: Body) -> Answer:
    """Change a group's tags, at once."""
    group = group_of(world, identifier)
    check(GROUP, body)
    return Answer(
        200, visible(world.keep({**group, **{field: body[field] for field in ("tags", "managedBy") if field in body}}))
    )


def get(world: World, identifier: str) -> Answer:
    """The group."""
    return Answer(200, visible(group_of(world, identifier)))


def head(world: World, identifier: str) -> Answer:
    """Whether a group exists."""
    return Answer(204) if world.resource(identifier) else Answer(404, None, GATEWAY)


def listed(world: World, request: Request) -> Answer:
    """Every group of the subscription, or those with a tag."""
    request.check_query("$filter")
    conditions = conditions_of(request.query.get("$filter", ""), ("tagname", "tagvalue"))
    return Answer(200, {"value": [visible(group) for group in world.resources(GROUP) if tagged(group, conditions)]})


def contents(world: World, identifier: str, request: Request) -> Answer:
    """Every resource of a group that has a location of its own: child resources are not listed."""
    group_of(world, identifier)
    return listed_contents(world, identifier, request)


def delete(world: World, identifier: str, request: Request) -> Answer:
    """Begin to delete a group with all its resources."""
    group = group_of(world, identifier)
    running = operations.under_way(world, identifier, "group deleted")
    if running is not None:
        return _accepted(running, group, request)
    operation = operations.begin(
        world,
        "group deleted",
        identifier,
        f"DELETE {GROUP}",
        request=("DELETE", identifier),
        provider="Microsoft.Resources",
        pause=PAUSE,
    )
    world.keep({**group, "properties": {"provisioningState": "Deleting"}})
    return _accepted(operation, group, request)


def poll(world: World, token: str, request: Request) -> Answer:
    """The status of a deletion; for a blocked one the status is in capital letters, only here."""
    job = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    identifier = str(job["jobId"]).partition("-")[2]
    said = operations.status(world, identifier, request, monitor=True)
    if isinstance(said.body, dict) and "error" in said.body:
        error = said.body["error"]
        blocked = {"Code": error["code"], "Target": None, "Message": error["message"], "Details": []}
        return Answer(said.status, {"Error": blocked}, said.headers)
    return said


def _accepted(operation: Document, group: Document, request: Request) -> Answer:
    job = json.dumps({"jobId": f"RESOURCEGROUPDELETIONJOB-{operation['id']}", "jobLocation": group["location"]})
    token = base64.urlsafe_b64encode(job.encode()).decode().rstrip("=")
    root = f"{request.base}/subscriptions/{SUBSCRIPTION}/operationresults/{token}"
    return Answer(202, None, {"Location": f"{root}?api-version={request.version}", "Retry-After": str(PAUSE)})


def _check_name(name: str) -> None:
    invalid = "".join(dict.fromkeys(FORBIDDEN.findall(name)))
    if invalid:
        text = f"The provided resource group name '{name}' has these invalid characters: '{invalid}'. The name can only be a letter, digit, '-', '.', '(', ')' or '_'."
        raise Refused(400, "InvalidResourceGroup", text, headers=GATEWAY)
    if name.endswith(".") or len(name) > LONGEST_NAME:
        text = f"The provided resource group name '{name}' is not valid: at most {LONGEST_NAME} characters, and no period at the end."
        raise Refused(400, "InvalidResourceGroup", text, headers=GATEWAY)


@operations.finisher("group deleted")
def _deleted(world: World, operation: Document) -> None:
    group = world.resource(operation["resource"])
    if group is None:
        return
    if operation["status"] == "Failed":
        world.keep({**group, "properties": {"provisioningState": "Succeeded"}})
        return
    for kind, hold in SOFT_DELETES.items():
        for resource in list(world.resources(kind, operation["resource"] + "/")):
            hold(world, resource)
    for group_of_zones in list(world.resources(ZONE_GROUP, operation["resource"] + "/")):
        for farewell in FAREWELLS.get(ZONE_GROUP, []):  # its records may be in zones of other groups
            farewell(world, group_of_zones)
    world.forget(operation["resource"])
