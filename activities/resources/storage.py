"""Activities for resource groups, storage accounts and blob containers."""

from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import BuildRequest
from dormouse.environments.results import Progress


async def put_resource_group(request: BuildRequest, cloud: Cloud) -> Progress:
    """Create or update a resource group with the ownership tags."""
    return await cloud.put(cloud.resources.resource_groups.create_or_update, request.resource.group, request.resource.body)


async def put_storage_account(request: BuildRequest, cloud: Cloud) -> Progress:
    """Start creating a storage account."""
    step = request.resource
    return await cloud.begin(cloud.storage.storage_accounts.begin_create, step.group, *step.names, step.body)


async def put_blob_container(request: BuildRequest, cloud: Cloud) -> Progress:
    """Create a private blob container; an existing one keeps its blobs."""
    step = request.resource
    return await cloud.put(cloud.storage.blob_containers.create, step.group, *step.names, step.body)
