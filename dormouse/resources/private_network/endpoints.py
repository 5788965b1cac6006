"""Private endpoints: the address of another resource in a subnet, and the groups of zones in which its names are.

https://learn.microsoft.com/azure/private-link/private-endpoint-overview
"""

from collections.abc import Mapping, Sequence

from dormouse.resources.billing.meters import PRIVATE_ENDPOINT as METER
from dormouse.resources.billing.meters import Charge
from dormouse.resources.kinds import Observed, Outputs, ResourceKind
from dormouse.resources.network import NETWORK_INTERFACE, NICS, VNETS, in_group
from dormouse.resources.network import POLLS as NETWORK_POLLS
from dormouse.resources.plan import Resource
from dormouse.resources.private_network.dns_zones import ZONES
from dormouse.resources.target import DeploymentTarget

ENDPOINTS = "Microsoft.Network/privateEndpoints"
ZONE_GROUPS = f"{ENDPOINTS}/privateDnsZoneGroups"
# The newest version whose responses are recorded.
API_VERSION = "2025-03-01"
APPROVED = "approved"
CARD = "nic"
CONNECTIONS = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
# What may have endpoints here; who may approve a connection to it has it approved at once.
# https://learn.microsoft.com/azure/private-link/private-endpoint-overview#access-to-a-private-link-resource-using-approval-workflow
TARGETS = (
    "Microsoft.ContainerRegistry/registries",
    "Microsoft.KeyVault/vaults",
    "Microsoft.MachineLearningServices/workspaces",
    "Microsoft.Storage/storageAccounts",
)
APPROVALS = tuple(f"{kind}/privateEndpointConnectionsApproval/action" for kind in TARGETS)


def private_endpoint(
    target: DeploymentTarget, of: Resource, group: str, subnet: str, needs: tuple[str, ...] = ()
) -> Resource:
    """A private endpoint in a subnet (a resource ID) for one group of another resource, such as the `blob` of an account.

    Its network interface has a name that follows from its own, so that it can be accounted for.
    """
    instance = f"{of.name}-{group}"
    card = target.called("pe", f"{instance}-nic")
    connection = {"name": group, "properties": {"privateLinkServiceId": of.id, "groupIds": [group]}}
    properties = {
        "subnet": {"id": subnet},
        "customNetworkInterfaceName": card,
        "privateLinkServiceConnections": [connection],
    }
    return in_group(
        target,
        f"endpoint-{instance}",
        PRIVATE_ENDPOINT,
        target.called("pe", instance),
        {"properties": properties},
        settings={CARD: card},
        needs=("group", of.name, *needs),
    )


def dns_zone_group(endpoint: Resource, zones: Mapping[str, str], needs: tuple[str, ...] = ()) -> Resource:
    """What writes the addresses of an endpoint into zones (name → resource ID) and removes them again.

    `needs` names the zones, and the links by which machines see them, as far as the plan has them.
    """
    configs = [
        {"name": zone.replace(".", "-"), "properties": {"privateDnsZoneId": identifier}}
        for zone, identifier in zones.items()
    ]
    body = {"properties": {"privateDnsZoneConfigs": configs}}
    path = f"{endpoint.id}/privateDnsZoneGroups/default"
    return Resource(
        f"{endpoint.name}-zones", DNS_ZONE_GROUP.name, path, body, needs=(endpoint.name, *needs), contained_in="group"
    )


def _card(resource: Resource) -> Sequence[Resource]:
    """The network interface that Azure creates for an endpoint, and deletes with it."""
    group, name = resource.id.partition("/providers/")[0], resource.settings.get(CARD, "")
    path = f"{group}/providers/{NICS}/{name}"
    found = Resource(f"{resource.name}-nic", NETWORK_INTERFACE.name, path, needs=("group",), contained_in=resource.name)
    return [found] if name else []


def _addresses(observed: Observed) -> Outputs:
    """The private addresses of an endpoint, by the names that lead to them."""
    configs = (observed.get("properties") or {}).get("customDnsConfigs") or []
    return {str(one["fqdn"]): ", ".join(one.get("ipAddresses") or []) for one in configs}


def _connection(observed: Observed) -> str:
    """What is wrong with the connection of an endpoint, or "": no traffic passes unless it is approved."""
    given = observed.get("properties") or {}
    found = [one for kind in CONNECTIONS for one in given.get(kind) or []]
    for state in ((one.get("properties") or {}).get("privateLinkServiceConnectionState") or {} for one in found):
        status = str(state.get("status") or APPROVED).lower()
        if status != APPROVED:
            said = str(state.get("description") or "").strip(" .")
            return f"The connection of the private endpoint {observed.get('name')} is {status}{f': {said}' if said else ''}."
    return ""


PRIVATE_ENDPOINT = ResourceKind(
    "private_endpoint",
    ENDPOINTS,
    API_VERSION,
    outputs=_addresses,
    problem=_connection,
    implied=_card,
    checks=("cost_is_allowed",),
    charges=lambda resource: (Charge.of(METER),),
    charged="by the hour as long as it exists",
    by_use="traffic of private endpoints",
    actions=(f"{VNETS}/subnets/join/action", *APPROVALS, *NETWORK_POLLS),
)
# The linked action: https://github.com/Azure/data-landing-zone/issues/203
DNS_ZONE_GROUP = ResourceKind("dns_zone_group", ZONE_GROUPS, API_VERSION, actions=(f"{ZONES}/join/action", *NETWORK_POLLS))
