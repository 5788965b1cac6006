"""Record sets of private DNS zones: synchronous, and refused without the envelope of Resource Manager."""

from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, BareRefused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World, visible
from local.azure.providers.common import found
from local.azure.providers.kinds import DNS_ZONE

SOA = f"{DNS_ZONE}/SOA"
APEX = "@"
SOA_TTL = 3600
RESPONSIBLE = {
    "email": "azureprivatedns-host.microsoft.com",
    "expireTime": 2419200,
    "host": "azureprivatedns.net",
    "minimumTTL": None,
    "refreshTime": 3600,
    "retryTime": 300,
    "serialNumber": 1,
    "minimumTtl": 300,
}


def put_record(world: World, rid: ResourceId, request: Request) -> Answer:
    """Create or change a record set; the zone writes its name in lower case."""
    zone = _zone(world, rid)
    if rid.type == SOA:
        raise not_simulated("a PUT of the SOA record of a zone")
    body = request.json()
    check(rid.type, body)
    known = world.resource(rid.text)
    _check_unchanged(rid, request, known)
    document = record(world, zone, rid.types[-1], rid.name, body.get("properties") or {})
    world.keep(document)
    return Answer(200 if known else 201, visible(document), {"ETag": document["etag"]})


def get_record(world: World, rid: ResourceId, request: Request) -> Answer:
    """One record set."""
    for one in _of_type(world, _zone(world, rid), rid):
        if one["name"].lower() == rid.name.lower():
            return Answer(200, one, {"ETag": one["etag"]})
    raise BareRefused(404, "NotFound", f"The resource record '{rid.name}' does not exist in zone '{rid.names[0]}'.")


def list_records(world: World, rid: ResourceId, request: Request) -> Answer:
    """The record sets of one type in a zone."""
    request.check_query()
    return Answer(200, {"value": _of_type(world, _zone(world, rid), rid)})


def delete_record(world: World, rid: ResourceId, request: Request) -> Answer:
    """Delete a record set; one that is changed since is refused."""
    _zone(world, rid)
    known = world.resource(rid.text)
    _check_unchanged(rid, request, known)
    if known is None:
        return Answer(204)
    world.forget(rid.text)
    return Answer(200)


def record(world: World, zone: Document, kind: str, name: str, properties: Document) -> Document:
    """A record set of a zone, as it is stored."""
    given = {field: value for field, value in properties.items() if field not in ("fqdn", "isAutoRegistered")}
    name = name.lower()
    place = zone["name"] if name == APEX else f"{name}.{zone['name']}"
    return {
        "id": f"{zone['id']}/{kind}/{name}",
        "name": name,
        "type": f"{DNS_ZONE}/{kind}",
        "etag": world.fresh_guid("etag", zone["id"], kind, name),
        "properties": {"fqdn": f"{place}.", "ttl": SOA_TTL, **given, "isAutoRegistered": False},
    }


def _zone(world: World, rid: ResourceId) -> Document:
    return found(world, ResourceId(rid.subscription, rid.group, "Microsoft.Network", ("privateDnsZones",), rid.names[:1]))


def _of_type(world: World, zone: Document, rid: ResourceId) -> list[Document]:
    if rid.type == SOA:
        first = record(world, zone, "SOA", APEX, {"soaRecord": RESPONSIBLE})
        return [{**first, "etag": world.guid("soa", zone["id"])}]
    return [visible(one) for one in world.resources(rid.type, zone["id"] + "/")]


def _check_unchanged(rid: ResourceId, request: Request, known: Document | None) -> None:
    """Raise the refusal of a request that is meant for another state of a record set (recorded), or for a new one."""
    wanted = request.headers.get("If-Match")
    new_only = request.headers.get("If-None-Match") == "*" and known is not None
    if new_only or (wanted and wanted != "*" and not (known and known["etag"] == wanted.strip('"'))):
        text = f"The Record set {rid.name.lower()} has been modified (etag mismatch)."
        raise BareRefused(412, "PreconditionFailed", text)
