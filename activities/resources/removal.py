"""Activities that delete resource groups and resources; deleting a missing one succeeds."""

from dormouse.cloud.clients import Cloud
from dormouse.cloud.error_codes import GONE
from dormouse.cloud.resource_types import api_version
from dormouse.environments.results import Progress


async def remove_group(request: str, cloud: Cloud) -> Progress:
    """Start deleting a resource group with everything in it."""
    return _gone_is_done(await cloud.begin(cloud.resources.resource_groups.begin_delete, request))


async def remove_resource(request: str, cloud: Cloud) -> Progress:
    """Start deleting the resource with this ID."""
    delete = cloud.resources.resources.begin_delete_by_id
    return _gone_is_done(await cloud.begin(delete, request, api_version=api_version(request)))


def _gone_is_done(progress: Progress) -> Progress:
    gone = progress.refusal is not None and progress.refusal.code in GONE
    return Progress.done() if gone else progress
