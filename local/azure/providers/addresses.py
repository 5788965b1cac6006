"""Addresses of networks, subnets, network interfaces and public addresses, and which resource uses which."""

import ipaddress
import re
from typing import Any

from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import VIEWS, Body, referenced
from local.azure.providers.kinds import ADDRESS, FIREWALL, NAT_GATEWAY, NIC, VNET
from local.azure.providers.private_network import gateway_use
from local.azure.providers.private_network.private_addresses import interface_configurations, private_address

LABEL = re.compile(r"[a-z][a-z0-9-]{1,61}[a-z0-9]")
IDLE_MINUTES = range(4, 31)
# https://learn.microsoft.com/rest/api/virtualnetwork/subnets/create-or-update#virtualnetworkprivateendpointnetworkpolicies
POLICIES = ("Disabled", "Enabled", "NetworkSecurityGroupEnabled", "RouteTableEnabled")


def subnet_of(rid: ResourceId, subnet: Body, space: list[str]) -> Body:
    """A subnet as Azure stores it; raises refusals for malformed ranges, or ranges outside the network's."""
    prefix = subnet["properties"]["addressPrefix"]
    inside = _range(prefix, f"{rid.text}/subnets/{subnet['name']}")
    if not any(inside.subnet_of(_range(whole, rid.text)) for whole in space):
        text = f"Subnet '{subnet['name']}' is not valid because its IP address range is outside the IP address range of virtual network '{rid.name}'."
        raise Refused(400, "NetcfgSubnetRangeOutsideVnet", text, details=[])
    given = {
        name: value for name, value in subnet["properties"].items() if name not in ("ipConfigurations", "serviceEndpoints")
    }
    policies = given.get("privateEndpointNetworkPolicies", POLICIES[0])
    if policies not in POLICIES:
        text = f"The value {policies} of privateEndpointNetworkPolicies of subnet '{subnet['name']}' is invalid."
        raise Refused(400, "InvalidRequestFormat", text, details=[])  # the words are assumed
    return {
        "name": subnet["name"],
        "id": f"{rid.text}/subnets/{subnet['name']}",
        "properties": {
            "delegations": [],
            "privateEndpointNetworkPolicies": "Disabled",
            "privateLinkServiceNetworkPolicies": "Enabled",
            **given,
        },
        "type": f"{VNET}/subnets",
    }


def check_overlaps(rid: ResourceId, subnets: list[Body]) -> None:
    """Raise the refusal of subnets that share addresses; the words are from memory, no recording has them."""
    ranges = [_range(subnet["properties"]["addressPrefix"], subnet["id"]) for subnet in subnets]
    for place, subnet in enumerate(subnets):
        if any(ranges[place].overlaps(earlier) for earlier in ranges[:place]):
            text = f"Subnet '{subnet['name']}' is not valid because its IP address range overlaps with that of an existing subnet in virtual network '{rid.name}'."
            raise Refused(400, "NetcfgSubnetRangesOverlap", text, details=[])


def address_of(world: World, rid: ResourceId, body: Body) -> tuple[Body, Body]:
    """The properties of a public address, and its SKU and zones."""
    given = body.get("properties", {})
    minutes = given.get("idleTimeoutInMinutes", 4)
    if minutes not in IDLE_MINUTES:
        text = f"Public IP address {rid.text} has invalid Idle Timeout. The value must be between 4 and 30."
        raise Refused(400, "PublicIPIdleTimeoutIsOutOfRange", text, details=[])
    sku = {"tier": "Regional", **body.get("sku", {"name": "Basic"})}
    method = given.get("publicIPAllocationMethod", "Dynamic")
    if sku["name"] == "Standard" and method != "Static":
        text = f"Standard sku publicIp {rid.text} must have AllocationMethod set to Static."
        raise Refused(400, "PublicIPAddressHasInvalidAllocationMethod", text, details=[])
    properties: Body = {
        "publicIPAddressVersion": "IPv4",
        "publicIPAllocationMethod": method,
        "idleTimeoutInMinutes": minutes,
        "ipTags": [],
    }
    label = (given.get("dnsSettings") or {}).get("domainNameLabel")
    if label:
        properties["dnsSettings"] = _dns_name(world, rid, label, str(body["location"]))
    more: Body = {"sku": sku}
    if body.get("zones"):
        more["zones"] = body["zones"]
    return properties, more


def _dns_name(world: World, rid: ResourceId, label: str, location: str) -> Body:
    if not LABEL.fullmatch(label):
        text = f"The domain name label {label} is invalid. It must conform to the following regular expression: ^[a-z][a-z0-9-]{{1,61}}[a-z0-9]$."
        raise Refused(400, "InvalidDomainNameLabel", text, details=[])
    name = f"{label}.{location}.cloudapp.azure.com"
    others = (a for a in world.resources(ADDRESS) if a["id"].lower() != rid.text.lower())
    if any(other["properties"].get("dnsSettings", {}).get("fqdn") == name for other in others):
        text = f"DNS record {name} is already used by another public IP."
        raise Refused(400, "DnsRecordInUse", text, details=[])
    return {"domainNameLabel": label, "fqdn": name}


def configurations(world: World, rid: ResourceId, asked: list[Body], existing: Document | None) -> list[Body]:
    """The IP configurations of a network interface; each keeps its address."""
    before = {item["name"]: item["properties"] for item in existing["properties"]["ipConfigurations"]} if existing else {}
    return [_configuration(world, rid, item, before.get(item["name"], {})) for item in asked]


def _configuration(world: World, rid: ResourceId, item: Body, before: Body) -> Body:
    given = item["properties"]
    if "subnet" not in given:
        text = f"Property subnet is required for IP configuration {item['name']} of {rid.text}."
        raise Refused(400, "SubnetNotProvided", text, details=[])
    subnet = given["subnet"]["id"]
    place = subnet_in(world, subnet, rid.text)
    if "publicIPAddress" in given:
        referenced(world, given["publicIPAddress"]["id"], rid.text)
    return {
        "name": item["name"],
        "id": f"{rid.text}/ipConfigurations/{item['name']}",
        "type": f"{NIC}/ipConfigurations",
        "properties": {
            **private_address(world, place, given, before, f"{rid.text}/ipConfigurations/{item['name']}"),
            "subnet": {"id": subnet},
            "primary": True,
            "privateIPAddressVersion": "IPv4",
            **({"publicIPAddress": given["publicIPAddress"]} if "publicIPAddress" in given else {}),
        },
    }


def subnet_in(world: World, identifier: str, by: str) -> Body:
    """The subnet with this ID; raises refusals for one that is missing, or whose network is being changed."""
    network = referenced(world, identifier.rpartition("/subnets/")[0], by, identifier)
    for subnet in network["properties"]["subnets"]:
        if subnet["id"].lower() == identifier.lower():
            found: Body = subnet
            return found
    raise Refused(404, "NotFound", f"Resource {identifier} not found.", details=[])


def _range(prefix: str, resource: str) -> ipaddress.IPv4Network:
    address, slash, _ = prefix.partition("/")
    try:
        whole = ipaddress.IPv4Network(prefix, strict=False)
    except ValueError:
        slash = ""
    if not slash:
        text = f"Address prefix {prefix} of resource {resource} is not formatted correctly. It should follow CIDR notation, for example 10.0.0.0/24."
        raise Refused(400, "InvalidAddressPrefixFormat", text, details=[])
    if str(whole.network_address) != address:
        text = f"The address prefix {prefix} in resource {resource} has an invalid CIDR notation. For the given prefix length, the address prefix should be {whole}."
        raise Refused(400, "InvalidCIDRNotation", text, details=[])
    return whole


def _network_seen(world: World, document: Document, version: str) -> Document:
    users: dict[str, list[Body]] = {}
    for _, item in interface_configurations(world):
        users.setdefault(item["properties"]["subnet"]["id"].lower(), []).append({"id": item["id"]})
    state, subnets = document["properties"]["provisioningState"], []
    for subnet in document["properties"]["subnets"]:
        used = {"ipConfigurations": users[subnet["id"].lower()]} if subnet["id"].lower() in users else {}
        properties = {"provisioningState": state, **subnet["properties"], **used}
        subnets.append({**subnet, "etag": document["etag"], "properties": properties})
    more = {"privateEndpointVNetPolicies": "Disabled"} if version >= "2024-03-01" else {}
    return {**document, "properties": {**document["properties"], "subnets": subnets, **more}}


def _firewall_seen(world: World, document: Document, _: str) -> Document:
    given = document["properties"]
    rules: dict[str, Any] = {}
    for kind in ("securityRules", "defaultSecurityRules"):
        state = {"provisioningState": given["provisioningState"]}
        rules[kind] = [{**r, "etag": document["etag"], "properties": {**r["properties"], **state}} for r in given[kind]]
    cards = [
        {"id": nic["id"]}
        for nic in world.resources(NIC)
        if nic["properties"].get("networkSecurityGroup", {}).get("id", "").lower() == document["id"].lower()
    ]
    return {**document, "properties": {**given, **rules, **({"networkInterfaces": cards} if cards else {})}}


def _address_seen(world: World, document: Document, version: str) -> Document:
    more: Body = {}
    for gateway in world.resources(NAT_GATEWAY):
        if document["id"].lower() in gateway_use.addresses_of(gateway):
            more["natGateway"] = {"id": gateway["id"]}
    if version >= "2022-11-01" and document.get("sku", {}).get("name") == "Standard":
        more["ddosSettings"] = {"protectionMode": "VirtualNetworkInherited"}
    for _, item in interface_configurations(world):
        if item["properties"].get("publicIPAddress", {}).get("id", "").lower() == document["id"].lower():
            more["ipConfiguration"] = {"id": item["id"]}
    return {**document, "properties": {**document["properties"], **more}}


def _card_seen(_: World, document: Document, version: str) -> Document:
    given = {**document["properties"]}
    if version < "2022-11-01":
        given = {name: value for name, value in given.items() if name not in ("disableTcpStateTracking", "auxiliarySku")}
    state = given["provisioningState"]
    given["ipConfigurations"] = [
        {**item, "etag": document["etag"], "properties": {"provisioningState": state, **item["properties"]}}
        for item in given["ipConfigurations"]
    ]
    return {**document, "properties": given}


VIEWS |= {VNET: _network_seen, FIREWALL: _firewall_seen, ADDRESS: _address_seen, NIC: _card_seen}
