"""Activities for role assignments."""

import uuid

from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import BuildRequest
from dormouse.environments.results import Progress, Stage

NAMESPACE = uuid.UUID("0f4f5c0e-5f0e-5c38-9a0c-6c4b3a5c9b5e")
EXISTS = "RoleAssignmentExists"


async def put_role_assignment(request: BuildRequest, cloud: Cloud) -> Progress:
    """Assign a role to the VM's identity; the name is derived from the content, so that a repetition is harmless."""
    inputs = request.resource.settings
    scope, role, principal = inputs["scope"], inputs["role"], request.outputs[inputs["principal_of"]]["principal"]
    name = assignment_name(scope, principal, role)
    # With principalType, Azure does not look up the new identity in a directory that may not have it yet.
    # https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
    properties = {"roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal"}
    progress = await cloud.put(cloud.authorization.role_assignments.create, scope, name, {"properties": properties})
    there = progress.refusal is not None and progress.refusal.code == EXISTS
    if not there and progress.stage is not Stage.DONE:
        return progress
    # Return the ID, for rollback, only if this operation created the assignment. For a new VM it always did, even if
    # this is a retry whose response says that it exists.
    if (progress.created and not there) or not request.machine_exists:
        return Progress.done(id=f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}")
    return Progress.done()


def assignment_name(scope: str, principal: str, role: str) -> str:
    """The GUID of the one assignment of this role to this principal at this scope."""
    return str(uuid.uuid5(NAMESPACE, "|".join((scope, principal, role)).lower()))
