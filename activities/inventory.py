"""Activities that find the resources of an environment in the records and in Azure."""

from dormouse.cloud.clients import Cloud
from dormouse.cloud.inventory import Inventory
from dormouse.environments.results import GroupView
from dormouse.records.environments import Records
from dormouse.resources.ownership import OwnedResources


async def read_owned_resources(request: str, cloud: Cloud) -> OwnedResources:
    """The recorded resources that a deletion of an environment deletes; empty if it has no record."""
    record = await Records(cloud.tables).environment(request)
    return OwnedResources.to_delete(record.resources if record else ())


async def list_tagged(request: str, cloud: Cloud) -> list[str]:
    """The IDs of all resources whose tags name an environment; may be some seconds old."""
    return await Inventory(cloud).tagged(request)


async def list_group(request: str, cloud: Cloud) -> list[str]:
    """The IDs of all resources in a resource group."""
    return await Inventory(cloud).contents(request)


async def read_group(request: str, cloud: Cloud) -> GroupView:
    """A resource group, and the environment in its tags."""
    return await Inventory(cloud).group(request)
