"""Requests for roles on what work packages share."""

from typing import Any

from activities.resources.api import ResourceApi
from activities.resources.arm import delete_by_id, get_by_id
from dormouse.cloud.clients import Cloud
from dormouse.cloud.sdk_errors import list_all
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.requests import PutRequest
from dormouse.resources.identity import ROLE_ASSIGNMENT
from dormouse.resources.kinds import Observed
from dormouse.resources.ml.access import containers_of
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Resource
from dormouse.resources.registry import KINDS

SHORTLY = 5.0
# https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
EXISTS, OTHER_PRINCIPAL = "RoleAssignmentExists", "RoleAssignmentUpdateNotPermitted"


async def put_access(request: PutRequest, cloud: Cloud) -> Answer:
    """Assign the role; an assignment to an earlier identity of the same name is replaced, and an equal one is enough."""
    settings, scope, name = request.resource.settings, request.resource.settings["scope"], name_of(request.resource.id)
    held_by = settings.get("identity", "")
    properties = {
        "roleDefinitionId": settings["role"],
        "principalId": request.outputs[held_by]["principal"] if held_by else settings["principal"],
        "principalType": settings["principal_type"],
    }
    if "within" in settings:
        workspace = request.outputs[settings["within"]]["workspace_id"]
        properties |= {"condition": containers_of(workspace), "conditionVersion": "2.0"}
    assignments = cloud.authorization.role_assignments
    answer = await cloud.put(assignments.create, scope, name, {"properties": properties})
    code = answer.refusal.code if isinstance(answer, Refused) else ""
    if code == OTHER_PRINCIPAL:
        await cloud.put(assignments.delete, scope, name)
        return Pending(SHORTLY)
    return Done() if code == EXISTS else answer


async def get_access(resource: Resource, cloud: Cloud) -> Observed | None:
    """The role assignment, or an equal one that others have made; `outdated` if it is for an earlier identity."""
    principal = await _principal(resource, cloud)
    found = await get_by_id(_assignment(resource.id), cloud)
    if found is not None:
        holder = found["properties"]["principalId"]
        return {**found, "outdated": bool(principal) and holder != principal}
    equal = await _equal(resource, principal, cloud) if principal else None
    return {"id": equal} if equal else None


async def delete_access(resource: Resource, cloud: Cloud) -> Answer:
    """Delete the role assignment, and an equal one that others have made; deleting what is gone succeeds."""
    answer = await delete_by_id(_assignment(resource.id), cloud)
    principal = await _principal(resource, cloud) if "identity_id" in resource.settings else ""
    equal = await _equal(resource, principal, cloud) if principal and isinstance(answer, Done) else None
    return await delete_by_id(_assignment(equal), cloud) if equal else answer


async def principal_of(identifier: str, kind: str, cloud: Cloud) -> str:
    """The object ID of the identity that a resource is or has; "" if there is none."""
    observed = await get_by_id(Resource("identity", kind, identifier), cloud)
    return KINDS[kind].outputs(observed).get("principal", "") if observed else ""


async def roles_at(scope: str, principal: str, cloud: Cloud) -> list[Any]:
    """The role assignments of a principal at a scope and above it.

    https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
    """
    listed = cloud.authorization.role_assignments.list_for_scope(scope, filter=f"atScope() and assignedTo('{principal}')")
    return list(await list_all(listed))


async def _principal(resource: Resource, cloud: Cloud) -> str:
    settings = resource.settings
    if "identity_id" not in settings:
        return settings["principal"]
    return await principal_of(settings["identity_id"], settings["identity_kind"], cloud)


async def _equal(resource: Resource, principal: str, cloud: Cloud) -> str | None:
    """The ID of the assignment of the same role at the same scope to the same principal."""
    scope, role = resource.settings["scope"].lower(), name_of(resource.settings["role"])
    for one in await roles_at(resource.settings["scope"], principal, cloud):
        if name_of(str(one.role_definition_id)) == role and str(one.scope).lower() == scope:
            return str(one.id)
    return None


def _assignment(identifier: str) -> Resource:
    return Resource(identifier, ROLE_ASSIGNMENT.name, identifier)


ACCESS = ResourceApi(put_access, get_access, delete_access)
