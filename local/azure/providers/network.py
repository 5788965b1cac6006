"""Microsoft.Network: virtual networks, security groups, public addresses, network interfaces."""

from enum import StrEnum
from typing import Any

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World, visible
from local.azure.providers import network_use
from local.azure.providers.addresses import address_of, check_overlaps, configurations, subnet_of
from local.azure.providers.common import Body, check_put, found, referenced, shown, tracked
from local.azure.providers.kinds import ADDRESS, FIREWALL, NAT_GATEWAY, NIC, VNET
from local.azure.providers.rules import DEFAULT_RULES, check_rules, rule_of

PAUSES = {VNET: 3, FIREWALL: 1, ADDRESS: 1}
DELETE_PAUSES = {VNET: (10, 10), FIREWALL: (10, 10), ADDRESS: (10, 10), NIC: (4, 10), NAT_GATEWAY: (10, 10)}
AT_ONCE = 0.3
CREATION = "creation of network interfaces"
# Of eleven recorded creations since 2022, one is a long operation, and two are ready and have an operation all the same.
SLOW_CARDS, POLLED_CARDS = 1 / 11, 3 / 11


class Creation(StrEnum):
    """How Azure creates a network interface."""

    AT_ONCE = "at once"
    POLLED = "polled"
    SLOWLY = "slowly"


def put_network(world: World, rid: ResourceId, request: Request) -> Answer:
    """Put a virtual network with the subnets in its body."""
    body = checked(world, rid, request)
    given = body["properties"]
    subnets = [subnet_of(rid, subnet, given["addressSpace"]["addressPrefixes"]) for subnet in given.get("subnets", [])]
    check_overlaps(rid, subnets)
    _check_references(world, rid, subnets)
    properties = {
        "addressSpace": given["addressSpace"],
        "subnets": subnets,
        "virtualNetworkPeerings": [],
        "enableDdosProtection": False,
    }
    if "dhcpOptions" in given:
        properties["dhcpOptions"] = {"dnsServers": [], **(given["dhcpOptions"] or {})}
    return _put(world, rid, body, properties, request)


def _check_references(world: World, rid: ResourceId, subnets: list[Body]) -> None:
    """Raise refusals for subnets that name a missing gateway, or that leave out a subnet in use."""
    for subnet in subnets:
        if "natGateway" in subnet["properties"]:
            referenced(world, subnet["properties"]["natGateway"]["id"], rid.text)
    existing = world.resource(rid.text)
    kept = {subnet["id"].lower() for subnet in subnets}
    before = {subnet["id"].lower() for subnet in existing["properties"]["subnets"]} if existing else set()
    refusal = network_use.subnet_in_use(world, before - kept)
    if refusal:
        raise refusal


def put_firewall(world: World, rid: ResourceId, request: Request) -> Answer:
    """Put a security group with the rules in its body and the default rules."""
    body = checked(world, rid, request)
    rules = [rule_of(rid, rule) for rule in body.get("properties", {}).get("securityRules", [])]
    check_rules(rules)
    defaults = [rule_of(rid, rule, default=True) for rule in DEFAULT_RULES]
    return _put(world, rid, body, {"securityRules": rules, "defaultSecurityRules": defaults}, request)


def put_address(world: World, rid: ResourceId, request: Request) -> Answer:
    """Put a public address; a static one gets its address when it is ready."""
    body = checked(world, rid, request)
    properties, more = address_of(world, rid, body)
    return _put(world, rid, body, properties, request, **more)


def put_interface(world: World, rid: ResourceId, request: Request) -> Answer:
    """Put a network interface, with a private address from its subnet: some are created at once, and all are changed later."""
    body = checked(world, rid, request)
    given = body["properties"]
    if "networkSecurityGroup" in given:
        referenced(world, given["networkSecurityGroup"]["id"], rid.text)
    existing = world.resource(rid.text)
    properties = card_properties(world, rid, configurations(world, rid, given["ipConfigurations"], existing))
    if "networkSecurityGroup" in given:
        properties["networkSecurityGroup"] = {"id": given["networkSecurityGroup"]["id"]}
    kept = ("virtualMachine", "primary", "macAddress")
    properties |= {name: existing["properties"][name] for name in kept if existing and name in existing["properties"]}
    created = _creation(world, rid) if existing is None else Creation.SLOWLY
    if created is not Creation.SLOWLY:
        ready = {"provisioningState": "Succeeded", **properties}
        document = world.keep({**tracked(rid, body, ready), "etag": etag_of(world, rid), "kind": "Regular"})
        headers = _ended(world, document, request) if created is Creation.POLLED else {}
        return Answer(201, shown(world, document, request), headers)
    return _put(world, rid, body, properties, request, kind="Regular")


def card_properties(world: World, rid: ResourceId, addresses: list[Body]) -> Body:
    """The properties of a network interface with these IP configurations."""
    suffix = world.guid("domain", rid.group_id).replace("-", "")[:26]
    return {
        "resourceGuid": world.guid(rid.text),
        "ipConfigurations": addresses,
        "dnsSettings": {
            "dnsServers": [],
            "appliedDnsServers": [],
            "internalDomainNameSuffix": f"{suffix}.dx.internal.cloudapp.net",
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


def _creation(world: World, rid: ResourceId) -> Creation:
    """How a new network interface is created: as often each way as recorded, or as tests have set it."""
    known = world.store.get("facts", CREATION)
    if known:
        return Creation(known["created"])
    chance = world.chance("creation of a network interface", rid.text)
    return Creation.SLOWLY if chance < SLOW_CARDS else Creation.POLLED if chance < POLLED_CARDS else Creation.AT_ONCE


def _ended(world: World, document: Document, request: Request) -> dict[str, str]:
    """The headers of an operation that ends at once."""
    operation = operations.begin(
        world,
        "network resource ready",
        document["id"],
        AT_ONCE,
        request=("PUT", document["id"]),
        provider="Microsoft.Network",
        pause=10,
    )
    where = operations.addresses(operation, request, document["location"])
    return {"Azure-AsyncOperation": where["Azure-AsyncOperation"]}


def patch_tags(world: World, rid: ResourceId, request: Request) -> Answer:
    """Change the tags of a network resource, at once."""
    document, body = found(world, rid), request.json()
    if set(body) != {"tags"}:
        raise not_simulated(f"a PATCH of {rid.type} that changes more than tags")
    changed = {**document, "tags": body["tags"], "etag": etag_of(world, rid)}
    return Answer(200, shown(world, world.keep(changed), request))


def list_subnets(world: World, rid: ResourceId, request: Request) -> Answer:
    """The subnets of a virtual network."""
    request.check_query()
    return Answer(200, {"value": _subnets(world, rid, request)})


def get_subnet(world: World, rid: ResourceId, request: Request) -> Answer:
    """One subnet of a virtual network."""
    for subnet in _subnets(world, rid, request):
        if subnet["name"].lower() == rid.name.lower():
            return Answer(200, subnet, {"ETag": subnet["etag"]})
    raise Refused(404, "NotFound", f"Resource {rid.text} not found.", details=[])


def _subnets(world: World, rid: ResourceId, request: Request) -> list[Document]:
    network = found(world, ResourceId(rid.subscription, rid.group, "Microsoft.Network", ("virtualNetworks",), rid.names[:1]))
    subnets: list[Document] = shown(world, network, request)["properties"]["subnets"]
    return subnets


def checked(world: World, rid: ResourceId, request: Request) -> Body:
    """The body of a PUT that may be carried out; raises refusals for any other."""
    body = request.json()
    check_put(world, rid, body)
    return body


def _put(world: World, rid: ResourceId, body: Body, properties: Body, request: Request, **more: Any) -> Answer:
    existing = world.resource(rid.text)
    if existing and "ipAddress" in existing["properties"]:
        properties["ipAddress"] = existing["properties"]["ipAddress"]
    properties = {"provisioningState": "Updating", "resourceGuid": world.guid(rid.text), **properties}
    document = {**tracked(rid, body, properties), "etag": etag_of(world, rid), **more}
    same = existing is not None and _settled(existing) == _settled(document)
    begun = ("PUT", rid.text)
    operation = operations.begin(
        world,
        "network resource ready",
        rid.text,
        AT_ONCE if same else f"PUT {rid.type}",
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
    """A resource without the properties that change over time."""
    properties = {name: value for name, value in document["properties"].items() if name != "provisioningState"}
    tags = document.get("tags") or {}
    kept = {name: value for name, value in visible(document).items() if name not in ("etag", "name", "id")}
    return {**kept, "properties": properties, "tags": tags}


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


def etag_of(world: World, rid: ResourceId) -> str:
    """A new ETag."""
    return f'W/"{world.guid(rid.text, str(world.seconds()))}"'
