"""Microsoft.Compute: snapshots of disks."""

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import canonical, check_put, referenced, tracked

SNAPSHOT_TAKES = 10.0  # seconds; assumed


def put_snapshot(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to take a snapshot of a disk; no recording shows one, so that shapes follow the documentation.

    https://learn.microsoft.com/rest/api/compute/snapshots/create-or-update
    """
    body = request.json()
    check_put(world, rid, body)
    origin = body["properties"]["creationData"]
    before = world.resource(rid.text)
    if before is not None and before["properties"]["creationData"] != origin:
        raise not_simulated("a PUT that changes the source of a snapshot")
    disk = referenced(world, str(origin["sourceResourceId"]), rid.text)
    if canonical(str(body["location"])) != disk["location"]:
        # Words and code are assumed: a snapshot is in the region of its disk.
        raise Refused(400, "InvalidParameter", "The snapshot and its source must be in the same region.")
    shown = {
        name: disk["properties"][name] for name in ("diskSizeGB", "osType", "hyperVGeneration") if name in disk["properties"]
    }
    properties = {**shown, "creationData": origin, "provisioningState": "Updating", "incremental": False}
    document = {**tracked(rid, body, properties), "sku": {"name": "Standard_LRS", "tier": "Standard"}}
    operation = operations.begin(
        world, "snapshot taken", rid.text, SNAPSHOT_TAKES, request=("PUT", rid.text), provider="Microsoft.Compute"
    )
    world.keep(document)
    headers = operations.addresses(operation, request, disk["location"])
    return Answer(202, document, headers)


@operations.finisher("snapshot taken")
def _snapshot_taken(world: World, operation: Document) -> None:
    snapshot = world.resource(operation["resource"])
    if snapshot is None:
        return
    if operation["status"] == "Failed":
        world.forget(operation["resource"])
        return
    properties = {**snapshot["properties"], "provisioningState": "Succeeded", "timeCreated": world.text()}
    operation["output"] = world.keep({**snapshot, "properties": properties})
