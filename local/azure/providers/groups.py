"""Resource groups."""

import base64
import json

from local.azure import operations
from local.azure.answers import Answer, Refused
from local.azure.providers.common import Body, group_of
from local.azure.store import Document
from local.azure.world import SUBSCRIPTION, World, visible

TYPE = "Microsoft.Resources/resourceGroups"
PAUSE = 15


def put(world: World, identifier: str, body: Body) -> Answer:
    """Create or change a group: at once."""
    existing = world.resource(identifier)
    name = identifier.rsplit("/", 1)[-1]
    if existing and existing["properties"]["provisioningState"] == "Deleting":
        text = f"The resource group '{name}' is in deprovisioning state and cannot perform this operation."
        raise Refused(409, "ResourceGroupBeingDeleted", text)
    if existing and existing["location"] != body["location"]:
        text = f"Invalid resource group location '{body['location']}'. The Resource group already exists in location '{existing['location']}'."
        raise Refused(409, "InvalidResourceGroupLocation", text)
    document: Document = {
        "id": identifier,
        "name": identifier.rsplit("/", 1)[-1],
        "type": TYPE,
        "location": body["location"],
    }
    if body.get("tags"):
        document["tags"] = body["tags"]
    document["properties"] = {"provisioningState": "Succeeded"}
    return Answer(200 if existing else 201, visible(world.keep(document)))


def get(world: World, identifier: str) -> Answer:
    """A group as it stands."""
    return Answer(200, visible(group_of(world, identifier)))


def head(world: World, identifier: str) -> Answer:
    """Whether a group is there."""
    return Answer(204 if world.resource(identifier) else 404)


def delete(world: World, identifier: str, base: str) -> Answer:
    """Begin to delete a group with everything in it."""
    group = group_of(world, identifier)
    running = operations.under_way(world, identifier, "group deleted")
    if running is not None:
        return _accepted(running, group, base)
    world.keep({**group, "properties": {"provisioningState": "Deleting"}})
    fault = world.faults.striking("fail", "DELETE", identifier, TYPE)
    operation = operations.begin(
        world,
        "group deleted",
        identifier,
        world.draw(f"DELETE {TYPE}", identifier),
        provider="Microsoft.Resources",
        failure=fault.refusal if fault else None,
        pause=PAUSE,
    )
    return _accepted(operation, group, base)


def _accepted(operation: Document, group: Document, base: str) -> Answer:
    job = json.dumps({"jobId": f"RESOURCEGROUPDELETIONJOB-{operation['id']}", "jobLocation": group["location"]})
    token = base64.urlsafe_b64encode(job.encode()).decode().rstrip("=")
    location = f"{base}/subscriptions/{SUBSCRIPTION}/operationresults/{token}?api-version=2020-06-01"
    return Answer(202, None, {"Location": location, "Retry-After": str(PAUSE)})


def operation_of(token: str) -> str:
    """The operation in a token that `delete` gave out."""
    job = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return str(job["jobId"]).partition("-")[2]


@operations.finisher("group deleted")
def _deleted(world: World, operation: Document) -> None:
    group = world.resource(operation["resource"])
    if group is None:
        return
    if operation["status"] == "Failed":
        world.keep({**group, "properties": {"provisioningState": "Succeeded"}})
    else:
        world.forget(operation["resource"])
