"""Microsoft.Network: virtual networks, security groups, public addresses, network interfaces."""

import ipaddress
from typing import Any

from local.azure import operations
from local.azure.answers import Answer, Refused
from local.azure.identifiers import ResourceId
from local.azure.providers.common import Body, check_put, referenced, tracked
from local.azure.store import Document
from local.azure.world import World, visible

VNET = "Microsoft.Network/virtualNetworks"
FIREWALL = "Microsoft.Network/networkSecurityGroups"
ADDRESS = "Microsoft.Network/publicIPAddresses"
NIC = "Microsoft.Network/networkInterfaces"

PAUSES = {VNET: 3, FIREWALL: 1, ADDRESS: 1}
DELETE_PAUSES = {VNET: 10, FIREWALL: 10, ADDRESS: 10, NIC: 4}

DEFAULT_RULES = (
    ("AllowVnetInBound", 65000, "VirtualNetwork", "VirtualNetwork", "Allow", "Inbound"),
    ("AllowAzureLoadBalancerInBound", 65001, "AzureLoadBalancer", "*", "Allow", "Inbound"),
    ("DenyAllInBound", 65500, "*", "*", "Deny", "Inbound"),
    ("AllowVnetOutBound", 65000, "VirtualNetwork", "VirtualNetwork", "Allow", "Outbound"),
    ("AllowInternetOutBound", 65001, "*", "Internet", "Allow", "Outbound"),
    ("DenyAllOutBound", 65500, "*", "*", "Deny", "Outbound"),
)
LISTS = ("sourcePortRanges", "destinationPortRanges", "sourceAddressPrefixes", "destinationAddressPrefixes")


def put_network(world: World, rid: ResourceId, body: Body, base: str) -> Answer:
    """A virtual network with the subnets in its body."""
    given = body["properties"]
    space = [_network(prefix) for prefix in given["addressSpace"]["addressPrefixes"]]
    subnets = [_subnet(world, rid, subnet, space) for subnet in given.get("subnets", [])]
    properties = {
        "addressSpace": given["addressSpace"],
        "subnets": subnets,
        "virtualNetworkPeerings": [],
        "enableDdosProtection": False,
    }
    return _put(world, rid, body, properties, base)


def put_firewall(world: World, rid: ResourceId, body: Body, base: str) -> Answer:
    """A security group with the rules in its body, and those that every one has."""
    rules = [_rule(world, rid, rule) for rule in body.get("properties", {}).get("securityRules", [])]
    places = [(rule["properties"]["direction"], rule["properties"]["priority"]) for rule in rules]
    if len(set(places)) < len(places):
        raise Refused(400, "SecurityRuleConflict", "Security rules have the same priority and direction.", details=[])
    defaults = [
        _rule(world, rid, {"name": name, "properties": _default(priority, source, target, access, direction)}, "default")
        for name, priority, source, target, access, direction in DEFAULT_RULES
    ]
    return _put(world, rid, body, {"securityRules": rules, "defaultSecurityRules": defaults}, base)


def put_address(world: World, rid: ResourceId, body: Body, base: str) -> Answer:
    """A public address; a static one gets its number when it is ready."""
    given = body.get("properties", {})
    properties = {
        "publicIPAddressVersion": "IPv4",
        "publicIPAllocationMethod": given.get("publicIPAllocationMethod", "Dynamic"),
        "idleTimeoutInMinutes": 4,
        "ipTags": [],
    }
    return _put(world, rid, body, properties, base, sku={"tier": "Regional", **body.get("sku", {"name": "Basic"})})


def put_interface(world: World, rid: ResourceId, body: Body, base: str) -> Answer:
    """A network interface: made at once, with a private address out of its subnet."""
    check_put(world, rid, body)
    given = body["properties"]
    if "networkSecurityGroup" in given:
        referenced(world, given["networkSecurityGroup"]["id"], rid.text)
    existing = world.resource(rid.text)
    configurations = [_configuration(world, rid, item, existing) for item in given["ipConfigurations"]]
    properties = {
        "provisioningState": "Succeeded",
        "resourceGuid": world.guid(rid.text),
        "ipConfigurations": configurations,
        "dnsSettings": {"dnsServers": [], "appliedDnsServers": []},
        "enableAcceleratedNetworking": False,
        "enableIPForwarding": False,
        "nicType": "Standard",
    }
    if "networkSecurityGroup" in given:
        properties["networkSecurityGroup"] = given["networkSecurityGroup"]
    if existing and "virtualMachine" in existing["properties"]:
        properties["virtualMachine"] = existing["properties"]["virtualMachine"]
    document = {**tracked(rid, body, properties), "etag": _etag(world, rid), "kind": "Regular"}
    return Answer(200 if existing else 201, visible(world.keep(document)))


def in_use(world: World, document: Document) -> Refused | None:
    """Why something of the network cannot be deleted, if it cannot."""
    kind, identifier = document["type"], document["id"]
    if kind == NIC and "virtualMachine" in document["properties"]:
        machine = document["properties"]["virtualMachine"]["id"]
        text = f"Network Interface {identifier} is used by existing resource {machine}."
        return Refused(400, "NicInUse", text, details=[])
    for nic in world.resources(NIC):
        if identifier.lower() in _references(nic):
            code, text = IN_USE[kind]
            return Refused(400, code, text.format(id=identifier, user=nic["id"]), details=[])
    return None


IN_USE = {
    VNET: ("InUseSubnetCannotBeDeleted", "Subnet of {id} is in use by {user} and cannot be deleted."),
    FIREWALL: (
        "InUseNetworkSecurityGroupCannotBeDeleted",
        "Network security group {id} cannot be deleted because it is in use by the following resources: {user}.",
    ),
    ADDRESS: (
        "PublicIPAddressCannotBeDeleted",
        "Public IP address {id} can not be deleted since it is still allocated to resource {user}.",
    ),
    NIC: ("NicInUse", "Network Interface {id} is used by existing resource {user}."),
}


def _put(world: World, rid: ResourceId, body: Body, properties: Body, base: str, **more: Any) -> Answer:
    check_put(world, rid, body)
    existing = world.resource(rid.text)
    properties = {"provisioningState": "Updating", "resourceGuid": world.guid(rid.text), **properties}
    if existing and "ipAddress" in existing["properties"]:
        properties["ipAddress"] = existing["properties"]["ipAddress"]
    document = {**tracked(rid, body, properties), "etag": _etag(world, rid), **more}
    world.keep(document)
    fault = world.faults.striking("fail", "PUT", rid.text, rid.type)
    operation = operations.begin(
        world,
        "network resource ready",
        rid.text,
        world.draw(f"PUT {rid.type}", rid.text),
        provider="Microsoft.Network",
        failure=fault.refusal if fault else None,
        pause=10,
    )
    addresses = operations.addresses(operation, base, body.get("location", ""))
    headers = {"Azure-AsyncOperation": addresses["Azure-AsyncOperation"], "Retry-After": str(PAUSES[rid.type])}
    return Answer(200 if existing else 201, visible(document), headers)


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


def _configuration(world: World, rid: ResourceId, item: Body, existing: Document | None) -> Body:
    given = item["properties"]
    subnet = given["subnet"]["id"]
    network = referenced(world, subnet.rpartition("/subnets/")[0], rid.text)
    place = next((s for s in network["properties"]["subnets"] if s["id"].lower() == subnet.lower()), None)
    if place is None:
        raise Refused(404, "NotFound", f"Resource {subnet} not found.", details=[])
    if "publicIPAddress" in given:
        referenced(world, given["publicIPAddress"]["id"], rid.text)
    before = existing["properties"]["ipConfigurations"][0]["properties"] if existing else {}
    return {
        "name": item["name"],
        "id": f"{rid.text}/ipConfigurations/{item['name']}",
        "type": f"{NIC}/ipConfigurations",
        "properties": {
            "provisioningState": "Succeeded",
            "privateIPAddress": before.get("privateIPAddress") or _free(world, place),
            "privateIPAllocationMethod": "Dynamic",
            "subnet": given["subnet"],
            "primary": True,
            "privateIPAddressVersion": "IPv4",
            **({"publicIPAddress": given["publicIPAddress"]} if "publicIPAddress" in given else {}),
        },
    }


def _free(world: World, subnet: Body) -> str:
    network = ipaddress.IPv4Network(subnet["properties"]["addressPrefix"])
    taken = {
        item["properties"]["privateIPAddress"]
        for nic in world.resources(NIC)
        for item in nic["properties"]["ipConfigurations"]
        if item["properties"]["subnet"]["id"].lower() == subnet["id"].lower()
    }
    for host in list(network.hosts())[3:]:  # Azure keeps the first three for itself
        if str(host) not in taken:
            return str(host)
    raise Refused(
        400, "SubnetIsFull", f"Subnet {subnet['name']} does not have enough capacity for 1 IP addresses.", details=[]
    )


def _subnet(world: World, rid: ResourceId, subnet: Body, space: list[ipaddress.IPv4Network]) -> Body:
    prefix = subnet["properties"]["addressPrefix"]
    if not any(_network(prefix).subnet_of(whole) for whole in space):
        text = f"Subnet '{subnet['name']}' is not valid because its IP address range is outside the IP address range of virtual network '{rid.name}'."
        raise Refused(400, "NetcfgSubnetRangeOutsideVnet", text, details=[])
    return {
        "name": subnet["name"],
        "id": f"{rid.text}/subnets/{subnet['name']}",
        "etag": _etag(world, rid),
        "properties": {
            "provisioningState": "Succeeded",
            **subnet["properties"],
            "delegations": [],
            "privateEndpointNetworkPolicies": "Disabled",
            "privateLinkServiceNetworkPolicies": "Enabled",
        },
        "type": f"{VNET}/subnets",
    }


def _rule(world: World, rid: ResourceId, rule: Body, prefix: str = "") -> Body:
    kind = "defaultSecurityRules" if prefix else "securityRules"
    properties = {"provisioningState": "Succeeded", **{name: [] for name in LISTS}, **rule["properties"]}
    return {
        "name": rule["name"],
        "id": f"{rid.text}/{kind}/{rule['name']}",
        "etag": _etag(world, rid),
        "type": f"{FIREWALL}/{kind}",
        "properties": properties,
    }


def _default(priority: int, source: str, target: str, access: str, direction: str) -> Body:
    return {
        "protocol": "*",
        "sourcePortRange": "*",
        "destinationPortRange": "*",
        "sourceAddressPrefix": source,
        "destinationAddressPrefix": target,
        "access": access,
        "priority": priority,
        "direction": direction,
    }


def _network(prefix: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(prefix)
    except ValueError:
        text = f"The address prefix {prefix} in resource has an invalid CIDR notation."
        raise Refused(400, "InvalidCIDRNotation", text, details=[]) from None


def _references(nic: Document) -> set[str]:
    wanted = {nic["properties"].get("networkSecurityGroup", {}).get("id", "").lower()}
    for item in nic["properties"]["ipConfigurations"]:
        wanted.add(item["properties"]["subnet"]["id"].lower().rpartition("/subnets/")[0])
        wanted.add(item["properties"].get("publicIPAddress", {}).get("id", "").lower())
    return wanted


def _etag(world: World, rid: ResourceId) -> str:
    return f'W/"{world.guid(rid.text, str(world.seconds()))}"'
