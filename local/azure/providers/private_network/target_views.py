"""What the resources that private endpoints lead to show of them."""

from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers import registries, storage
from local.azure.providers.common import VIEWS, Body, View
from local.azure.providers.kinds import ENDPOINT
from local.azure.providers.private_network.connections import AUTOMATIC, MANUAL
from local.azure.providers.private_network.names import GROUPS

# Recorded: "GET [rg]/microsoft.storage/storageaccounts/{}".
CONNECTIONS = "privateEndpointConnections"
# Their own views come first.
OWN_VIEWS = (registries, storage)


def _connections(world: World, target: Document) -> list[Body]:
    return [
        _connection(world, target, endpoint, one["properties"]["privateLinkServiceConnectionState"])
        for endpoint in world.resources(ENDPOINT)
        for kind in (AUTOMATIC, MANUAL)
        for one in endpoint["properties"][kind]
        if one["properties"]["privateLinkServiceId"].lower() == target["id"].lower()
    ]


def _connection(world: World, target: Document, endpoint: Document, state: Body) -> Body:
    name = f"{endpoint['name']}.{world.guid(target['id'], endpoint['id'])}"
    said = {"status": state["status"], "description": state["description"], "actionRequired": state["actionsRequired"]}
    return {
        "id": f"{target['id']}/{CONNECTIONS}/{name}",
        "name": name,
        "type": f"{target['type']}/{CONNECTIONS}",
        "properties": {
            "provisioningState": "Succeeded",
            "privateEndpoint": {"id": endpoint["id"]},
            "privateLinkServiceConnectionState": said,
        },
    }


def _with_connections(view: View | None) -> View:
    def seen(world: World, document: Document, version: str) -> Document:
        whole = view(world, document, version) if view else document
        found = _connections(world, document)
        return {**whole, "properties": {**whole["properties"], CONNECTIONS: found}} if found else whole

    return seen


def register() -> None:
    """Let what can have private endpoints show them, after its own view."""
    for kind in GROUPS:
        VIEWS[kind] = _with_connections(VIEWS.get(kind))
