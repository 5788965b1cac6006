"""Generic requests to Azure Resource Manager, which serve most kinds of resource.

https://learn.microsoft.com/rest/api/resources/resources
"""

from typing import Any

from activities.resources.api import Check, ResourceApi
from dormouse.cloud.clients import Cloud
from dormouse.cloud.error_codes import GONE
from dormouse.cloud.sdk_errors import get_or_none
from dormouse.environments.answers import Answer, Done, Refused
from dormouse.environments.requests import PutRequest
from dormouse.resources.compute.snapshots import SnapshotRequest
from dormouse.resources.kinds import Observed
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of


def arm(*preflight: Check) -> ResourceApi:
    """The requests for a kind that needs nothing but its body: put, get and delete by resource ID."""
    return ResourceApi(put_by_id, get_by_id, delete_by_id, preflight=preflight)


async def put_by_id(request: PutRequest, cloud: Cloud) -> Answer:
    """Start creating or updating a resource with its body."""
    return await put_body(request.resource, request.resource.body, cloud)


async def put_body(resource: Resource, body: dict[str, Any], cloud: Cloud) -> Answer:
    """Start creating or updating a resource with another body than that of the plan."""
    put, version = cloud.resources.resources.begin_create_or_update_by_id, kind_of(resource).api_version
    return await cloud.begin(put, resource.id, body, api_version=version)


async def patch_by_id(request: PutRequest, cloud: Cloud) -> Answer:
    """Start changing an existing resource to the properties in its body; others stay as they are."""
    resource = request.resource
    patch, version = cloud.resources.resources.begin_update_by_id, kind_of(resource).api_version
    return await cloud.begin(patch, resource.id, resource.body, api_version=version)


async def snapshot_by_id(request: SnapshotRequest, cloud: Cloud) -> Answer:
    """Start taking a snapshot of a disk, which is billed for what the disk holds until it is deleted.

    https://learn.microsoft.com/rest/api/compute/snapshots/create-or-update
    """
    origin = {"createOption": "Copy", "sourceResourceId": request.disk.id}
    body: Any = {"location": request.region, "tags": request.tags, "properties": {"creationData": origin}}
    put = cloud.resources.resources.begin_create_or_update_by_id
    return await cloud.begin(put, request.id, body, api_version=kind_of(request.disk).api_version)


async def get_by_id(resource: Resource, cloud: Cloud) -> Observed | None:
    """A resource as Azure shows it, or None if it does not exist."""
    if not resource.id:
        return None
    version = kind_of(resource).api_version
    found: Any = await get_or_none(cloud.resources.resources.get_by_id(resource.id, api_version=version))
    return found  # type: ignore[no-any-return]


async def delete_by_id(resource: Resource, cloud: Cloud) -> Answer:
    """Start deleting a resource; deleting a missing one succeeds."""
    delete, version = cloud.resources.resources.begin_delete_by_id, kind_of(resource).api_version
    return gone_is_done(await cloud.begin(delete, resource.id, api_version=version))


async def put_group(request: PutRequest, cloud: Cloud) -> Answer:
    """Create or update a resource group."""
    put = cloud.resources.resource_groups.create_or_update
    return await cloud.put(put, name_of(request.resource.id), request.resource.body)


async def get_group(resource: Resource, cloud: Cloud) -> Observed | None:
    """A resource group as Azure shows it, or None if it does not exist."""
    found: Any = await get_or_none(cloud.resources.resource_groups.get(name_of(resource.id)))
    return found  # type: ignore[no-any-return]


async def delete_group(resource: Resource, cloud: Cloud) -> Answer:
    """Start deleting a resource group with everything in it."""
    return gone_is_done(await cloud.begin(cloud.resources.resource_groups.begin_delete, name_of(resource.id)))


def gone_is_done(answer: Answer) -> Answer:
    """A refusal to delete what does not exist is a success."""
    return Done() if isinstance(answer, Refused) and answer.refusal.code in GONE else answer
