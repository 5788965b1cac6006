"""Resource types in resource IDs, and the API version of each type."""

API_VERSIONS = {
    "microsoft.network/virtualnetworks": "2024-05-01",
    "microsoft.network/networksecuritygroups": "2024-05-01",
    "microsoft.network/publicipaddresses": "2024-05-01",
    "microsoft.network/networkinterfaces": "2024-05-01",
    "microsoft.storage/storageaccounts": "2023-05-01",
    "microsoft.storage/storageaccounts/blobservices/containers": "2023-05-01",
    "microsoft.compute/virtualmachines": "2024-07-01",
    "microsoft.compute/virtualmachines/extensions": "2024-07-01",
    "microsoft.compute/disks": "2024-03-02",
    "microsoft.authorization/roleassignments": "2022-04-01",
}


def type_of(identifier: str) -> str:
    """The resource type in an ID, in lower case, such as `microsoft.compute/virtualmachines/extensions`."""
    namespace, *rest = identifier.lower().rsplit("/providers/", 1)[-1].split("/")
    return "/".join([namespace, *rest[::2]])


def is_known(identifier: str) -> bool:
    """Whether the API version for this resource is known."""
    return type_of(identifier) in API_VERSIONS


def api_version(identifier: str) -> str:
    """The API version for a resource; raises ValueError for an unknown type."""
    kind = type_of(identifier)
    if kind not in API_VERSIONS:
        raise ValueError(f"no API version is known for the resource type {kind}")
    return API_VERSIONS[kind]
