"""The control API: the resources, operations and secrets of Azure, as they are seen and changed outside Dormouse."""

from collections.abc import Callable

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.responses import Answer
from local.azure.core.world import World, visible
from local.azure.providers import vaults
from local.azure.providers.common import SOFT_DELETES
from local.azure.providers.containers import images
from local.azure.services.key_vault import DELETED, SECRETS, delete


def _appear(world: World, request: Request) -> Answer:
    body = request.json()
    name = str(body["id"]).rsplit("/", 1)[-1]
    # What callers cannot see of a resource, such as the inside of a machine, stays as it is.
    hidden = {key: value for key, value in (world.resource(str(body["id"])) or {}).items() if key.startswith("_")}
    shown = {"name": name, "location": "westeurope", "properties": {"provisioningState": "Succeeded"}, **body}
    world.keep({**hidden, **shown})
    world.index_everything()  # as if it had existed for a while
    return Answer(201)


def _vanish(world: World, request: Request) -> Answer:
    body = request.json()
    gone = world.resource(str(body["id"]))
    if gone is not None and body.get("recoverable"):
        SOFT_DELETES[gone["type"]](world, gone)
    world.forget(str(body["id"]))
    return Answer(204)


def _tags(world: World, request: Request) -> Answer:
    body = request.json()
    document = world.resource(str(body["id"]))
    if document is None:
        return Answer(404)
    world.keep({**document, "tags": body["tags"]})
    return Answer(200)


def _resources(world: World, request: Request) -> Answer:
    below = request.query.get("below", "")
    return Answer(200, {"value": [visible(document) for document in world.resources(below=below)]})


def _operations(world: World, request: Request) -> Answer:
    below = request.query.get("below", "").lower()
    shown = [
        {
            "resource": item["resource"],
            "effect": item["effect"],
            "seconds": round(item["ends"] - item["begun"], 1),
            "begun": item["begun"],
            "ends": item["ends"],
        }
        for _, item in world.store.items(operations.SHELF)
        if item["resource"].lower().startswith(below) and not item.get("hidden")
    ]
    return Answer(200, {"value": shown})


def _secrets(world: World, _: Request) -> Answer:
    return Answer(200, {"value": [document["name"] for _, document in world.store.items(SECRETS)]})


def _deleted_secrets(world: World, _: Request) -> Answer:
    kept = [document for _, document in world.store.items(DELETED) if "_forgotten_from" not in document]
    return Answer(200, {"value": [document["name"] for document in kept]})


def _delete_secret(world: World, request: Request) -> Answer:
    delete(world, str(request.json()["name"]))
    return Answer(204)


def _purge_secret(world: World, request: Request) -> Answer:
    world.store.delete(DELETED, str(request.json()["name"]))
    return Answer(204)


def _push(world: World, request: Request) -> Answer:
    body = request.json()
    images.push(world, str(body["registry"]), str(body["repository"]), str(body["digest"]), str(body.get("tag", "")))
    return Answer(201)


def _images(world: World, request: Request) -> Answer:
    below = f"{request.query['registry'].lower()}/"
    found = {key.removeprefix(below): one for key, one in world.store.items(images.SHELF) if key.startswith(below)}
    return Answer(200, {"value": found})


def _deleted_vaults(world: World, _: Request) -> Answer:
    return vaults.list_deleted(world)


HANDLERS: dict[tuple[str, str], Callable[[World, Request], Answer]] = {
    ("POST", "images"): _push,
    ("GET", "images"): _images,
    ("POST", "resources/appear"): _appear,
    ("POST", "resources/vanish"): _vanish,
    ("PUT", "resources/tags"): _tags,
    ("GET", "resources"): _resources,
    ("GET", "operations"): _operations,
    ("GET", "secrets"): _secrets,
    ("GET", "secrets/deleted"): _deleted_secrets,
    ("GET", "vaults/deleted"): _deleted_vaults,
    ("POST", "secrets/delete"): _delete_secret,
    ("POST", "secrets/purge"): _purge_secret,
}
