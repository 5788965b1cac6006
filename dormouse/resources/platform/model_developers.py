"""The custom role *model developer*: what people may do who train models, and no more.

Built from the built-in role AzureML Data Scientist and the restricted example in
https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles
"""

from dormouse.resources.identity import ROLE_ASSIGNMENT, assignment_id, role_id
from dormouse.resources.plan import Resource
from dormouse.resources.platform.custom_roles import Permissions, custom_role, role_guid
from dormouse.resources.target import DeploymentTarget

NAME, TITLE = "model-developer", "Model developer"
WORKSPACES = "Microsoft.MachineLearningServices/workspaces"
MODEL_DEVELOPER = Permissions(
    actions=(
        f"{WORKSPACES}/read",
        f"{WORKSPACES}/*/read",
        f"{WORKSPACES}/*/action",
        f"{WORKSPACES}/*/write",
        f"{WORKSPACES}/*/delete",
        "Microsoft.Storage/storageAccounts/read",
        "Microsoft.Storage/storageAccounts/blobServices/containers/read",
        "Microsoft.ContainerRegistry/registries/read",
        "Microsoft.ContainerRegistry/registries/pull/read",
        "Microsoft.Insights/components/read",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
    ),
    not_actions=(
        f"{WORKSPACES}/delete",
        f"{WORKSPACES}/write",
        # The patterns of the built-in role need a name between two slashes, which the actions on a compute do not have.
        f"{WORKSPACES}/computes/write",
        f"{WORKSPACES}/computes/delete",
        f"{WORKSPACES}/computes/*/write",
        f"{WORKSPACES}/computes/*/delete",
        f"{WORKSPACES}/computes/listKeys/action",
        f"{WORKSPACES}/listKeys/action",
        f"{WORKSPACES}/listStorageAccountKeys/action",
        f"{WORKSPACES}/connections/listsecrets/action",
        f"{WORKSPACES}/datastores/write",
        f"{WORKSPACES}/datastores/delete",
        f"{WORKSPACES}/hubs/*",
        f"{WORKSPACES}/featurestores/*",
        "Microsoft.Authorization/*",
    ),
    data_actions=("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",),
)


def model_developer_role(target: DeploymentTarget, stage: str) -> Resource:
    """The definition of the role, one for an environment and all that depend on it."""
    words = f"Trains models in the {stage} workspaces of {target.environment}; manages neither them nor their access."
    return custom_role(target, NAME, TITLE, MODEL_DEVELOPER, words)


def model_developer(target: DeploymentTarget, principal: str, principal_type: str) -> Resource:
    """The assignment of the role on the environment's group to a person or a group of people.

    It is deleted by itself: Azure keeps the role as long as it is assigned.
    """
    role = role_id(target, role_guid(target, TITLE))
    settings = {"scope": target.root, "role": role, "principal": principal, "principal_type": principal_type}
    name, identifier = f"developer-{principal}", assignment_id(target.root, principal, role)
    return Resource(name, ROLE_ASSIGNMENT.name, identifier, settings=settings, needs=("group", NAME))
