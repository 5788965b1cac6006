"""Removal of resources by their id."""

from cloud.connection import Cloud
from cloud.resource_types import api_version, group_of
from environments.outcomes import Progress


async def remove_resource(request: str, cloud: Cloud) -> Progress:
    """Begin to remove what this id names, a group with everything in it; removing what is gone is a success."""
    group = group_of(request)
    if group:
        progress = await cloud.begin(cloud.resources.resource_groups.begin_delete, group)
    else:
        delete = cloud.resources.resources.begin_delete_by_id
        progress = await cloud.begin(delete, request, api_version=api_version(request))
    gone = progress.refusal is not None and progress.refusal.code in GONE
    return Progress.done() if gone else progress


GONE = frozenset(
    {"ResourceGroupNotFound", "ResourceNotFound", "NotFound", "ParentResourceNotFound", "RoleAssignmentNotFound"}
)
