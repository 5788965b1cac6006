"""Resource groups, storage accounts and blob containers."""

from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import BuildRequest
from dormouse.environments.results import Progress


async def put_resource_group(request: BuildRequest, cloud: Cloud) -> Progress:
    """Put the group, with the tags that prove whose it is."""
    return await cloud.put(cloud.resources.resource_groups.create_or_update, request.resource.group, request.resource.body)


async def put_storage_account(request: BuildRequest, cloud: Cloud) -> Progress:
    """Begin a storage account."""
    step = request.resource
    return await cloud.begin(cloud.storage.storage_accounts.begin_create, step.group, *step.names, step.body)


async def put_blob_container(request: BuildRequest, cloud: Cloud) -> Progress:
    """Put a private blob container; one that exists already keeps its blobs."""
    step = request.resource
    return await cloud.put(cloud.storage.blob_containers.create, step.group, *step.names, step.body)
