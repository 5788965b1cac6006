"""Microsoft.Network/privateEndpoints/privateDnsZoneGroups: the zones in which the addresses of an endpoint are written.

https://learn.microsoft.com/rest/api/virtualnetwork/private-dns-zone-groups
"""

from local.azure.core import operations
from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import FAREWELLS, VIEWS, Body, found, live_group_of, referenced, shown
from local.azure.providers.kinds import ZONE_GROUP
from local.azure.providers.network import etag_of
from local.azure.providers.private_network.cards import addresses_of
from local.azure.providers.private_network.names import record_name
from local.azure.providers.private_network.record_sets import record

PAUSE = 10
TTL = 10
# https://learn.microsoft.com/azure/private-link/private-endpoint-dns-integration: one group for an endpoint, of five zones
MOST_ZONES = 5


def put_group(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to write the addresses of an endpoint into zones."""
    body = request.json()
    live_group_of(world, rid.group_id)
    assert rid.parent is not None
    if world.resource(rid.parent.text) is None:
        found(world, rid.parent)
    check(rid.type, body)
    endpoint = referenced(world, rid.parent.text, rid.text)
    asked = (body.get("properties") or {}).get("privateDnsZoneConfigs") or []
    others = [one for one in world.resources(ZONE_GROUP, endpoint["id"] + "/") if one["id"].lower() != rid.text.lower()]
    if len(asked) > MOST_ZONES or others:
        text = (
            f"The private endpoint {endpoint['id']} has one private DNS zone group at most, of at most {MOST_ZONES} zones."
        )
        raise Refused(400, "PrivateDnsZoneGroupLimitReached", text, details=[])  # the words are assumed
    existing = world.resource(rid.text)
    if existing:
        _remove_records(world, existing)
    properties = {
        "provisioningState": "Updating",
        "privateDnsZoneConfigs": [_config(world, rid, endpoint, one) for one in asked],
    }
    document = world.keep(
        {"name": rid.name, "id": rid.text, "etag": etag_of(world, rid), "type": ZONE_GROUP, "properties": properties}
    )
    operation = operations.begin(
        world,
        "zone group ready",
        rid.text,
        f"PUT {ZONE_GROUP}",
        request=("PUT", rid.text),
        provider="Microsoft.Network",
        pause=PAUSE,
    )
    where = operations.addresses(operation, request, endpoint["location"])["Azure-AsyncOperation"]
    headers = {"Azure-AsyncOperation": where, "Retry-After": str(PAUSE)}
    return Answer(200 if existing else 201, shown(world, document, request), headers)


def delete_group(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to remove the addresses of an endpoint from zones, and the group."""
    document = found(world, rid)
    assert rid.parent is not None
    endpoint = found(world, rid.parent)
    operation = operations.begin(
        world,
        "deleted",
        rid.text,
        f"DELETE {ZONE_GROUP}",
        request=("DELETE", rid.text),
        provider="Microsoft.Network",
        pause=PAUSE,
    )
    world.keep({**document, "properties": {**document["properties"], "provisioningState": "Deleting"}})
    headers = operations.addresses(operation, request, endpoint["location"])
    return Answer(202, None, {**headers, "Retry-After": str(PAUSE)})


def _config(world: World, rid: ResourceId, endpoint: Document, asked: Body) -> Body:
    zone = referenced(world, asked["properties"]["privateDnsZoneId"], rid.text)
    names: dict[str, list[str]] = {}
    for fqdn, address in addresses_of(world, endpoint):
        if name := record_name(fqdn, zone["name"]):
            names.setdefault(name, []).append(address)
    return {
        "name": asked["name"],
        "id": f"{rid.text}/privateDnsZoneConfigs/{asked['name']}",
        "type": f"{ZONE_GROUP}/privateDnsZoneConfigs",
        "properties": {
            "privateDnsZoneId": zone["id"],
            "recordSets": [
                {
                    "recordType": "A",
                    "recordSetName": name,
                    "fqdn": f"{name}.{zone['name']}",
                    "ttl": TTL,
                    "ipAddresses": addresses,
                }
                for name, addresses in names.items()
            ],
        },
    }


@operations.finisher("zone group ready")
def _ready(world: World, operation: Document) -> None:
    document = world.resource(operation["resource"])
    if document is None:
        return
    properties = {**document["properties"], "provisioningState": operation["status"]}
    world.keep({**document, "properties": properties})
    for config in properties["privateDnsZoneConfigs"] if operation["status"] == "Succeeded" else []:
        zone = world.resource(config["properties"]["privateDnsZoneId"])
        for one in config["properties"]["recordSets"] if zone else []:
            addresses = [{"ipv4Address": address} for address in one["ipAddresses"]]
            world.keep(record(world, zone, "A", one["recordSetName"], {"ttl": TTL, "aRecords": addresses}))  # type: ignore[arg-type]


def _remove_records(world: World, group: Document) -> None:
    for config in group["properties"]["privateDnsZoneConfigs"]:
        for one in config["properties"]["recordSets"]:
            world.forget(f"{config['properties']['privateDnsZoneId']}/A/{one['recordSetName']}")


def _seen(_: World, document: Document, version: str) -> Document:
    state = {"provisioningState": document["properties"]["provisioningState"]}
    configs = []
    for config in document["properties"]["privateDnsZoneConfigs"]:
        records = [{**one, **state} for one in config["properties"]["recordSets"]]
        properties = {**state, **config["properties"], "recordSets": records}
        configs.append({**config, "etag": document["etag"], "properties": properties})
    return {**document, "properties": {**document["properties"], "privateDnsZoneConfigs": configs}}


FAREWELLS.setdefault(ZONE_GROUP, []).append(_remove_records)
VIEWS[ZONE_GROUP] = _seen
