"""Role assignments of managed identities."""

import uuid
from dataclasses import replace

from dormouse.resources.kinds import ResourceKind, always_as_put
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

NAMESPACE = uuid.UUID("0f4f5c0e-5f0e-5c38-9a0c-6c4b3a5c9b5e")
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"


def role_assignment(target: DeploymentTarget, name: str, role: str, *, of: Resource, on: Resource) -> Resource:
    """The assignment of a built-in role on a resource to the identity of another resource.

    Its ID follows from the principal ID of that identity, which is unknown before the resource exists.
    """
    settings = {"scope": on.id, "role": role_id(target, role), "principal_of": of.name}
    needs = (of.name, on.name)
    return Resource(name, ROLE_ASSIGNMENT.name, settings=settings, needs=needs, reads=(of.name,), contained_in=on.name)


def role_assignment_to(
    target: DeploymentTarget, name: str, role: str, principal: str, principal_type: str, *, on: Resource
) -> Resource:
    """The assignment of a built-in role on a resource to a principal that exists already: `User`, `Group` and so on."""
    settings = {"scope": on.id, "role": role_id(target, role), "principal": principal, "principal_type": principal_type}
    identifier = assignment_id(on.id, principal, settings["role"])
    return Resource(name, ROLE_ASSIGNMENT.name, identifier, settings=settings, needs=(on.name,), contained_in=on.name)


def with_user_identity(machine: Resource, identifier: str) -> Resource:
    """A VM that also has this user-assigned identity, a resource ID, beside its own.

    https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-configure-managed-identities
    """
    identity = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {identifier: {}}}
    return replace(machine, body={**machine.body, "identity": identity})


def role_id(target: DeploymentTarget, role: str) -> str:
    """The ID of the definition of a built-in role in the target's subscription."""
    return f"/subscriptions/{target.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"


def assignment_id(scope: str, principal: str, role: str) -> str:
    """The ID of the one assignment of a role to a principal at a scope; its name is derived from the three."""
    name = uuid.uuid5(NAMESPACE, "|".join((scope, principal, role)).lower())
    return f"{scope}/providers/{ASSIGNMENTS}/{name}"


ROLE_ASSIGNMENT = ResourceKind("role_assignment", ASSIGNMENTS, "2022-04-01", diff=always_as_put)
