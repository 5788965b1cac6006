"""Workspaces of Azure Machine Learning.

Properties and values are those of the client of API version 2025-12-01 in azure-ai-ml 1.35.2. What can be changed:
https://learn.microsoft.com/azure/machine-learning/how-to-manage-workspace, how-to-managed-network
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dormouse.resources.kinds import NONE, Change, Difference, Observed, Outputs, ResourceKind, failed_or_as_put
from dormouse.resources.network import in_group
from dormouse.resources.plan import Resource
from dormouse.resources.storage import CONTAINERS
from dormouse.resources.target import DeploymentTarget

PROVIDER = "Microsoft.MachineLearningServices"
WORKSPACES = f"{PROVIDER}/workspaces"
API_VERSION = "2025-12-01"
# The polls of operations. https://learn.microsoft.com/azure/role-based-access-control/permissions/ai-machine-learning
POLLS = tuple(
    f"{PROVIDER}/locations/{polled}/read" for polled in ("workspaceOperationsStatus", "computeOperationsStatus", "usages")
)
NO_ISOLATION = "disabled"
ISOLATION = {
    NO_ISOLATION: "Disabled",
    "internet": "AllowInternetOutbound",
    "approved": "AllowOnlyApprovedOutbound",
}
# Of the properties that the plan sets: the field of specs, and why Azure does not change it ("": it does).
CREATED = "Azure decides it when it creates the workspace"
FIELDS = {
    "storageAccount": ("shared", CREATED),
    "keyVault": ("shared", CREATED),
    "enableDataIsolation": ("", CREATED),
    "applicationInsights": ("shared", ""),
    "containerRegistry": ("shared", ""),
    "publicNetworkAccess": ("public_access", ""),
    "friendlyName": ("title", ""),
    "systemDatastoresAuthMode": ("", ""),
    "v1LegacyMode": ("", ""),
}
LOOSENED = "the isolation of a managed network cannot be changed"


@dataclass(frozen=True, slots=True)
class SharedParts:
    """The resource IDs of what a workspace uses of the shared environment."""

    storage: str
    vault: str
    insights: str
    registry: str


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """How a workspace is set up; `isolation` is a key of `ISOLATION`, and `approved` has host names that clusters may reach.

    `fresh`: a deleted workspace of the same name is purged with its data.
    """

    title: str = ""
    public_access: bool = True
    isolation: str = NO_ISOLATION
    approved: tuple[str, ...] = ()
    fresh: bool = False


def ml_workspace(target: DeploymentTarget, shared: SharedParts, settings: WorkspaceSettings) -> Resource:
    """A workspace with an identity of its own, whose data is kept apart from that of others in the same storage.

    It is not `contained_in` its group: the deletion of a group only soft-deletes it, so it is purged before.
    https://github.com/Azure/azure-cli/issues/33756
    """
    properties: dict[str, Any] = {
        "friendlyName": settings.title or target.environment,
        "storageAccount": shared.storage,
        "keyVault": shared.vault,
        "applicationInsights": shared.insights,
        "containerRegistry": shared.registry,
        "systemDatastoresAuthMode": "Identity",
        "enableDataIsolation": True,
        "v1LegacyMode": False,
        "publicNetworkAccess": "Enabled" if settings.public_access else "Disabled",
        "managedNetwork": _managed_network(settings),
        # Otherwise the first cluster waits half an hour for it.
        **({"provisionNetworkNow": True} if settings.isolation != NO_ISOLATION else {}),
    }
    body = {
        "kind": "Default",
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {"type": "SystemAssigned"},
        "properties": properties,
    }
    known = {"fresh": "true"} if settings.fresh else {}
    resource = in_group(target, "workspace", ML_WORKSPACE, target.called("mlw"), body, settings=known)
    return Resource(resource.name, resource.kind, resource.id, resource.body, resource.settings, needs=resource.needs)


def own_containers(workspace_id: str) -> str:
    """How the names of the blob containers begin that a workspace with isolated data has in the shared storage.

    https://learn.microsoft.com/azure/machine-learning/concept-workspace (data isolation)
    """
    return f"{workspace_id}-azureml"


def container_id(account: str, name: str) -> str:
    """The resource ID of a blob container of a storage account."""
    return f"{account}/blobServices/default/containers/{name}"


def _managed_network(settings: WorkspaceSettings) -> dict[str, Any]:
    rules = {
        f"allow-{host.replace('*', 'any').replace('.', '-')}": {
            "type": "FQDN",
            "category": "UserDefined",
            "destination": host,
        }
        for host in settings.approved
    }
    return {"isolationMode": ISOLATION[settings.isolation], **({"outboundRules": rules} if rules else {})}


def _identity(observed: Observed) -> Outputs:
    principal = (observed.get("identity") or {}).get("principalId")
    workspace = (observed.get("properties") or {}).get("workspaceId")
    found = {"principal_id": principal, "workspace_id": workspace}
    return {name: str(value) for name, value in found.items() if value}


def _drift(resource: Resource, observed: Observed) -> Change:
    change = Change.of(_differences(resource.body["properties"], observed.get("properties") or {}))
    return failed_or_as_put(resource, observed) if change == NONE else change


def _differences(planned: dict[str, Any], shown: dict[str, Any]) -> Iterator[Difference]:
    for name, (field, obstacle) in FIELDS.items():
        before, after = _text(shown.get(name)), _text(planned.get(name))
        if before.lower() != after.lower():
            yield Difference(field or name, before, after, obstacle)
    before = _text((shown.get("managedNetwork") or {}).get("isolationMode") or ISOLATION[NO_ISOLATION])
    after = planned["managedNetwork"]["isolationMode"]
    if before != after:
        yield Difference("isolation", before, after, "" if before == ISOLATION[NO_ISOLATION] else LOOSENED)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _problem(observed: Observed) -> str:
    state = str((observed.get("properties") or {}).get("provisioningState", ""))
    return f"The workspace is in the state {state}." if state in ("Failed", "Canceled") else ""


def _probed(resource: Resource) -> bool:
    return True


ML_WORKSPACE = ResourceKind(
    "ml_workspace",
    WORKSPACES,
    API_VERSION,
    diff=_drift,
    outputs=_identity,
    problem=_problem,
    probed=_probed,
    actions=(*POLLS, f"{CONTAINERS}/read", f"{CONTAINERS}/delete"),
)
