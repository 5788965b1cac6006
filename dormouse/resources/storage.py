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

# The name in plans of an account that is the only one, or the first.
STORAGE = "storage"

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


def storage_account(target: DeploymentTarget, name: str = STORAGE) -> Resource:
    """A storage account with a globally unique name, without access by key; `name` is that of the resource in its plan."""
    return in_group(target, name, STORAGE_ACCOUNT, account_name(target, name), ACCOUNT_BODY)


def blob_container(target: DeploymentTarget, called: str, name: str = "container", account: str = STORAGE) -> Resource:
    """A private blob container in a storage account of the environment; an existing one keeps its blobs.

    `name` is that of the resource in its plan, and `account` that of the account there.
    """
    path = f"{target.id(ACCOUNTS, account_name(target, account))}/blobServices/default/containers/{called}"
    body = {"properties": {"publicAccess": "None"}}
    return Resource(name, BLOB_CONTAINER.name, path, body, needs=(account,), contained_in=account)


def account_name(target: DeploymentTarget, name: str = STORAGE) -> str:
    """The name in Azure of a storage account of the environment."""
    return unique_name("st", target.environment, target.root if name == STORAGE else f"{target.root}/{name}")


STORAGE_ACCOUNT = ResourceKind(
    "storage_account", ACCOUNTS, API_VERSION, checks=("names_are_free",), public_name=True, actions=READS
)
BLOB_CONTAINER = ResourceKind("blob_container", CONTAINERS, API_VERSION)
