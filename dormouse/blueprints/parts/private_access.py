"""Private access, which several blueprints may offer: a virtual network, with endpoints of what is shared."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated

from dormouse.blueprints.fields import PrivateNetwork
from dormouse.blueprints.spec import AZURE_RESERVES, Part
from dormouse.errors import Fault
from dormouse.resources.network import public_address
from dormouse.resources.plan import Resource
from dormouse.resources.private_network.nat_gateways import nat_gateway
from dormouse.resources.private_network.private_links import (
    network_of_parent,
    private_links,
    private_network,
    private_zones,
    subnets_network,
)
from dormouse.resources.target import DeploymentTarget
from dormouse.text.doc import doc

ENDPOINTS, COMPUTE = "endpoints", "compute"
DOCKER = ipaddress.IPv4Network("172.17.0.0/16")


class PrivateAccess(Part):
    """A virtual network in which everything has private endpoints, while access from public networks is off."""

    address_space: Annotated[PrivateNetwork, doc("The private addresses of the network.", "10.40.0.0/16")] = "10.40.0.0/16"
    endpoints: Annotated[PrivateNetwork, doc("The subnet of the private endpoints.", "10.40.0.0/24")] = "10.40.0.0/24"
    compute: Annotated[PrivateNetwork, doc("The subnet for compute clusters.", "10.40.4.0/22")] = "10.40.4.0/22"
    nat_gateway: Annotated[
        bool, doc("Whether the subnets reach the internet, through a NAT gateway with one public address.", True)
    ] = False


def private_faults(network: PrivateAccess) -> Iterator[Fault]:
    """The faults of address ranges that do not fit together.

    https://learn.microsoft.com/azure/machine-learning/how-to-secure-training-vnet
    """
    space = ipaddress.IPv4Network(network.address_space)
    subnets = {name: ipaddress.IPv4Network(getattr(network, name)) for name in (ENDPOINTS, COMPUTE)}
    for name, subnet in subnets.items():
        if not subnet.subnet_of(space):
            yield Fault(f"/private_network/{name}", f"{subnet} is not inside address_space {space}")
        if subnet.num_addresses <= AZURE_RESERVES:
            words = f"{subnet} is too small: Azure reserves {AZURE_RESERVES} addresses, so use /29 or wider"
            yield Fault(f"/private_network/{name}", words)
    if subnets[ENDPOINTS].overlaps(subnets[COMPUTE]):
        yield Fault(f"/private_network/{COMPUTE}", f"{subnets[COMPUTE]} overlaps the subnet of the endpoints")
    if space.overlaps(DOCKER):
        yield Fault("/private_network/address_space", f"overlaps {DOCKER}, the bridge of Docker on compute clusters")


def private_access(
    network: PrivateAccess,
    target: DeploymentTarget,
    shared: Mapping[str, Resource],
    groups: Mapping[str, Sequence[str]],
    more_groups: Iterable[str] = (),
) -> Iterator[Resource]:
    """The network, its zones, and the endpoints of shared resources: `groups` says for what each has them.

    `more_groups` are those of resources elsewhere that will have their endpoints in this network.
    """
    gateway = None
    if network.nat_gateway:
        address = public_address(target, {})
        gateway = nat_gateway(target, address)
        yield from (address, gateway)
    subnets = {ENDPOINTS: network.endpoints, COMPUTE: network.compute}
    made = subnets_network(target, network.address_space, subnets, gateway)
    zones = private_zones(target, made, [*(group for name in shared for group in groups[name]), *more_groups])
    yield from (made, *zones)
    place = private_network(target, made, ENDPOINTS, zones)
    for name, resource in shared.items():
        yield from private_links(target, resource, groups[name], place)


def links_in_parent(target: DeploymentTarget, of: Resource, groups: Iterable[str], parent: str) -> Sequence[Resource]:
    """The endpoints of a resource in the private network of an environment that this one depends on; none without one."""
    network = network_of_parent(target.parents[parent], parent, ENDPOINTS)
    return private_links(target, of, groups, network) if network else ()
