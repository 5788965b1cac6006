"""Proof that nothing is left: asked of Resource Graph, and of each resource itself."""

import asyncio
from dataclasses import dataclass

from cloud.connection import Cloud
from cloud.inventory import Inventory
from cloud.resource_types import is_known


@dataclass(frozen=True, slots=True)
class Search:
    """Where to look for what an environment may have left: its tag, its group ("" for tagged things only), its secrets."""

    environment: str
    group: str = ""
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remains:
    """What is still there: resource ids, and names of secrets."""

    resources: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Everything that is left, for people to read."""
        return (*self.resources, *(f"key vault secret {name}" for name in self.secrets))


async def find_remains(request: Search, cloud: Cloud) -> Remains:
    """What of an environment is still there; what Resource Graph remembers is believed only after a look at it."""
    inventory = Inventory(cloud)
    belongings, secrets, group = await asyncio.gather(
        inventory.belongings(request.environment), _secrets(request, cloud), _group(request, cloud)
    )
    # The group itself carries the tag too; what lies in a group that is gone is gone with it.
    inside = f"/resourcegroups/{request.group}/".lower()
    doubtful = [identifier for identifier in belongings if group or not request.group or inside not in identifier.lower()]
    exist = await asyncio.gather(*(_still_there(inventory, identifier) for identifier in doubtful))
    found = [identifier for identifier, exists in zip(doubtful, exist, strict=True) if exists]
    return Remains((*group, *found), tuple(secrets))


async def read_group_owner(request: str, cloud: Cloud) -> str:
    """The environment that a resource group says it belongs to; "" if there is no such group, "?" if it does not say."""
    tags = await Inventory(cloud).group_tags(request)
    return "" if tags is None else tags.get("dormouse", "?")


async def _still_there(inventory: Inventory, identifier: str) -> bool:
    if not is_known(identifier):
        return True
    return await inventory.exists(identifier)


async def _group(request: Search, cloud: Cloud) -> list[str]:
    if request.group and await Inventory(cloud).group_exists(request.group):
        return [f"/subscriptions/{cloud.settings.azure_subscription_id}/resourceGroups/{request.group}"]
    return []


async def _secrets(request: Search, cloud: Cloud) -> list[str]:
    secrets = cloud.secrets.list_properties_of_secrets()
    return [s.name async for s in secrets if s.name and (s.tags or {}).get("dormouse") == request.environment]
