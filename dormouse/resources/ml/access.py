"""Roles on what work packages share: assignments outside the environment's own group, to its identities and its people."""

from dataclasses import dataclass

from dormouse.resources.identity import ROLE_ASSIGNMENT, assignment_id, role_id
from dormouse.resources.kinds import NONE, UPDATE, Change, Observed, ResourceKind
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
STORAGE_BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
SERVICE_PRINCIPAL, USER, GROUP = "ServicePrincipal", "User", "Group"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who gets a role: the identity of a resource of the plan, or a principal that exists already (`User` or `Group`).

    `label` distinguishes the holders in the names of resources.
    """

    label: str
    identity: Resource | None = None
    principal: str = ""
    principal_type: str = SERVICE_PRINCIPAL


def ml_access(
    target: DeploymentTarget, what: str, role: str, holder: Holder, scope: str, *, within: Resource | None = None
) -> Resource:
    """The assignment of a role (its GUID) at a scope to a holder; `what` names the scope in the name of the resource.

    With `within`, a workspace, it holds for the blob containers of that workspace only. Its ID follows from the resource
    that has the identity, and not from the principal, so that it is known before that exists.
    """
    settings = {"scope": scope, "role": role_id(target, role), "principal_type": holder.principal_type}
    bearer = holder.principal
    needs: list[str] = []
    if holder.identity is not None:
        bearer = holder.identity.id
        settings |= {"identity": holder.identity.name, "identity_id": bearer, "identity_kind": holder.identity.kind}
        needs.append(holder.identity.name)
    else:
        settings["principal"] = holder.principal
    if within is not None:
        settings |= {"within": within.name, "within_id": within.id}
        needs.append(within.name)
    identifier = assignment_id(scope, bearer, settings["role"])
    needed = tuple(dict.fromkeys(needs))
    body = {"properties": {"roleDefinitionId": settings["role"]}}
    return Resource(f"access-{holder.label}-{what}", ML_ACCESS.name, identifier, body, settings, needs=needed, reads=needed)


def containers_of(workspace_id: str) -> str:
    """The condition that limits a role on a storage account to the containers of one workspace.

    https://learn.microsoft.com/azure/storage/blobs/storage-auth-abac-attributes
    """
    attribute = "Microsoft.Storage/storageAccounts/blobServices/containers:name"
    return f"(@Resource[{attribute}] StringLike '{workspace_id}-*')"


def _drift(resource: Resource, observed: Observed) -> Change:
    """An assignment to an earlier identity of the same name is replaced."""
    return UPDATE if observed.get("outdated") else NONE


def _label(resource: Resource) -> str:
    return f"role assignment {resource.id}"


# Outside the groups of environments, so that it is looked for and deleted by itself, like a secret.
ML_ACCESS = ResourceKind("ml_access", diff=_drift, label=_label, actions=ROLE_ASSIGNMENT.rights, withdrawn=True)
