"""Private addresses of network interfaces: free ones, and those that a configuration asks for."""

import ipaddress
from collections.abc import Iterable

from local.azure.core.responses import Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import Body
from local.azure.providers.kinds import NIC


def private_address(world: World, subnet: Body, given: Body, before: Body, own: str) -> Body:
    """The private address of a configuration: the one that it asks for, or the one that it has, or a free one.

    https://learn.microsoft.com/azure/virtual-network/ip-services/virtual-networks-static-private-ip-arm-pportal; the codes are
    those of https://learn.microsoft.com/troubleshoot/azure/virtual-network, the words are assumed.
    """
    asked = str(given.get("privateIPAddress", ""))
    if given.get("privateIPAllocationMethod", "Dynamic") != "Static":
        return {
            "privateIPAddress": before.get("privateIPAddress") or free_address(world, subnet),
            "privateIPAllocationMethod": "Dynamic",
        }
    network = ipaddress.IPv4Network(subnet["properties"]["addressPrefix"])
    try:
        address = ipaddress.IPv4Address(asked)
    except ValueError:
        text = f"Private static IP address {asked!r} of {own} is not a valid IPv4 address."
        raise Refused(400, "InvalidIPAddressFormat", text, details=[]) from None
    if address not in network:
        text = f"Private static IP address {asked} does not belong to the range of subnet prefix {network}."
        raise Refused(400, "PrivateIPAddressNotInSubnet", text, details=[])
    if address in (*list(network)[:4], network[-1]):
        text = f"Private static IP address {asked} falls within reserved IP range of subnet prefix {network}."
        raise Refused(400, "PrivateIPAddressInReservedRange", text, details=[])
    if asked in _taken(world, subnet) - {before.get("privateIPAddress")}:
        text = (
            f"IP configuration {own} is using the private IP address {asked} which is already allocated to another resource."
        )
        raise Refused(400, "PrivateIPAddressInUse", text, details=[])
    return {"privateIPAddress": asked, "privateIPAllocationMethod": "Static"}


def _taken(world: World, subnet: Body) -> set[str]:
    return {
        item["properties"]["privateIPAddress"]
        for _, item in interface_configurations(world)
        if item["properties"]["subnet"]["id"].lower() == subnet["id"].lower()
    }


def free_address(world: World, subnet: Body, taken_too: Iterable[str] = ()) -> str:
    """An address of a subnet that no network interface has; raises the refusal of a full one."""
    network = ipaddress.IPv4Network(subnet["properties"]["addressPrefix"])
    taken = _taken(world, subnet) | set(taken_too)
    for host in list(network.hosts())[3:]:  # Azure reserves the first three
        if str(host) not in taken:
            return str(host)
    text = f"Subnet {subnet['name']} does not have enough capacity for 1 IP addresses."
    raise Refused(400, "SubnetIsFull", text, details=[])


def interface_configurations(world: World) -> list[tuple[Document, Body]]:
    """The network interfaces, each with one of its IP configurations."""
    return [(nic, item) for nic in world.resources(NIC) for item in nic["properties"]["ipConfigurations"]]
