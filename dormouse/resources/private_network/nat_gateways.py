"""NAT gateways: the one public address from which a subnet reaches the internet.

https://learn.microsoft.com/azure/nat-gateway/nat-overview
"""

from dormouse.resources.billing.meters import NAT_GATEWAY as METER
from dormouse.resources.billing.meters import Charge
from dormouse.resources.kinds import ResourceKind
from dormouse.resources.network import ADDRESSES, POLLS, in_group
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

GATEWAYS = "Microsoft.Network/natGateways"
# The newest version whose responses are recorded.
API_VERSION = "2025-03-01"


def nat_gateway(target: DeploymentTarget, address: Resource) -> Resource:
    """A NAT gateway with this public address, for subnets that name it."""
    body = {"sku": {"name": "Standard"}, "properties": {"publicIpAddresses": [{"id": address.id}]}}
    return in_group(target, "nat", NAT_GATEWAY, target.called("nat"), body, needs=("group", address.name))


# A subnet that names a gateway joins it: https://learn.microsoft.com/azure/role-based-access-control/permissions/networking
NAT_GATEWAY = ResourceKind(
    "nat_gateway",
    GATEWAYS,
    API_VERSION,
    checks=("cost_is_allowed",),
    charges=lambda resource: (Charge.of(METER),),
    charged="by the hour as long as it exists",
    by_use="traffic of NAT gateways",
    actions=(f"{GATEWAYS}/join/action", f"{ADDRESSES}/join/action", *POLLS),
)
