"""Requests for role assignments."""

from dataclasses import replace
from typing import Any

from activities.resources.api import ResourceApi
from activities.resources.arm import delete_by_id, get_by_id
from dormouse.cloud.clients import Cloud
from dormouse.cloud.kubernetes.access import own_principal
from dormouse.cloud.sdk_errors import list_all
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.requests import PutRequest
from dormouse.resources.identity import CONTROL_PLANE, OTHER_PRINCIPAL, assignment_id, condition_in, principal_in
from dormouse.resources.kinds import Observed
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of

EXISTS = "RoleAssignmentExists"
PAUSE = 5.0


async def put_role_assignment(request: PutRequest, cloud: Cloud) -> Answer:
    """Assign a role to a principal; the name is derived from the content, so that a repetition is harmless.

    An assignment that another principal has under this name is replaced: that principal's resource is gone.
    """
    settings, scope = request.resource.settings, request.resource.settings["scope"]
    identity = settings.get("principal_of", "")
    principal = principal_in(request.outputs[identity]) if identity else settings["principal"]
    if principal == CONTROL_PLANE:
        principal = await own_principal(cloud)
    identifier = request.resource.id or assignment_id(scope, principal, settings["role"])
    # With principalType, Azure does not look up the new identity in a directory that may not have it yet.
    # https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
    properties = {
        "roleDefinitionId": settings["role"],
        "principalId": principal,
        "principalType": settings.get("principal_type", "ServicePrincipal"),
    }
    condition = condition_in(settings, request.outputs)
    properties |= {"condition": condition, "conditionVersion": "2.0"} if condition else {}
    create = cloud.authorization.role_assignments.create
    answer = await cloud.put(create, scope, name_of(identifier), {"properties": properties})
    refused = answer.refusal.code if isinstance(answer, Refused) else ""
    if refused == OTHER_PRINCIPAL:
        deleted = await cloud.put(cloud.authorization.role_assignments.delete, scope, name_of(identifier))
        return Pending(PAUSE) if isinstance(deleted, Done) else deleted
    if refused != EXISTS and not isinstance(answer, Done):
        return answer
    # Return the ID, for rollback, only if this operation created the assignment. For a new identity it always did, even if
    # this is a retry whose response says that it exists.
    created = (isinstance(answer, Done) and answer.created) or bool(identity and identity not in request.existing)
    return Done({"id": identifier}) if created else Done()


async def get_role_assignment(resource: Resource, cloud: Cloud) -> Observed | None:
    """The role assignment, or None; `outdated` if it is to an earlier identity of its resource than the present one.

    An equal one that an Azure service has made is as good: Azure refuses a second one.
    """
    found = await get_by_id(resource, cloud)
    owner = Resource("", resource.settings.get("of_kind", ""), resource.settings.get("of", ""))
    if not owner.id or (found is not None and not resource.body):
        return found
    now = await principal_of(owner, cloud)
    if found is None:
        return await _equal(resource, now, cloud) if now else None
    return {**found, "outdated": found["properties"]["principalId"] != now}


async def delete_role_assignment(resource: Resource, cloud: Cloud) -> Answer:
    """Delete the role assignment, or the equal one that is there in its place; deleting a missing one succeeds.

    One to an identity of the environment is looked for before: a condition on the control plane's own role refuses to delete
    what does not exist.
    """
    if "of" not in resource.settings:
        return await delete_by_id(resource, cloud)
    found = await get_role_assignment(resource, cloud)
    return Done() if found is None else await delete_by_id(replace(resource, id=str(found["id"])), cloud)


async def principal_of(owner: Resource, cloud: Cloud) -> str:
    """The object ID of the identity that a resource is or has; "" if it does not exist."""
    observed = await get_by_id(owner, cloud)
    return principal_in(kind_of(owner).outputs(observed)) if observed else ""


async def roles_at(scope: str, principal: str, cloud: Cloud) -> list[Any]:
    """The role assignments of a principal at a scope and above it.

    https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
    """
    listed = cloud.authorization.role_assignments.list_for_scope(scope, filter=f"atScope() and assignedTo('{principal}')")
    return list(await list_all(listed))


async def _equal(resource: Resource, principal: str, cloud: Cloud) -> Observed | None:
    """The assignment of the same role at the same scope to the same principal."""
    scope, role = resource.settings["scope"].lower(), name_of(resource.settings["role"])
    for one in await roles_at(resource.settings["scope"], principal, cloud):
        if name_of(str(one.role_definition_id)) == role and str(one.scope).lower() == scope:
            return {"id": str(one.id)}
    return None


ROLE_ASSIGNMENT = ResourceApi(put_role_assignment, get_role_assignment, delete_role_assignment)
