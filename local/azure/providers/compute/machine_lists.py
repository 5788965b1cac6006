"""Microsoft.Compute: lists of virtual machines, which show less of each machine than a request for it alone."""

from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import group_of, shown
from local.azure.providers.compute import power
from local.azure.providers.kinds import MACHINE


def answer(world: World, rid: ResourceId, request: Request) -> Answer:
    """The machines of a group or of the subscription, or with `statusOnly` the present status of all machines."""
    request.check_query("statusonly")
    machines = world.resources(MACHINE, rid.root + "/")
    if request.query.get("statusOnly", "").lower() == "true":
        if rid.group:
            raise not_simulated("statusOnly for the machines of one group")
        return Answer(200, {"value": [with_capitals(power.status_only(world, machine)) for machine in machines]})
    if rid.group:
        group_of(world, rid.group_id)
        return Answer(200, {"value": [_listed(shown(world, machine, request)) for machine in machines]})
    return Answer(200, {"value": [with_capitals(_listed(shown(world, machine, request))) for machine in machines]})


def with_capitals(seen: Document) -> Document:
    """A resource as the lists of a whole subscription by Azure Compute show it: the name of its group in capital letters."""
    ends = seen["id"].split("/")
    ends[4] = ends[4].upper()
    changed = {**seen, "id": "/".join(ends)}
    if "resources" in seen:
        changed["resources"] = [with_capitals(item) for item in seen["resources"]]
    return changed


def _listed(seen: Document) -> Document:
    """A machine in a list: of its extensions, only the IDs (recorded in all lists)."""
    if "resources" not in seen:
        return seen
    return {**seen, "resources": [{"id": extension["id"]} for extension in seen["resources"]]}
