"""What a workspace makes outside itself: roles of its identity, and containers in its storage, which outlive it.

https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles (Azure AI Administrator on the resource group),
https://learn.microsoft.com/azure/machine-learning/concept-workspace: with isolated data, containers carry the ID of the
workspace, and its identity is limited to them by conditions. That the service assigns that role itself is assumed.
"""

import uuid

from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.providers import blob_containers
from local.azure.providers.kinds import ACCOUNT, ROLE

NAMESPACE = uuid.UUID("8c7a4c1e-9f0b-5b52-8f6d-2f5b8f7f0a66")
STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
NAMED = "Microsoft.Storage/storageAccounts/blobServices/containers:name"


def assign(world: World, role: str, principal: str, scope: str, condition: str | None = None) -> None:
    """Assign a role to an identity at once, as Azure services do; an equal assignment is left as it is."""
    definition = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    for one in world.resources(ROLE):
        given = one["properties"]
        if (given["roleDefinitionId"], given["principalId"], given["scope"]) == (definition, principal, scope):
            return
    properties = {
        "roleDefinitionId": definition,
        "principalId": principal,
        "principalType": "ServicePrincipal",
        "scope": scope,
        "condition": condition,
        "conditionVersion": "2.0" if condition else None,
    }
    guid = str(uuid.uuid5(NAMESPACE, f"{scope}|{principal}|{role}"))
    document = {"id": f"{scope}/providers/{ROLE}/{guid}", "name": guid, "type": ROLE, "properties": properties}
    world.keep({**document, "_effective": world.seconds()})


def make(world: World, workspace: Document) -> None:
    """Make what a workspace with isolated data has in its storage, if that exists; what is there already stays."""
    properties, principal = workspace["properties"], workspace["identity"].get("principalId")
    account = world.resource(properties["storageAccount"])
    if account is None or account["type"] != ACCOUNT or not properties["enableDataIsolation"]:
        return
    guid = properties["workspaceId"]
    for name in (f"{guid}-azureml", f"{guid}-azureml-blobstore"):
        identifier = f"{account['id']}/blobServices/default/containers/{name}"
        if world.resource(identifier) is None:
            blob_containers.keep(world, identifier, {})
    if principal:
        condition = f"(@Resource[{NAMED}] StringLike '{guid}-*')"
        assign(world, STORAGE_BLOB_DATA_CONTRIBUTOR, principal, account["id"], condition)
