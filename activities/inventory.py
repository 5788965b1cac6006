"""What of an environment is there: asked of Resource Graph, of the vault, and of each resource itself."""

from cloud.connection import Cloud
from cloud.inventory import GroupView, Inventory
from cloud.reading import listed
from cloud.resource_types import is_known


async def list_belongings(request: str, cloud: Cloud) -> list[str]:
    """The ids of everything that carries an environment's tag, wherever it lives; may be some seconds old."""
    return await Inventory(cloud).belongings(request)


async def list_secrets(request: str, cloud: Cloud) -> list[str]:
    """The names of the secrets that carry an environment's tag."""
    secrets = await listed(cloud.secrets.list_properties_of_secrets())
    return [secret.name for secret in secrets if secret.name and (secret.tags or {}).get("dormouse") == request]


async def list_deleted_secrets(request: str, cloud: Cloud) -> list[str]:
    """The names of the deleted secrets that carry an environment's tag, and can still be recovered."""
    secrets = await listed(cloud.secrets.list_deleted_secrets())
    return [secret.name for secret in secrets if secret.name and (secret.properties.tags or {}).get("dormouse") == request]


async def read_group(request: str, cloud: Cloud) -> GroupView:
    """A resource group, and the environment that it says it belongs to."""
    return await Inventory(cloud).group(request)


async def is_still_there(request: str, cloud: Cloud) -> bool:
    """Whether a resource exists; what we do not know how to ask for is taken to be there."""
    return not is_known(request) or await Inventory(cloud).read(request) is not None
