"""Rows of tables, as another client than the app lists, writes and deletes them."""

from local.azure.core.requests import Request
from local.azure.core.responses import Answer
from local.azure.core.world import World
from local.azure.services.tables.entities import Place, write


def listed(world: World, request: Request) -> Answer:
    """Every row of a table."""
    return Answer(200, {"value": [document for _, document in world.store.items(f"table {request.query['table']}")]})


def written(world: World, request: Request) -> Answer:
    """Write a row as another release would have."""
    asked = request.json()
    place = Place(str(asked["table"]), str(asked["partition"]), str(asked["key"]))
    write(world, place, {"Document": str(asked["document"]), **asked.get("columns", {})})
    return Answer(204)


def lost(world: World, request: Request) -> Answer:
    """Delete a row."""
    shelf = f"table {request.query['table']}"
    for key, document in list(world.store.items(shelf)):
        if document["RowKey"] == request.query["key"]:
            world.store.delete(shelf, key)
    return Answer(204)
