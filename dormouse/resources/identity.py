"""Role assignments of managed identities."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import replace

from dormouse.resources.kinds import NONE, UPDATE, Change, Observed, ResourceKind
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

NAMESPACE = uuid.UUID("0f4f5c0e-5f0e-5c38-9a0c-6c4b3a5c9b5e")
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
# An assignment cannot be given to another principal: https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
OTHER_PRINCIPAL = "RoleAssignmentUpdateNotPermitted"
# The principal of an assignment to the identity of the control plane, which only that knows.
CONTROL_PLANE = "control-plane"
NAMED_OUTPUT = re.compile(r"\{(?P<resource>[\w-]+)\.(?P<output>\w+)\}")
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"


def role_assignment(target: DeploymentTarget, name: str, role: str, *, of: Resource, on: Resource) -> Resource:
    """The assignment of a role on a resource to the identity of another one, which has the output `principal_id`.

    `role` is the GUID of a built-in or custom role. Its ID follows from the principal ID of that identity, which is
    unknown before the resource exists.
    """
    settings = {"scope": on.id, "role": role_id(target, role), "principal_of": of.name}
    needs = (of.name, on.name)
    return Resource(name, ROLE_ASSIGNMENT.name, settings=settings, needs=needs, reads=(of.name,), contained_in=on.name)


def role_assignment_at(
    target: DeploymentTarget,
    name: str,
    role: str,
    *,
    of: Resource,
    scope: str,
    needs: tuple[str, ...] = (),
    condition: str = "",
) -> Resource:
    """The assignment of a role at a scope outside the environment to the identity of a resource in it.

    `role` is the GUID of a built-in or custom role. The name of the assignment follows from scope, resource and role, so
    that it is found, and deleted by itself, after the identity is gone. One to an earlier identity is replaced. The
    `condition` may name outputs of what it needs: `{workspace.workspace_id}`.
    """
    settings = {"scope": scope, "role": role_id(target, role), "principal_of": of.name, "of": of.id, "of_kind": of.kind}
    settings |= {"condition": condition} if condition else {}
    identifier = assignment_id(scope, of.id, settings["role"])
    read = needs if condition else ()
    body = {"properties": {"roleDefinitionId": settings["role"]}}  # without a body, it would not be compared
    return Resource(name, ROLE_ASSIGNMENT.name, identifier, body, settings, needs=(of.name, *needs), reads=(of.name, *read))


def role_assignment_to(
    target: DeploymentTarget, name: str, role: str, principal: str, principal_type: str, *, on: Resource
) -> Resource:
    """The assignment of a role on a resource to a principal that exists already: `User`, `Group` and so on."""
    settings = {"scope": on.id, "role": role_id(target, role), "principal": principal, "principal_type": principal_type}
    identifier = assignment_id(on.id, principal, settings["role"])
    return Resource(name, ROLE_ASSIGNMENT.name, identifier, settings=settings, needs=(on.name,), contained_in=on.name)


def role_assignment_to_control_plane(target: DeploymentTarget, name: str, role: str, *, on: Resource) -> Resource:
    """The assignment of a role on a resource to the identity of the control plane itself."""
    return role_assignment_to(target, name, role, CONTROL_PLANE, "ServicePrincipal", on=on)


def condition_in(settings: Mapping[str, str], outputs: Mapping[str, Mapping[str, str]]) -> str:
    """The condition of a role assignment with the outputs that it names, or ""; raises KeyError for one that is missing."""
    return NAMED_OUTPUT.sub(lambda found: outputs[found["resource"]][found["output"]], settings.get("condition", ""))


def with_user_identity(machine: Resource, identifier: str) -> Resource:
    """A VM that also has this user-assigned identity, a resource ID, beside its own.

    https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-configure-managed-identities
    """
    identity = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {identifier: {}}}
    return replace(machine, body={**machine.body, "identity": identity})


def role_id(target: DeploymentTarget, role: str) -> str:
    """The ID of the definition of a built-in or custom role in the target's subscription."""
    return f"/subscriptions/{target.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"


def assignment_id(scope: str, principal: str, role: str) -> str:
    """The ID of the one assignment of a role to a principal at a scope; its name is derived from the three."""
    name = uuid.uuid5(NAMESPACE, "|".join((scope, principal, role)).lower())
    return f"{scope}/providers/{ASSIGNMENTS}/{name}"


def principal_in(outputs: Mapping[str, str]) -> str:
    """The principal of an identity in the outputs of its resource; histories of earlier releases have it as `principal`."""
    return outputs.get("principal_id") or outputs["principal"]


def _drift(resource: Resource, observed: Observed) -> Change:
    """An assignment to an identity that is gone is replaced."""
    return UPDATE if observed.get("outdated") else NONE


ROLE_ASSIGNMENT = ResourceKind("role_assignment", ASSIGNMENTS, "2022-04-01", diff=_drift, attached=True)
