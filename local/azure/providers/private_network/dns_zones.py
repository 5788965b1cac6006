"""Microsoft.Network/privateDnsZones and their links to virtual networks.

https://learn.microsoft.com/rest/api/dns/privatedns/private-zones
"""

import re

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, BareRefused, Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import GATEWAY, VIEWS, Body, check_put, found, group_of, tracked
from local.azure.providers.kinds import DNS_LINK, DNS_ZONE, RECORDS, VNET
from local.azure.providers.private_network.dns_operations import accepted

# https://learn.microsoft.com/azure/dns/private-dns-privatednszone#restrictions
LABEL = re.compile(r"(?!-)[\w-]{1,63}(?<!-)", re.ASCII)
FEWEST_LABELS, MOST_LABELS = 2, 34
LIMITS = {
    "maxNumberOfRecordSets": 25000,
    "maxNumberOfVirtualNetworkLinks": 1000,
    "maxNumberOfVirtualNetworkLinksWithRegistration": 100,
}


def put_zone(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to create a zone, or to change its tags."""
    body = request.json()
    check_put(world, rid, body)
    labels = rid.name.split(".")
    if not FEWEST_LABELS <= len(labels) <= MOST_LABELS or not all(LABEL.fullmatch(label) for label in labels):
        raise BareRefused(400, "BadRequest", f"The domain name '{rid.name}' is invalid.")  # the words are assumed
    _keep(world, rid, body, {})
    return accepted(world, rid, request, "private DNS ready", "UpsertPrivateDnsZone", _changed(world, rid, request))


def delete_zone(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to delete a zone with its records; one with links is refused, one changed since fails late.

    The refusal: https://github.com/learntocloud/networking-lab/issues/8, https://github.com/Azure/azure-cli/issues/15010
    """
    found(world, rid)
    link = next(world.resources(DNS_LINK, rid.text + "/"), None)
    if link is not None:
        nested = link["id"].partition("/providers/")[2]
        text = (
            f"Cannot delete resource while nested resources exist. Some existing nested resource IDs include: '{nested}'. "
            "Please delete all nested resources before deleting this resource."
        )
        raise Refused(409, "CannotDeleteResource", text, headers=GATEWAY)
    return accepted(world, rid, request, "private DNS gone", "DeletePrivateDnsZone", _changed(world, rid, request))


def put_link(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to link a zone with a virtual network, which sees one zone of a name at most."""
    body = request.json()
    assert rid.parent is not None
    zone = world.resource(rid.parent.text)
    if zone is None:
        group_of(world, rid.group_id)
        text = f"Can not perform requested operation on nested resource. Parent resource '{rid.names[0]}' not found."
        raise Refused(404, "ParentResourceNotFound", text, headers=GATEWAY)
    check_put(world, rid, body)
    given = body.get("properties") or {}
    network = str((given.get("virtualNetwork") or {}).get("id") or "")
    if world.resource(network) is None or world.resource(network)["type"] != VNET:  # type: ignore[index]
        raise BareRefused(400, "BadRequest", f"The virtual network '{network}' was not found.")  # the words are assumed
    _check_overlap(world, rid, zone, network)
    properties = {
        "registrationEnabled": bool(given.get("registrationEnabled", False)),
        "virtualNetwork": {"id": network},
        "virtualNetworkLinkState": "InProgress",
    }
    _keep(world, rid, body, properties)
    return accepted(world, rid, request, "private DNS ready", "UpsertVirtualNetworkLink", _changed(world, rid, request))


def delete_link(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to delete a link."""
    found(world, rid)
    return accepted(world, rid, request, "private DNS gone", "DeleteVirtualNetworkLink", _changed(world, rid, request))


def _check_overlap(world: World, rid: ResourceId, zone: Document, network: str) -> None:
    """https://learn.microsoft.com/azure/dns/private-dns-virtual-network-links: one zone of a name for a network."""
    for link in world.resources(DNS_LINK):
        other = link["id"].partition("/virtualNetworkLinks/")[0]
        same_name = other.rpartition("/")[2].lower() == zone["name"].lower()
        itself = link["id"].lower() == rid.text.lower()
        if same_name and not itself and link["properties"]["virtualNetwork"]["id"].lower() == network.lower():
            text = (
                "A virtual network cannot be linked to multiple zones with overlapping namespaces. You tried to link virtual "
                f"network with '{zone['name']}' and '{zone['name']}' zones."
            )
            raise BareRefused(400, "BadRequest", text)


def _keep(world: World, rid: ResourceId, body: Body, properties: Body) -> Document:
    known = world.resource(rid.text)
    state = "Updating" if known else "Creating"
    guid = world.fresh_guid("etag", rid.text)
    etag = guid if rid.type == DNS_ZONE else f'"{guid}"'
    return world.keep({**tracked(rid, body, {"provisioningState": state, **properties}), "etag": etag})


def _changed(world: World, rid: ResourceId, request: Request) -> Refused | None:
    """The late failure of a request for another state of a resource than the present one (recorded)."""
    wanted, known = request.headers.get("If-Match"), world.resource(rid.text)
    if not wanted or wanted == "*" or (known and known["etag"].strip('"') == wanted.strip('"')):
        return None
    link = f"The Virtual Network link '{rid.name}' for the Private DNS zone '{rid.names[0]}'"
    what = f"The Zone {rid.name}" if rid.type == DNS_ZONE else link
    return Refused(412, "PreconditionFailed", f"{what} has been modified (etag mismatch).")


@operations.finisher("private DNS ready")
def _ready(world: World, operation: Document) -> None:
    document = world.resource(operation["resource"])
    if document is None:
        return
    done = {"provisioningState": operation["status"]}
    if document["type"] == DNS_LINK and operation["status"] == "Succeeded":
        done["virtualNetworkLinkState"] = "Completed"
    world.keep({**document, "properties": {**document["properties"], **done}})


@operations.finisher("private DNS gone")
def _gone(world: World, operation: Document) -> None:
    if operation["status"] == "Succeeded":
        world.forget(operation["resource"])


def _zone_seen(world: World, document: Document, _: str) -> Document:
    links = list(world.resources(DNS_LINK, document["id"] + "/"))
    counts = {
        # The first one says who is responsible for the zone.
        "numberOfRecordSets": 1 + sum(1 for kind in RECORDS for _ in world.resources(kind, document["id"] + "/")),
        "numberOfVirtualNetworkLinks": len(links),
        "numberOfVirtualNetworkLinksWithRegistration": sum(one["properties"]["registrationEnabled"] for one in links),
    }
    return {**document, "properties": {**LIMITS, **counts, **document["properties"]}}


VIEWS[DNS_ZONE] = _zone_seen
