"""Requests for role assignments."""

from activities.resources.api import ResourceApi
from activities.resources.arm import delete_by_id, get_by_id
from dormouse.cloud.clients import Cloud
from dormouse.environments.answers import Answer, Done, Refused
from dormouse.environments.requests import PutRequest
from dormouse.resources.identity import assignment_id
from dormouse.resources.naming import name_of

EXISTS = "RoleAssignmentExists"


async def put_role_assignment(request: PutRequest, cloud: Cloud) -> Answer:
    """Assign a role to a principal; the name is derived from the content, so that a repetition is harmless."""
    settings, scope = request.resource.settings, request.resource.settings["scope"]
    identity = settings.get("principal_of", "")
    principal = request.outputs[identity]["principal"] if identity else settings["principal"]
    identifier = assignment_id(scope, principal, settings["role"])
    # With principalType, Azure does not look up the new identity in a directory that may not have it yet.
    # https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
    properties = {
        "roleDefinitionId": settings["role"],
        "principalId": principal,
        "principalType": settings.get("principal_type", "ServicePrincipal"),
    }
    create = cloud.authorization.role_assignments.create
    answer = await cloud.put(create, scope, name_of(identifier), {"properties": properties})
    there = isinstance(answer, Refused) and answer.refusal.code == EXISTS
    if not there and not isinstance(answer, Done):
        return answer
    # Return the ID, for rollback, only if this operation created the assignment. For a new identity it always did, even if
    # this is a retry whose response says that it exists.
    created = (isinstance(answer, Done) and answer.created) or bool(identity and identity not in request.existing)
    return Done({"id": identifier}) if created else Done()


ROLE_ASSIGNMENT = ResourceApi(put_role_assignment, get_by_id, delete_by_id)
