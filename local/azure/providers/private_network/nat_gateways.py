"""Microsoft.Network/natGateways.

https://learn.microsoft.com/rest/api/nat-gateway/nat-gateways
"""

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import VIEWS, referenced, shown, tracked
from local.azure.providers.kinds import NAT_GATEWAY
from local.azure.providers.network import checked, etag_of
from local.azure.providers.private_network.gateway_use import subnets_of
from local.azure.providers.private_network.tag_changes import only_tags_change, with_other_tags

PAUSE = 10
SHOWN_SINCE = "2025-03-01"  # of the recorded versions, the only one that shows them
OF_THAT_VERSION = {"scope": "Public", "privateIPAddresses": [], "privateIPAddressesV6": []}


def put_gateway(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to create or change a gateway; with other tags alone, at once."""
    body = checked(world, rid, request)
    given = body.get("properties") or {}
    if (body.get("sku") or {}).get("name") is None:
        text = f"The SKU of the NAT gateway {rid.text} must be specified."
        raise Refused(400, "SkuNotSpecified", text, details=[])  # assumed
    addresses = [one["id"] for one in given.get("publicIpAddresses") or []]
    for address in addresses:
        known = referenced(world, address, rid.text)
        if (known.get("sku") or {}).get("name") != "Standard":
            # https://learn.microsoft.com/azure/nat-gateway/nat-gateway-resource#nat-gateway-ip-address-configurations
            text = f"The public IP address {address} of the NAT gateway {rid.text} must have the SKU Standard."
            raise Refused(400, "NatGatewayPublicIpSkuMismatch", text, details=[])
    existing = world.resource(rid.text)
    if existing is not None and only_tags_change(existing, body):
        return with_other_tags(world, existing, body, request)
    properties = {
        "provisioningState": "Updating",
        "resourceGuid": world.guid(rid.text),
        "idleTimeoutInMinutes": given.get("idleTimeoutInMinutes", 4),
        **({"publicIpAddresses": [{"id": address} for address in addresses]} if addresses else {}),
    }
    sku = {"name": body["sku"]["name"], "tier": "Regional"}
    document = world.keep({**tracked(rid, body, properties), "etag": etag_of(world, rid), "sku": sku})
    operation = operations.begin(
        world,
        "network resource ready",
        rid.text,
        f"PUT {NAT_GATEWAY}",
        request=("PUT", rid.text),
        provider="Microsoft.Network",
        pause=PAUSE,
    )
    where = operations.addresses(operation, request, document["location"])["Azure-AsyncOperation"]
    headers = {"Azure-AsyncOperation": where, "Retry-After": str(PAUSE)}
    return Answer(200 if existing else 201, shown(world, document, request), headers)


def _seen(world: World, document: Document, version: str) -> Document:
    subnets = [{"id": identifier} for identifier in subnets_of(world, document)]
    more = dict(OF_THAT_VERSION) if version >= SHOWN_SINCE else {}
    return {**document, "properties": {**more, **document["properties"], **({"subnets": subnets} if subnets else {})}}


VIEWS[NAT_GATEWAY] = _seen
