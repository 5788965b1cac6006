"""The private access to a resource: an endpoint for each of its groups, with its names in zones that endpoints share.

Groups and zones: https://learn.microsoft.com/azure/private-link/private-endpoint-dns
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dormouse.resources.network import VIRTUAL_NETWORK, in_group
from dormouse.resources.plan import Resource
from dormouse.resources.private_network.dns_zones import ZONES, dns_zone_link, private_dns_zone
from dormouse.resources.private_network.endpoints import dns_zone_group, private_endpoint
from dormouse.resources.target import DeploymentTarget

# The zones in which the names of a group are, each with the name of its resource in plans.
BLOB, FILE, DFS, QUEUE, TABLE = STORAGE_GROUPS = ("blob", "file", "dfs", "queue", "table")
VAULT, REGISTRY, WORKSPACE = "vault", "registry", "amlworkspace"
ZONES_OF: Mapping[str, tuple[str, ...]] = {
    **{group: (f"privatelink.{group}.core.windows.net",) for group in STORAGE_GROUPS},
    VAULT: ("privatelink.vaultcore.azure.net",),
    REGISTRY: ("privatelink.azurecr.io",),
    WORKSPACE: ("privatelink.api.azureml.ms", "privatelink.notebooks.azure.net"),
}


@dataclass(frozen=True, slots=True)
class PrivateNetwork:
    """Where endpoints are put: a subnet, and zones (name → resource ID) that the network of the subnet sees.

    `network` names the resource of the plan that the subnet is part of ("": it exists already), and `zone_needs` those
    that a zone comes from.
    """

    subnet: str
    zones: Mapping[str, str]
    network: str = ""
    zone_needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def subnets_network(
    target: DeploymentTarget, address_space: str, subnets: Mapping[str, str], gateway: Resource | None = None
) -> Resource:
    """A virtual network with several subnets (name → IPv4 network), which reach the internet through this NAT gateway.

    Policies for endpoints are off, which is Azure's default: https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy
    """
    through: dict[str, Any] = {"natGateway": {"id": gateway.id}} if gateway else {}
    places = [
        {
            "name": target.called(name),
            "properties": {"addressPrefix": prefix, "privateEndpointNetworkPolicies": "Disabled", **through},
        }
        for name, prefix in subnets.items()
    ]
    body = {"properties": {"addressSpace": {"addressPrefixes": [address_space]}, "subnets": places}}
    needs = ("group", *([gateway.name] if gateway else []))
    return in_group(target, "network", VIRTUAL_NETWORK, target.called("vnet"), body, needs=needs)


def subnet_id(target: DeploymentTarget, network: Resource, name: str) -> str:
    """The resource ID of a subnet of a network that `subnets_network` has made."""
    return f"{network.id}/subnets/{target.called(name)}"


def private_zones(target: DeploymentTarget, network: Resource, groups: Iterable[str]) -> list[Resource]:
    """One zone for each name that these groups need, each with its link to the network.

    One environment has them for itself and for the environments that depend on it.
    """
    made = []
    for zone in _zones(groups):
        resource = private_dns_zone(target, _name_of(zone), zone)
        made += [resource, dns_zone_link(target, resource, network)]
    return made


def private_network(target: DeploymentTarget, network: Resource, subnet: str, zones: Sequence[Resource]) -> PrivateNetwork:
    """The private network of a plan: a subnet of its virtual network, and the zones of `private_zones`."""
    names = {one.name for one in zones}
    known = {zone: target.id(ZONES, zone) for zone in _zones(ZONES_OF) if _name_of(zone) in names}
    needs = {zone: (_name_of(zone), f"{_name_of(zone)}-link") for zone in known}
    return PrivateNetwork(subnet_id(target, network, subnet), known, network.name, needs)


def private_links(target: DeploymentTarget, of: Resource, groups: Iterable[str], network: PrivateNetwork) -> list[Resource]:
    """The endpoints for these groups of a resource, each followed by its names in the zones of the group.

    Raises KeyError for a group that is not known, or whose zone the private network has not.
    """
    made = []
    for group in groups:
        zones = {zone: network.zones[zone] for zone in ZONES_OF[group]}
        endpoint = private_endpoint(target, of, group, network.subnet, (network.network,) if network.network else ())
        waits = tuple(name for zone in zones for name in network.zone_needs.get(zone, ()))
        made += [endpoint, dns_zone_group(endpoint, zones, waits)]
    return made


def closed(resource: Resource) -> Resource:
    """The resource without access from public networks, so that only its private endpoints lead to it."""
    properties = {**resource.body["properties"], "publicNetworkAccess": "Disabled"}
    return replace(resource, body={**resource.body, "properties": properties})


def network_of_parent(outputs: Mapping[str, Mapping[str, str]], parent: str, subnet: str) -> PrivateNetwork | None:
    """The private network of an environment that this one depends on, from its outputs; None if it has none.

    `subnet` is the name of a subnet for endpoints there, as `subnets_network` got it.
    """
    if "network" not in outputs:
        return None
    zones = {zone: outputs[_name_of(zone)]["id"] for zone in _zones(ZONES_OF) if _name_of(zone) in outputs}
    return PrivateNetwork(f"{outputs['network']['id']}/subnets/{subnet}-{parent}", zones)


def _zones(groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(zone for group in groups for zone in ZONES_OF[group]))


def _name_of(zone: str) -> str:
    """The name of a zone's resource in plans: that of its service."""
    return f"zone-{zone.split('.')[1]}" if ".azureml." not in zone else "zone-azureml"
