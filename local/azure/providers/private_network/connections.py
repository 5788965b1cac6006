"""The connections of private endpoints with the resources that they lead to."""

from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import Body, referenced
from local.azure.providers.kinds import ENDPOINT, REGISTRY
from local.azure.providers.private_network.names import Member, members_of

AUTOMATIC, MANUAL = "privateLinkServiceConnections", "manualPrivateLinkServiceConnections"
APPROVED = {"status": "Approved", "description": "Auto Approved", "actionsRequired": "None"}
PENDING = {"status": "Pending", "description": "Awaiting Approval", "actionsRequired": "None"}
ALIAS = ".azure.privatelinkservice"


def connection(world: World, rid: ResourceId, kind: str, asked: Body) -> Body:
    """A connection as it is stored: approved at once, unless it is asked for by hand; raises refusals for its target."""
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


def members_in(world: World, connected: Body) -> list[tuple[str, Member]]:
    """The addresses that a connection needs, each with its group."""
    given = connected["properties"]
    target = world.resource(given["privateLinkServiceId"])
    if target is None:  # of another tenant, by its alias
        return [("", Member("", ()))]
    return [(given["groupIds"][0], member) for member in members_of(target, given["groupIds"][0])]


def approved(connected: Body) -> Body:
    """Recorded: the description is spelt with a hyphen once the endpoint is ready."""
    state = connected["properties"]["privateLinkServiceConnectionState"]
    ready = {**state, "description": state["description"].replace("Auto Approved", "Auto-Approved")}
    return {**connected, "properties": {**connected["properties"], "privateLinkServiceConnectionState": ready}}


def settable(document: Document) -> Body:
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
