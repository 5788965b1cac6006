"""Microsoft.Network/privateEndpoints: an address in a subnet for a group of another resource, with a network interface.

https://learn.microsoft.com/azure/private-link/private-endpoint-overview
"""

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.addresses import subnet_in
from local.azure.providers.common import (
    FAREWELLS,
    VIEWS,
    Body,
    delete_later,
    found,
    shown,
    tracked,
)
from local.azure.providers.kinds import ENDPOINT, ZONE_GROUP
from local.azure.providers.network import checked, etag_of
from local.azure.providers.private_network.cards import addresses_of, card_name, cards_of, make_card
from local.azure.providers.private_network.connections import (
    AUTOMATIC,
    MANUAL,
    approved,
    connection,
    members_in,
    settable,
)
from local.azure.providers.private_network.subnet_changes import change_subnet, check_subnet_is_free, refuse_for_now
from local.azure.providers.private_network.tag_changes import only_tags_change, with_other_tags

PAUSE = 10
PAUSES = (10, 10)


def put_endpoint(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to create an endpoint, whose connections are approved at once unless asked for by hand; or change its tags."""
    body = checked(world, rid, request)
    given = body.get("properties") or {}
    existing = world.resource(rid.text)
    if existing is not None:
        if not only_tags_change({**settable(existing), "location": body["location"]}, body):
            raise not_simulated("a change of a private endpoint that is not of its tags")
        return with_other_tags(world, existing, body, request)
    subnet = subnet_in(world, given["subnet"]["id"], rid.text)
    check_subnet_is_free(world, rid, subnet)
    kept: Body = {kind: [connection(world, rid, kind, one) for one in given.get(kind) or []] for kind in (AUTOMATIC, MANUAL)}
    card = ResourceId(
        rid.subscription, rid.group, "Microsoft.Network", ("networkInterfaces",), (card_name(world, rid, given),)
    )
    members = [member for kind in kept for one in kept[kind] for member in members_in(world, one)]
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
    make_card(world, card, document, subnet, members)
    operation = operations.begin(
        world,
        "private endpoint ready",
        rid.text,
        f"PUT {ENDPOINT}",
        request=("PUT", rid.text),
        provider="Microsoft.Network",
        pause=PAUSE,
    )
    change_subnet(world, subnet)
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
        refuse_for_now("RetryableErrorDueToAnotherOperation", text)
    subnet = document["properties"]["subnet"]
    check_subnet_is_free(world, rid, subnet)
    change_subnet(world, subnet)
    return delete_later(world, document, request, PAUSES)


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
        properties[AUTOMATIC] = [approved(one) for one in properties[AUTOMATIC]]
    rid = parse(document["id"])
    assert rid is not None
    world.keep({**document, "properties": properties, "etag": etag_of(world, rid)})


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
