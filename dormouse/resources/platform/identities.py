"""User-assigned identities, which outlive the resources that use them.

https://learn.microsoft.com/rest/api/managedidentity/user-assigned-identities
"""

from dormouse.resources.kinds import Observed, Outputs, ResourceKind
from dormouse.resources.network import in_group, numbered
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"


def user_assigned_identity(target: DeploymentTarget, instance: str = "") -> Resource:
    """An identity in the environment's group, called after the instance if there are several."""
    return in_group(target, numbered("identity", instance), USER_ASSIGNED_IDENTITY, target.called("id", instance), {})


def identity_outputs(observed: Observed) -> Outputs:
    """The `id`, `principal_id` and `client_id` of an identity."""
    properties = observed["properties"]
    shown = {"id": observed["id"], "principal_id": properties["principalId"], "client_id": properties["clientId"]}
    return {name: str(value) for name, value in shown.items()}


USER_ASSIGNED_IDENTITY = ResourceKind("user_assigned_identity", IDENTITIES, "2024-11-30", outputs=identity_outputs)
