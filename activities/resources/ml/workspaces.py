"""Requests for workspaces of Azure Machine Learning.

A deleted workspace keeps its name for 14 days unless its deletion purges it.
https://learn.microsoft.com/azure/machine-learning/concept-soft-delete
"""

from dataclasses import replace
from typing import Any

from activities.resources.api import ProbeApi, ResourceApi
from activities.resources.arm import delete_by_id, get_by_id, gone_is_done, put_by_id
from activities.resources.ml.probes import no_read, result_of
from dormouse.cloud.clients import Cloud
from dormouse.cloud.plain_requests import list_at, send
from dormouse.cloud.sdk_errors import list_all
from dormouse.environments.answers import Answer, Checked, Done, Pending, Refused
from dormouse.environments.requests import PutRequest
from dormouse.environments.results import Check, RefusalReason
from dormouse.resources.identity import ROLE_ASSIGNMENT
from dormouse.resources.kinds import Observed, provisioning_of
from dormouse.resources.ml.image_builds import PROPERTY, workspace_of
from dormouse.resources.ml.workspaces import API_VERSION, FIELDS, own_containers
from dormouse.resources.plan import Resource
from dormouse.resources.storage import API_VERSION as STORAGE_VERSION
from dormouse.resources.storage import BLOB_CONTAINER

# Between a purge and the next creation. https://github.com/Azure/azure-cli/issues/33756
AFTER_PURGE = 30.0
LOST = "unable to find workspace"
RECOVER = (
    "A deleted workspace of this name can still be recovered, or purged with its data. Recover it in the Azure portal "
    "(Azure Machine Learning, Recently deleted) and apply the spec again, or apply it with `fresh: true`, which purges it."
)
DEADLOCK = (
    "Azure reserves the name for a deleted workspace, and cannot find that workspace to purge it, because the resource "
    "group in which it was is gone. Choose another environment name, wait until the 14 days of its retention are over, or "
    "ask Azure support to purge it."
)


async def put_workspace(request: PutRequest, cloud: Cloud) -> Answer:
    """Start creating a workspace; one that was deleted under this name is purged first, if the spec says so."""
    answer = await put_by_id(request, cloud)
    if not isinstance(answer, Refused) or answer.refusal.reason is not RefusalReason.SOFT_DELETED:
        return answer
    if "fresh" not in request.resource.settings:
        return Refused(replace(answer.refusal, advice=RECOVER))
    purged = await _purge(request.resource, cloud)
    if isinstance(purged, Refused):
        lost = purged.refusal.reason is RefusalReason.NOT_FOUND or LOST in purged.refusal.detail.lower()
        return Refused(replace(answer.refusal, advice=DEADLOCK)) if lost else purged
    # The creation is repeated, not the poll of the purge.
    return Pending(AFTER_PURGE, detail="The deleted workspace of this name is being purged.")


async def update_workspace(request: PutRequest, cloud: Cloud) -> Answer:
    """Start changing an existing workspace to what the plan says of it; one that has failed is put again."""
    resource = request.resource
    observed = await get_by_id(resource, cloud)
    if observed is None or provisioning_of(observed) == "failed":
        return await put_workspace(request, cloud)
    planned = resource.body["properties"]
    changeable = {name: planned[name] for name, (_, obstacle) in FIELDS.items() if not obstacle and name in planned}
    return await _patch(resource, {"tags": resource.body["tags"], "properties": changeable}, cloud)


async def delete_workspace(resource: Resource, cloud: Cloud) -> Answer:
    """Start deleting a workspace for good, with the containers and roles that it has outside its resource group."""
    observed = await get_by_id(resource, cloud)
    if observed is not None:
        for one in [*await _roles_elsewhere(resource, observed, cloud), *await _own_containers(observed, cloud)]:
            answer = await delete_by_id(one, cloud)
            if isinstance(answer, Pending):
                return answer if not answer.url else Pending(answer.retry_after)
    return gone_is_done(await _purge(resource, cloud))


async def probe_workspace(resource: Resource, cloud: Cloud) -> Answer | Checked:
    """Whether the workspace answers and is ready."""
    observed = await get_by_id(resource, cloud)
    state = provisioning_of(observed) if observed else "missing"
    if state == "succeeded":
        return result_of("answers", Check.PASSED)
    ended = state in ("failed", "canceled", "missing")
    return result_of("answers", Check.FAILED if ended else Check.WAITING, f"The workspace is {state}.")


async def put_image_build(request: PutRequest, cloud: Cloud) -> Answer:
    """Start telling a workspace on which of its clusters to build images."""
    return await _patch(workspace_of(request.resource), request.resource.body, cloud)


async def get_image_build(resource: Resource, cloud: Cloud) -> Observed | None:
    """The cluster on which a workspace builds images; None if it has none."""
    observed = await get_by_id(workspace_of(resource), cloud)
    name = ((observed or {}).get("properties") or {}).get(PROPERTY)
    return {PROPERTY: name} if name else None


async def delete_image_build(resource: Resource, cloud: Cloud) -> Answer:
    """Start telling a workspace to leave the building of images to Azure; one that is gone needs nothing."""
    if await get_image_build(resource, cloud) is None:
        return Done()
    return gone_is_done(await _patch(workspace_of(resource), {"properties": {PROPERTY: ""}}, cloud))


async def _patch(workspace: Resource, body: dict[str, Any], cloud: Cloud) -> Answer:
    return await cloud.begin(cloud.resources.resources.begin_update_by_id, workspace.id, body, api_version=API_VERSION)


async def _purge(resource: Resource, cloud: Cloud) -> Answer:
    answer, _ = await send(cloud, "DELETE", resource.id, API_VERSION, forceToPurge="true")
    return answer


async def _roles_elsewhere(resource: Resource, observed: Observed, cloud: Cloud) -> list[Resource]:
    """The role assignments of the workspace's identity on what it shares, no matter who has made them.

    Azure makes some itself: https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles
    """
    principal = (observed.get("identity") or {}).get("principalId")
    if not principal:
        return []
    roles = cloud.authorization.role_assignments
    found = await list_all(roles.list_for_subscription(filter=f"principalId eq '{principal}'"))
    group = f"{resource.id.partition('/providers/')[0]}/".lower()
    return [Resource(str(one.id), ROLE_ASSIGNMENT.name, str(one.id)) for one in found if group not in str(one.id).lower()]


async def _own_containers(observed: Observed, cloud: Cloud) -> list[Resource]:
    """The blob containers that the workspace has in the shared storage."""
    properties = observed.get("properties") or {}
    account, workspace = properties.get("storageAccount"), properties.get("workspaceId")
    if not account or not workspace:
        return []
    path = f"{account}/blobServices/default/containers"
    names = [str(one["name"]) for one in await list_at(cloud, path, STORAGE_VERSION)]
    mine = own_containers(str(workspace))
    return [Resource(name, BLOB_CONTAINER.name, f"{path}/{name}") for name in names if name.startswith(mine)]


WORKSPACE = ResourceApi(
    put_workspace, get_by_id, delete_workspace, update=update_workspace, probe=ProbeApi(probe_workspace, no_read)
)
IMAGE_BUILD = ResourceApi(put_image_build, get_image_build, delete_image_build)
