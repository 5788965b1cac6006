"""Requests for Log Analytics workspaces, and for what Azure adds to Application Insights."""

from activities.resources.api import ResourceApi
from activities.resources.arm import get_by_id, gone_is_done
from dormouse.cloud.clients import Cloud
from dormouse.cloud.plain_requests import send
from dormouse.cloud.sdk_errors import get_or_none
from dormouse.environments.answers import Answer, Done, Pending
from dormouse.environments.requests import PutRequest
from dormouse.resources.kinds import Observed
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of

RESTORING, PAUSE = "restoring", 20.0
FINAL = ("", "succeeded", "failed", "canceled")


async def put_workspace(request: PutRequest, cloud: Cloud) -> Answer:
    """Start creating or changing a workspace.

    A deleted one of the same name is restored with the retention that it had (recorded at 2025-07-01): it is put once more
    when it is there, and then has that of the plan.
    """
    resource, version = request.resource, kind_of(request.resource).api_version
    there = await get_by_id(resource, cloud)
    if there is not None and str(there["properties"].get("provisioningState", "")).lower() not in FINAL:
        return Pending(PAUSE)
    answer, shown = await send(cloud, "PUT", resource.id, version, resource.body)
    state = str((shown.get("properties") or {}).get("provisioningState", "")).lower()
    return Pending(PAUSE) if isinstance(answer, Pending) and state == RESTORING else answer


async def delete_workspace(resource: Resource, cloud: Cloud) -> Answer:
    """Start deleting a workspace for good, with its logs; deleting a missing one succeeds.

    https://learn.microsoft.com/rest/api/loganalytics/workspaces/delete
    """
    answer, _ = await send(cloud, "DELETE", resource.id, kind_of(resource).api_version, force="true")
    return gone_is_done(answer)


async def added_by_azure(request: PutRequest, cloud: Cloud) -> Answer:
    """Nothing is put: Azure adds it."""
    return Done()


async def get_added(resource: Resource, cloud: Cloud) -> Observed | None:
    """What Azure added, whose ID has spaces, or None if it is not there (any more)."""
    version, path = kind_of(resource).api_version, resource.id.replace(" ", "%20")
    found: Observed | None = await get_or_none(cloud.resources.resources.get_by_id(path, api_version=version))
    return found


async def delete_added(resource: Resource, cloud: Cloud) -> Answer:
    """Start deleting what Azure added; deleting what is missing succeeds."""
    answer, _ = await send(cloud, "DELETE", resource.id, kind_of(resource).api_version)
    return gone_is_done(answer)


LOG_WORKSPACE = ResourceApi(put_workspace, get_by_id, delete_workspace)
ADDED_BY_AZURE = ResourceApi(added_by_azure, get_added, delete_added)
