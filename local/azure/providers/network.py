"""Microsoft.Network: virtual networks, security groups, public addresses, network interfaces."""

from typing import Any

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.addresses import address_of, configurations, subnet_of
from local.azure.providers.common import Body, check_put, found, referenced, shown, tracked
from local.azure.providers.kinds import ADDRESS, FIREWALL, NIC, VNET
from local.azure.providers.rules import DEFAULT_RULES, check_rules, rule_of

PAUSES = {VNET: 3, FIREWALL: 1, ADDRESS: 1}
DELETE_PAUSES = {VNET: (10, 10), FIREWALL: (10, 10), ADDRESS: (10, 10), NIC: (4, 10)}
AT_ONCE = 0.3


def put_network(world: World, rid: ResourceId, request: Request) -> Answer:
    """A virtual network with the subnets in its body."""
    body = _checked(world, rid, request)
    given = body["properties"]
    subnets = [subnet_of(rid, subnet, given["addressSpace"]["addressPrefixes"]) for subnet in given.get("subnets", [])]
    properties = {
        "addressSpace": given["addressSpace"],
        "subnets": subnets,
        "virtualNetworkPeerings": [],
        "enableDdosProtection": False,
    }
    if "dhcpOptions" in given:
        properties["dhcpOptions"] = {"dnsServers": [], **(given["dhcpOptions"] or {})}
    return _put(world, rid, body, properties, request)


def put_firewall(world: World, rid: ResourceId, request: Request) -> Answer:
    """A security group with the rules in its body, and those that every one has."""
    body = _checked(world, rid, request)
    rules = [rule_of(rid, rule) for rule in body.get("properties", {}).get("securityRules", [])]
    check_rules(rules)
    defaults = [rule_of(rid, rule, default=True) for rule in DEFAULT_RULES]
    return _put(world, rid, body, {"securityRules": rules, "defaultSecurityRules": defaults}, request)


def put_address(world: World, rid: ResourceId, request: Request) -> Answer:
    """A public address; a static one gets its number when it is ready."""
    body = _checked(world, rid, request)
    properties, more = address_of(world, rid, body)
    return _put(world, rid, body, properties, request, **more)


def put_interface(world: World, rid: ResourceId, request: Request) -> Answer:
    """A network interface: made at once, with a private address out of its subnet; changed by and by."""
    body = _checked(world, rid, request)
    given = body["properties"]
    if "networkSecurityGroup" in given:
        referenced(world, given["networkSecurityGroup"]["id"], rid.text)
    existing = world.resource(rid.text)
    properties = {
        "resourceGuid": world.guid(rid.text),
        "ipConfigurations": configurations(world, rid, given["ipConfigurations"], existing),
        "dnsSettings": {
            "dnsServers": [],
            "appliedDnsServers": [],
            "internalDomainNameSuffix": f"{world.guid('domain', rid.group_id).replace('-', '')[:26]}.dx.internal.cloudapp.net",
        },
        "enableAcceleratedNetworking": False,
        "vnetEncryptionSupported": False,
        "enableIPForwarding": False,
        "disableTcpStateTracking": False,
        "hostedWorkloads": [],
        "tapConfigurations": [],
        "nicType": "Standard",
        "allowPort25Out": True,
        "auxiliaryMode": "None",
        "auxiliarySku": "None",
    }
    if "networkSecurityGroup" in given:
        properties["networkSecurityGroup"] = {"id": given["networkSecurityGroup"]["id"]}
    kept = ("virtualMachine", "primary", "macAddress")
    properties |= {name: existing["properties"][name] for name in kept if existing and name in existing["properties"]}
    if existing is None:
        document = {
            **tracked(rid, body, {"provisioningState": "Succeeded", **properties}),
            "etag": _etag(world, rid),
            "kind": "Regular",
        }
        return Answer(201, shown(world, world.keep(document), request))
    return _put(world, rid, body, properties, request, kind="Regular")


def patch_tags(world: World, rid: ResourceId, request: Request) -> Answer:
    """Change the tags of anything in the network: at once."""
    document, body = found(world, rid), request.json()
    if set(body) != {"tags"}:
        raise not_simulated(f"a PATCH of {rid.type} that changes more than tags")
    changed = {**document, "tags": body["tags"], "etag": _etag(world, rid)}
    return Answer(200, shown(world, world.keep(changed), request))


def in_use(world: World, document: Document) -> Refused | None:
    """Why something of the network cannot be deleted, if it cannot."""
    kind, identifier = document["type"], document["id"]
    if kind == NIC:
        machine = document["properties"].get("virtualMachine", {}).get("id")
        if machine is None:
            return None
        text = f"Network Interface {identifier} is used by existing resource {machine}. In order to delete the network interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic."
        return Refused(400, "NicInUse", text, details=[])
    for nic in world.resources(NIC):
        for configuration in nic["properties"]["ipConfigurations"]:
            if identifier.lower() in _references(nic, configuration):
                code, text = IN_USE[kind]
                subnet = configuration["properties"]["subnet"]["id"].rpartition("/")[2]
                said = text.format(id=identifier, nic=nic["id"], configuration=configuration["id"], subnet=subnet)
                return Refused(400, code, said, details=[])
    return None


IN_USE = {
    VNET: (
        "InUseSubnetCannotBeDeleted",
        "Subnet {subnet} is in use by {configuration} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.",
    ),
    FIREWALL: (
        "InUseNetworkSecurityGroupCannotBeDeleted",
        "Network security group {id} cannot be deleted because it is in use by the following resources: {nic}. In order to delete the Network security group, remove the association with the resource(s). To learn how to do this, see aka.ms/deletensg.",
    ),
    ADDRESS: (
        "PublicIPAddressCannotBeDeleted",
        "Public IP address {id} can not be deleted since it is still allocated to resource {configuration}. In order to delete the public IP, disassociate/detach the Public IP address from the resource.  To learn how to do this, see aka.ms/deletepublicip.",
    ),
}


def _checked(world: World, rid: ResourceId, request: Request) -> Body:
    body = request.json()
    check_put(world, rid, body)
    return body


def _put(world: World, rid: ResourceId, body: Body, properties: Body, request: Request, **more: Any) -> Answer:
    existing = world.resource(rid.text)
    if existing and "ipAddress" in existing["properties"]:
        properties["ipAddress"] = existing["properties"]["ipAddress"]
    properties = {"provisioningState": "Updating", "resourceGuid": world.guid(rid.text), **properties}
    document = {**tracked(rid, body, properties), "etag": _etag(world, rid), **more}
    same = existing is not None and _settled(existing) == _settled(document)
    begun = ("PUT", rid.text)
    operation = operations.begin(
        world,
        "network resource ready",
        rid.text,
        AT_ONCE if same else f"PUT {rid.type if rid.type in PAUSES else FIREWALL}",
        request=begun,
        provider="Microsoft.Network",
        pause=10,
    )
    where = operations.addresses(operation, request, document["location"])
    headers = {"Azure-AsyncOperation": where["Azure-AsyncOperation"]}
    if same and existing is not None:
        return Answer(200, shown(world, existing, request), headers)
    if rid.type in PAUSES:
        headers["Retry-After"] = str(PAUSES[rid.type])
    return Answer(200 if existing else 201, shown(world, world.keep(document), request), headers)


def _settled(document: Document) -> Document:
    """A resource without what changes from one moment to the next."""
    properties = {name: value for name, value in document["properties"].items() if name != "provisioningState"}
    tags = document.get("tags") or {}
    return {**{n: v for n, v in document.items() if n not in ("etag", "name", "id")}, "properties": properties, "tags": tags}


@operations.finisher("network resource ready")
def _ready(world: World, operation: Document) -> None:
    document = world.resource(operation["resource"])
    if document is None:
        return
    properties = {**document["properties"], "provisioningState": operation["status"]}
    if document["type"] == ADDRESS and properties["publicIPAllocationMethod"] == "Static" and "ipAddress" not in properties:
        number = int(world.guid(document["id"]).replace("-", ""), 16) % 254 + 1
        properties["ipAddress"] = f"203.0.113.{number}"  # reserved for documentation by RFC 5737
    world.keep({**document, "properties": properties})


def _references(nic: Document, configuration: Document) -> set[str]:
    return {
        nic["properties"].get("networkSecurityGroup", {}).get("id", "").lower(),
        configuration["properties"]["subnet"]["id"].lower().rpartition("/subnets/")[0],
        configuration["properties"].get("publicIPAddress", {}).get("id", "").lower(),
    }


def _etag(world: World, rid: ResourceId) -> str:
    return f'W/"{world.guid(rid.text, str(world.seconds()))}"'
