"""Microsoft.Network/privateEndpoints: an address in a subnet for a group of another resource, with a network interface.

https://learn.microsoft.com/azure/private-link/private-endpoint-overview
"""

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.addresses import free_address, subnet_in
from local.azure.providers.common import (
    FAREWELLS,
    SERVICE,
    VIEWS,
    Body,
    delete_later,
    found,
    referenced,
    shown,
    tracked,
)
from local.azure.providers.kinds import ENDPOINT, NIC, REGISTRY, ZONE_GROUP
from local.azure.providers.network import card_properties, checked, etag_of
from local.azure.providers.private_network.names import Member, members_of
from local.azure.providers.private_network.tag_changes import only_tags_change, with_other_tags

PAUSE = 10
PAUSES = (10, 10)
AUTOMATIC, MANUAL = "privateLinkServiceConnections", "manualPrivateLinkServiceConnections"
APPROVED = {"status": "Approved", "description": "Auto Approved", "actionsRequired": "None"}
PENDING = {"status": "Pending", "description": "Awaiting Approval", "actionsRequired": "None"}
ALIAS = ".azure.privatelinkservice"
# For how many seconds the subnet is being changed for an endpoint: assumed, the source shows only that others must wait.
# https://github.com/hashicorp/terraform-provider-azurerm/issues/21293
SUBNET_CHANGES = 5.0


def put_endpoint(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to create an endpoint, whose connections are approved at once unless asked for by hand; or change its tags."""
    body = checked(world, rid, request)
    given = body.get("properties") or {}
    existing = world.resource(rid.text)
    if existing is not None:
        if not only_tags_change({**_settable(existing), "location": body["location"]}, body):
            raise not_simulated("a change of a private endpoint that is not of its tags")
        return with_other_tags(world, existing, body, request)
    subnet = subnet_in(world, given["subnet"]["id"], rid.text)
    _check_subnet_is_free(world, rid, subnet)
    kept: Body = {
        kind: [_connection(world, rid, kind, one) for one in given.get(kind) or []] for kind in (AUTOMATIC, MANUAL)
    }
    card = ResourceId(
        rid.subscription, rid.group, "Microsoft.Network", ("networkInterfaces",), (_card_name(world, rid, given),)
    )
    members = [member for kind in kept for one in kept[kind] for member in _members(world, rid, one)]
    properties = {
        "provisioningState": "Updating",
        "resourceGuid": world.guid(rid.text),
        **kept,
        "customNetworkInterfaceName": given.get("customNetworkInterfaceName") or "",
        "subnet": {"id": subnet["id"]},
        "ipConfigurations": [],
        "networkInterfaces": [{"id": card.text}],
        "customDnsConfigs": [],
        "ipVersionType": "IPv4",
    }
    document = world.keep({**tracked(rid, body, properties), "etag": etag_of(world, rid)})
    _make_card(world, card, document, subnet, members)
    operation = operations.begin(
        world,
        "private endpoint ready",
        rid.text,
        f"PUT {ENDPOINT}",
        request=("PUT", rid.text),
        provider="Microsoft.Network",
        pause=PAUSE,
    )
    _change_subnet(world, subnet)
    where = operations.addresses(operation, request, document["location"])["Azure-AsyncOperation"]
    return Answer(201, shown(world, document, request), {"Azure-AsyncOperation": where, "Retry-After": str(PAUSE)})


def delete_endpoint(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to delete an endpoint with its network interface, its zone groups and their records."""
    document = found(world, rid)
    running = operations.under_way(world, document["id"], "private endpoint ready")
    if running is not None:
        wait = max(1, round(running["ends"] - world.seconds()))
        text = (  # recorded: "DELETE [rg]/microsoft.network/privateendpoints/{}", 429
            f"Operation PutPrivateLinkServiceProxyOperation ({running['id']}) is updating resource {document['id']}. "
            f"The call can be retried in {wait} seconds."
        )
        _refuse_for_now("RetryableErrorDueToAnotherOperation", text)
    subnet = document["properties"]["subnet"]
    _check_subnet_is_free(world, rid, subnet)
    _change_subnet(world, subnet)
    return delete_later(world, document, request, PAUSES)


def connected(world: World, target: Document) -> list[tuple[Document, Body]]:
    """The endpoints of a resource, each with its connection."""
    return [
        (endpoint, one)
        for endpoint in world.resources(ENDPOINT)
        for kind in (AUTOMATIC, MANUAL)
        for one in endpoint["properties"][kind]
        if one["properties"]["privateLinkServiceId"].lower() == target["id"].lower()
    ]


def _connection(world: World, rid: ResourceId, kind: str, asked: Body) -> Body:
    given = asked["properties"]
    target = str(given.get("privateLinkServiceId") or "")
    if not (kind == MANUAL and target.endswith(ALIAS)):
        _check_target(world, rid, target, given.get("groupIds") or [])
    groups = {"groupIds": given["groupIds"]} if given.get("groupIds") else {}
    message = {"requestMessage": given["requestMessage"]} if given.get("requestMessage") else {}
    state = APPROVED if kind == AUTOMATIC else PENDING
    return {
        "name": asked["name"],
        "id": f"{rid.text}/{kind}/{asked['name']}",
        "properties": {
            "privateLinkServiceId": target,
            **groups,
            **message,
            "privateLinkServiceConnectionState": state,
        },
        "type": f"{ENDPOINT}/{kind}",
    }


def _check_target(world: World, rid: ResourceId, target: str, groups: list[str]) -> None:
    """Raise refusals for a target that is missing, is being changed, or does not have the groups.

    A missing target is refused as the other references of network resources are; the words for groups and tiers are assumed.
    """
    if world.resource(target) is None:
        text = (
            f"Resource {target} referenced by resource {rid.text} was not found. Please make sure that the referenced resource "
            "exists, and that both resources are in the same region."
        )
        raise Refused(400, "InvalidResourceReference", text, details=[])
    resource = referenced(world, target, rid.text)
    if resource["type"] == REGISTRY and resource["sku"]["name"] != "Premium":
        # https://learn.microsoft.com/azure/container-registry/container-registry-private-link
        text = f"Private endpoints need a registry of the SKU Premium; {target} has the SKU {resource['sku']['name']}."
        raise Refused(400, "PrivateEndpointNotSupported", text, details=[])
    if len(groups) != 1 or not members_of(resource, groups[0]):
        text = f"The group IDs {', '.join(groups) or '(none)'} are invalid for the private link resource {target}."
        raise Refused(400, "InvalidPrivateLinkGroupId", text, details=[])


def _members(world: World, rid: ResourceId, connection: Body) -> list[tuple[str, Member]]:
    given = connection["properties"]
    target = world.resource(given["privateLinkServiceId"])
    if target is None:  # of another tenant, by its alias
        return [("", Member("", ()))]
    return [(given["groupIds"][0], member) for member in members_of(target, given["groupIds"][0])]


def _card_name(world: World, rid: ResourceId, given: Body) -> str:
    return given.get("customNetworkInterfaceName") or f"{rid.name}.nic.{world.guid('card', rid.text)}"


def _make_card(world: World, card: ResourceId, endpoint: Document, subnet: Body, members: list[tuple[str, Member]]) -> None:
    addresses: list[Body] = []
    for place, (group, member) in enumerate(members):
        name = f"privateEndpointIpConfig.{world.guid(endpoint['id'], str(place))}"
        taken = [one["properties"]["privateIPAddress"] for one in addresses]
        given: Body = {
            "privateIPAddress": free_address(world, subnet, taken),
            "privateIPAllocationMethod": "Dynamic",
            "subnet": {"id": subnet["id"]},
            "primary": place == 0,
            "privateIPAddressVersion": "IPv4",
        }
        if group:
            about = {"groupId": group, "requiredMemberName": member.name, "fqdns": list(member.fqdns)}
            given["privateLinkConnectionProperties"] = about
        identifier = f"{card.text}/ipConfigurations/{name}"
        addresses.append({"name": name, "id": identifier, "type": f"{NIC}/ipConfigurations", "properties": given})
    properties = card_properties(world, card, addresses) | {"macAddress": "", "privateEndpoint": {"id": endpoint["id"]}}
    body = {"location": endpoint["location"]}
    document = tracked(card, body, {"provisioningState": "Succeeded", **properties})
    world.keep({**document, "etag": etag_of(world, card), "managedBy": endpoint["id"], "kind": "Regular"})


def cards_of(world: World, endpoint: Document) -> list[Document]:
    """The network interfaces of an endpoint."""
    found = (world.resource(one["id"]) for one in endpoint["properties"]["networkInterfaces"])
    return [card for card in found if card is not None]


def addresses_of(world: World, endpoint: Document) -> list[tuple[str, str]]:
    """The public names that an endpoint answers for, each with its private address."""
    return [
        (fqdn, item["properties"]["privateIPAddress"])
        for card in cards_of(world, endpoint)
        for item in card["properties"]["ipConfigurations"]
        for fqdn in item["properties"].get("privateLinkConnectionProperties", {}).get("fqdns", [])
    ]


def _check_subnet_is_free(world: World, rid: ResourceId, subnet: Body) -> None:
    """Raise the refusal for a subnet that is being changed for another endpoint.

    https://github.com/hashicorp/terraform-provider-azurerm/issues/30197
    """
    known = world.store.get("subnet changes", subnet["id"])
    if known and world.seconds() < known["until"]:
        text = (
            f"Cannot proceed with operation because resource {subnet['id']} used by resource {rid.text} is not in Succeeded "
            "state. Resource is in Updating state and the last operation that updated/is updating the resource is "
            "PutSubnetOperation."
        )
        _refuse_for_now("ReferencedResourceNotProvisioned", text)


def _change_subnet(world: World, subnet: Body) -> None:
    world.store.put("subnet changes", subnet["id"], {"until": world.seconds() + SUBNET_CHANGES})


def _refuse_for_now(code: str, text: str) -> None:
    details = [{"code": code, "message": text}]
    raise Refused(429, "RetryableError", "A retryable error occurred.", details=details, headers=SERVICE)


@operations.finisher("private endpoint ready")
def _ready(world: World, operation: Document) -> None:
    document = world.resource(operation["resource"])
    if document is None:
        return
    properties = {**document["properties"], "provisioningState": operation["status"]}
    if operation["status"] == "Succeeded":
        properties["customDnsConfigs"] = [
            {"fqdn": fqdn, "ipAddresses": [address]} for fqdn, address in addresses_of(world, document)
        ]
        properties[AUTOMATIC] = [_approved(one) for one in properties[AUTOMATIC]]
    rid = parse(document["id"])
    assert rid is not None
    world.keep({**document, "properties": properties, "etag": etag_of(world, rid)})


def _approved(connection: Body) -> Body:
    """Recorded: the description is spelt with a hyphen once the endpoint is ready."""
    state = connection["properties"]["privateLinkServiceConnectionState"]
    ready = {**state, "description": state["description"].replace("Auto Approved", "Auto-Approved")}
    return {**connection, "properties": {**connection["properties"], "privateLinkServiceConnectionState": ready}}


def _settable(document: Document) -> Body:
    """An endpoint as it was asked for."""
    given = document["properties"]
    parts: Body = {
        kind: [
            {
                "name": one["name"],
                "properties": {
                    name: value for name, value in one["properties"].items() if name != "privateLinkServiceConnectionState"
                },
            }
            for one in given[kind]
        ]
        for kind in (AUTOMATIC, MANUAL)
    }
    named = {"customNetworkInterfaceName": given["customNetworkInterfaceName"]}
    return {"properties": {**parts, "subnet": given["subnet"], **named}}


def _farewell(world: World, document: Document) -> None:
    for card in cards_of(world, document):
        world.forget(card["id"])
    for group in list(world.resources(ZONE_GROUP, document["id"] + "/")):
        for farewell in FAREWELLS.get(ZONE_GROUP, []):
            farewell(world, group)


def _seen(_: World, document: Document, version: str) -> Document:
    """Each connection has the ETag of the endpoint, and is ready before it is."""
    given = dict(document["properties"])
    for kind in (AUTOMATIC, MANUAL):
        given[kind] = [
            {**one, "etag": document["etag"], "properties": {"provisioningState": "Succeeded", **one["properties"]}}
            for one in given[kind]
        ]
    return {**document, "properties": given}


FAREWELLS.setdefault(ENDPOINT, []).append(_farewell)
VIEWS[ENDPOINT] = _seen
