"""Requests for custom roles, which can be deleted only when they are not assigned."""

from dataclasses import replace

from activities.resources.api import ResourceApi
from activities.resources.arm import delete_by_id, get_by_id, put_by_id
from dormouse.cloud.clients import Cloud
from dormouse.cloud.plain_requests import list_at
from dormouse.environments.answers import Answer, Refused
from dormouse.resources.identity import ASSIGNMENTS
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Resource

# https://learn.microsoft.com/azure/role-based-access-control/custom-roles#custom-role-limits
ASSIGNED, MOST_NAMED = "RoleDefinitionHasAssignments", 10
STILL = "The custom role {name} is still assigned, and Azure keeps it until it is not. Delete these assignments: {found}."
HIDDEN = "none that this identity may see, so look in other subscriptions"
API_VERSION = "2022-04-01"


async def delete_role(resource: Resource, cloud: Cloud) -> Answer:
    """Delete a role; one that is still assigned is refused, with the assignments. Deleting a missing one succeeds.

    Raises CloudUnavailable and ReadRefused if Azure does not list the assignments.
    """
    answer = await delete_by_id(resource, cloud)
    if not isinstance(answer, Refused) or answer.refusal.code != ASSIGNED:
        return answer
    scope = f"/subscriptions/{cloud.settings.azure_subscription_id}/providers/{ASSIGNMENTS}"
    assignments, role = await list_at(cloud, scope, API_VERSION), name_of(resource.id).lower()
    found = [one["id"] for one in assignments if name_of(one["properties"]["roleDefinitionId"]).lower() == role]
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    detail = STILL.format(name=name_of(resource.id), found=", ".join(found[:MOST_NAMED]) + more or HIDDEN)
    return Refused(replace(answer.refusal, detail=detail))


CUSTOM_ROLE = ResourceApi(put_by_id, get_by_id, delete_role)
