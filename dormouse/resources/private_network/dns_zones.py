"""Private DNS zones, and their links to virtual networks."""

from dormouse.resources.billing.meters import DNS_ZONE, Charge
from dormouse.resources.kinds import ResourceKind
from dormouse.resources.network import VNETS, in_group
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

ZONES = "Microsoft.Network/privateDnsZones"
LINKS = f"{ZONES}/virtualNetworkLinks"
API_VERSION = "2024-06-01"
# Zones are in no region: https://learn.microsoft.com/azure/dns/private-dns-privatednszone
EVERYWHERE = {"location": "global"}
# The URLs of their long operations (recorded: "PUT [rg]/microsoft.network/privatednszones/{}") are reads of these types.
POLLS = tuple(f"Microsoft.Network/privateDnsOperation{polled}/read" for polled in ("Statuses", "Results"))


def private_dns_zone(target: DeploymentTarget, name: str, zone: str) -> Resource:
    """A private DNS zone, such as `privatelink.blob.core.windows.net`, as a resource with this name."""
    return in_group(target, name, PRIVATE_DNS_ZONE, zone, EVERYWHERE)


def dns_zone_link(target: DeploymentTarget, zone: Resource, network: Resource) -> Resource:
    """The link that lets a virtual network resolve the names of a zone; it registers no machines there.

    Azure deletes no zone that has a link, so the link is a resource of its own: https://github.com/Azure/azure-cli/issues/15010
    """
    body = {**EVERYWHERE, "properties": {"registrationEnabled": False, "virtualNetwork": {"id": network.id}}}
    path = f"{zone.id}/virtualNetworkLinks/{target.called('link')}"
    needs = (zone.name, network.name)
    return Resource(f"{zone.name}-link", DNS_ZONE_LINK.name, path, target.located(body), needs=needs, contained_in="group")


PRIVATE_DNS_ZONE = ResourceKind(
    "private_dns_zone",
    ZONES,
    API_VERSION,
    checks=("cost_is_allowed",),
    charges=lambda resource: (Charge.of(DNS_ZONE),),
    charged="by the month as long as it exists",
    by_use="DNS queries",
    actions=POLLS,
)
# https://learn.microsoft.com/azure/dns/dns-protect-private-zones-recordsets
DNS_ZONE_LINK = ResourceKind("dns_zone_link", LINKS, API_VERSION, actions=(f"{VNETS}/join/action", *POLLS))
