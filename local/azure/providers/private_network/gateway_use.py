"""What uses a NAT gateway, and what it uses."""

from local.azure.core.responses import Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.kinds import VNET


def addresses_of(gateway: Document) -> set[str]:
    """The IDs of the public addresses of a gateway, in lower case."""
    return {one["id"].lower() for one in gateway["properties"].get("publicIpAddresses", [])}


def subnets_of(world: World, gateway: Document) -> list[str]:
    """The IDs of the subnets that reach the internet through a gateway."""
    return [
        subnet["id"]
        for network in world.resources(VNET)
        for subnet in network["properties"]["subnets"]
        if subnet["properties"].get("natGateway", {}).get("id", "").lower() == gateway["id"].lower()
    ]


def in_use(world: World, gateway: Document) -> Refused | None:
    """The reason why a gateway cannot be deleted, if there is one; the words are assumed.

    https://learn.microsoft.com/azure/nat-gateway/troubleshoot-nat: it is removed from its subnets first.
    """
    subnets = subnets_of(world, gateway)
    if not subnets:
        return None
    text = f"NAT gateway {gateway['id']} cannot be deleted because it is in use by subnets: {', '.join(subnets)}."
    return Refused(400, "InUseNatGatewayCannotBeDeleted", text, details=[])
