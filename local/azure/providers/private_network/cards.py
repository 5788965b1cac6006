"""The network interfaces that Azure creates for private endpoints."""

from local.azure.core.resource_ids import ResourceId
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import Body, tracked
from local.azure.providers.kinds import NIC
from local.azure.providers.network import card_properties, etag_of
from local.azure.providers.private_network.names import Member
from local.azure.providers.private_network.private_addresses import free_address


def card_name(world: World, rid: ResourceId, given: Body) -> str:
    """The name that an endpoint asks for, or one with a GUID."""
    return given.get("customNetworkInterfaceName") or f"{rid.name}.nic.{world.guid('card', rid.text)}"


def make_card(world: World, card: ResourceId, endpoint: Document, subnet: Body, members: list[tuple[str, Member]]) -> None:
    """Create the network interface of an endpoint, with an address of the subnet for each member."""
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
