"""Datastores of a workspace: blob containers that it knows by a name, read with identities and never with keys."""

from collections.abc import Iterator
from typing import Any

from dormouse.resources.kinds import NONE, Change, Difference, Observed, ResourceKind, failed_or_as_put
from dormouse.resources.ml.workspaces import API_VERSION, WORKSPACES, container_id
from dormouse.resources.naming import group_of, name_of, subscription_of
from dormouse.resources.plan import WITHDRAWN, Resource

# All of it is decided when a datastore is registered: another one of the same name takes its place. The data stays.
FIXED = {"accountName": "account", "containerName": "container"}


def ml_datastore(workspace: Resource, name: str, account: str, container: str, reader: str, place: int) -> Resource:
    """A datastore of a workspace for a container of a storage account (a resource ID).

    `reader` is the resource ID of the identity with which clusters read it, and `place` its place in the list of the spec.
    https://learn.microsoft.com/azure/machine-learning/how-to-datastore
    """
    properties: dict[str, Any] = {
        "datastoreType": "AzureBlob",
        "accountName": name_of(account),
        "containerName": container,
        "endpoint": "core.windows.net",
        "protocol": "https",
        "credentials": {"credentialsType": "None"},
        "serviceDataAccessAuthIdentity": "WorkspaceSystemAssignedIdentity",
        "subscriptionId": subscription_of(account),
        "resourceGroup": group_of(account),
    }
    return Resource(
        f"datastore-{name}",
        ML_DATASTORE.name,
        f"{workspace.id}/datastores/{name}",
        {"properties": properties},
        {"scope": container_id(account, container), "reader": reader, "field": f"datastores.{place}", **WITHDRAWN},
        needs=(workspace.name,),
        contained_in=workspace.name,
    )


def _drift(resource: Resource, observed: Observed) -> Change:
    change = Change.of(_differences(resource, observed.get("properties") or {}))
    return failed_or_as_put(resource, observed) if change == NONE else change


def _differences(resource: Resource, shown: dict[str, Any]) -> Iterator[Difference]:
    planned = resource.body["properties"]
    for name, field in FIXED.items():
        if shown.get(name) != planned[name]:
            yield Difference(f"{resource.settings['field']}.{field}", str(shown.get(name)), planned[name])


def _label(resource: Resource) -> str:
    return f"datastore {resource.id}"


ML_DATASTORE: ResourceKind = ResourceKind(
    "ml_datastore",
    f"{WORKSPACES}/datastores",
    API_VERSION,
    diff=_drift,
    label=_label,
    checks=("containers_exist",),
    probed=lambda resource: True,
)
