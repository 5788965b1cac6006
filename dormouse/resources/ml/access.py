"""Roles on what work packages share: for the identities of an environment, and for the people who work in it."""

from dataclasses import replace

from dormouse.resources.identity import role_assignment_at, role_assignment_to
from dormouse.resources.plan import WITHDRAWN, Resource
from dormouse.resources.target import DeploymentTarget

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
STORAGE_BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
USER, GROUP = "User", "Group"


def access_of(
    target: DeploymentTarget, name: str, role: str, identity: Resource, scope: str, *, within: Resource | None = None
) -> Resource:
    """The assignment of a role at a scope outside the environment to the identity of a resource; it ends with the plan.

    With `within`, a workspace, it holds for the blob containers of that workspace only.
    """
    needs = tuple(one.name for one in (within,) if one is not None and one.name != identity.name)
    condition = containers_of(within) if within is not None else ""
    access = role_assignment_at(target, name, role, of=identity, scope=scope, needs=needs, condition=condition)
    return replace(access, settings=access.settings | WITHDRAWN)


def access_for(target: DeploymentTarget, name: str, role: str, person: tuple[str, str], workspace: Resource) -> Resource:
    """The assignment of a role on a workspace to a user or a group, by object ID and type; it ends with the plan.

    It is not `contained_in` the workspace: a custom role cannot be deleted while it is assigned anywhere.
    """
    principal, kind = person
    given = role_assignment_to(target, name, role, principal, kind, on=workspace)
    return replace(given, settings=given.settings | WITHDRAWN, contained_in="")


def containers_of(workspace: Resource) -> str:
    """The condition that limits a role on a storage account to the containers of one workspace.

    https://learn.microsoft.com/azure/storage/blobs/storage-auth-abac-attributes
    """
    attribute = "Microsoft.Storage/storageAccounts/blobServices/containers:name"
    return f"(@Resource[{attribute}] StringLike '{{{workspace.name}.workspace_id}}-*')"
