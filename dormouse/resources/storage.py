"""Storage accounts and blob containers."""

from typing import Any

from dormouse.resources.kinds import ResourceKind
from dormouse.resources.naming import unique_name
from dormouse.resources.network import in_group
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

ACCOUNTS = "Microsoft.Storage/storageAccounts"
CONTAINERS = f"{ACCOUNTS}/blobServices/containers"
API_VERSION = "2023-05-01"
READS = ("Microsoft.Storage/checknameavailability/read", "Microsoft.Storage/locations/asyncoperations/read")

ACCOUNT_BODY: dict[str, Any] = {
    "sku": {"name": "Standard_LRS"},
    "kind": "StorageV2",
    "properties": {
        "minimumTlsVersion": "TLS1_2",
        "allowBlobPublicAccess": False,
        "allowSharedKeyAccess": False,
        "supportsHttpsTrafficOnly": True,
    },
}


def storage_account(target: DeploymentTarget) -> Resource:
    """A storage account with a globally unique name, without access by key."""
    return in_group(target, "storage", STORAGE_ACCOUNT, account_name(target), ACCOUNT_BODY)


def blob_container(target: DeploymentTarget, name: str) -> Resource:
    """A private blob container in the environment's storage account; an existing one keeps its blobs."""
    path = f"{target.id(ACCOUNTS, account_name(target))}/blobServices/default/containers/{name}"
    body = {"properties": {"publicAccess": "None"}}
    return Resource("container", BLOB_CONTAINER.name, path, body, needs=("storage",), contained_in="storage")


def account_name(target: DeploymentTarget) -> str:
    """The name of the environment's storage account."""
    return unique_name("st", target.environment, target.root)


STORAGE_ACCOUNT = ResourceKind(
    "storage_account", ACCOUNTS, API_VERSION, checks=("names_are_free",), public_name=True, actions=READS
)
BLOB_CONTAINER = ResourceKind("blob_container", CONTAINERS, API_VERSION)
