"""Telling the simulated Azure what to do: faults, outside events, and a look behind the scenes. Not a part of Azure.

    POST   /faults                 a fault, with the fields of `faults.Fault`
    GET    /faults                 the faults and how often they struck
    DELETE /faults                 no more faults
    POST   /machines/shutdown      {"id"}: somebody shuts the machine down from inside: stopped, and billed
    POST   /names/take             {"name"}: somebody in the world takes this name for a storage account
    PUT    /limits                 {"region", "name", "limit"}: a quota
    PUT    /restrictions           {"region", "size"}: a size is closed to the subscription
    GET    /resources?below=       everything that exists below an id
    GET    /secrets                the names of the vault's secrets
    GET    /calls                  how many requests each service has answered
    DELETE /calls                  count anew
"""

from typing import Any

from local.azure.answers import Answer, Refused, not_simulated
from local.azure.providers import catalogue
from local.azure.requests import Request
from local.azure.vault import SECRETS
from local.azure.world import World, visible


def answer(world: World, request: Request) -> Answer:
    """Answer one request to the simulation itself."""
    match (request.method, request.path.strip("/")):
        case ("POST", "faults"):
            return _fault(world, request.json())
        case ("GET", "faults"):
            return Answer(200, {"value": world.faults.listed()})
        case ("DELETE", "faults"):
            world.faults.clear()
            return Answer(204)
        case ("POST", "machines/shutdown"):
            return _shut_down(world, str(request.json()["id"]))
        case ("POST", "names/take"):
            name = str(request.json()["name"])
            world.store.put("taken names", name, {"name": name})
            return Answer(204)
        case ("PUT", "limits"):
            body = request.json()
            world.store.put(catalogue.LIMITS, f"{body['region']}/{body['name']}", {"limit": body["limit"]})
            return Answer(204)
        case ("PUT", "restrictions"):
            body = request.json()
            world.store.put(catalogue.RESTRICTIONS, f"{body['region']}/{body['size']}", body)
            return Answer(204)
        case ("GET", "resources"):
            below = request.query.get("below", "")
            return Answer(200, {"value": [visible(document) for document in world.resources(below=below)]})
        case ("GET", "secrets"):
            return Answer(200, {"value": [document["name"] for _, document in world.store.items(SECRETS)]})
        case ("GET", "calls"):
            return Answer(200, dict(world.calls))
        case ("DELETE", "calls"):
            world.calls.clear()
            return Answer(204)
    raise not_simulated(f"{request.method} {request.path}")


def _fault(world: World, description: dict[str, Any]) -> Answer:
    try:
        world.faults.add(description)
    except TypeError as error:
        raise Refused(400, "InvalidFault", str(error)) from None
    return Answer(201, {"value": world.faults.listed()})


def _shut_down(world: World, identifier: str) -> Answer:
    machine = world.resource(identifier)
    if machine is None:
        raise Refused(404, "ResourceNotFound", f"There is no machine {identifier}.")
    world.keep({**machine, "_power": "stopped"})
    return Answer(204)
