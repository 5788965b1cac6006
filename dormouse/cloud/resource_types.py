"""Resource ids read: their type, and the version of the interface that answers for it."""

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
    """The type in an id, in lower case, like `microsoft.compute/virtualmachines/extensions`."""
    namespace, *rest = identifier.lower().rsplit("/providers/", 1)[-1].split("/")
    return "/".join([namespace, *rest[::2]])


def is_known(identifier: str) -> bool:
    """Whether we know how to ask for this resource."""
    return type_of(identifier) in API_VERSIONS


def api_version(identifier: str) -> str:
    """The version of the interface to ask for a resource; raises ValueError for a type we know nothing of."""
    kind = type_of(identifier)
    if kind not in API_VERSIONS:
        raise ValueError(f"no interface version is known for {kind}")
    return API_VERSIONS[kind]
