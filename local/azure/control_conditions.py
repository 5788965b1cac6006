"""The control API: what Azure has, refuses and how long it takes: names, quotas, capacity, registrations, durations."""

from collections.abc import Callable

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused
from local.azure.core.world import PACE, World
from local.azure.providers import network
from local.azure.providers.compute import capacity, catalogue
from local.azure.services import metric_queries, metrics, registration
from local.azure.services.authorization import assignments


def _take_name(world: World, request: Request) -> Answer:
    name = str(request.json()["name"])
    world.store.put("taken names", name, {"name": name})
    return Answer(204)


def _limit(world: World, request: Request) -> Answer:
    body = request.json()
    world.store.put(catalogue.LIMITS, f"{body['region']}/{body['name']}", {"limit": body["limit"]})
    return Answer(204)


def _registration(world: World, request: Request) -> Answer:
    body = request.json()
    world.store.put(registration.STATES, str(body["namespace"]).lower(), {"state": str(body["state"])})
    return Answer(204)


def _no_room(world: World, request: Request) -> Answer:
    body = request.json()
    if body.get("code", capacity.RESTRICTED) not in (capacity.RESTRICTED, *capacity.LATE):
        raise Refused(400, "InvalidParameter", f"There is no lack of capacity with the code {body['code']}.")
    key = capacity.key_of(body["region"], body.get("zone", ""), body["size"])
    world.store.put(catalogue.NO_CAPACITY, key, body)
    return Answer(204)


def _room(world: World, _: Request) -> Answer:
    for key, _document in world.store.items(catalogue.NO_CAPACITY):
        world.store.delete(catalogue.NO_CAPACITY, key)
    return Answer(204)


def _restrict(world: World, request: Request) -> Answer:
    body = request.json()
    key = f"{body['region']}/{body['size']}"
    if body.get("restricted", True):
        world.store.put(catalogue.RESTRICTIONS, key, body)
    else:
        world.store.delete(catalogue.RESTRICTIONS, key)
    return Answer(204)


def _pace(world: World, request: Request) -> Answer:
    world.store.put("facts", PACE, {"share": float(request.json()["share"])})
    return Answer(204)


def _draw_again(world: World, _: Request) -> Answer:
    world.store.delete("facts", PACE)
    return Answer(204)


def _cards(world: World, request: Request) -> Answer:
    world.store.put("facts", network.CREATION, {"created": network.Creation(request.json()["created"])})
    return Answer(204)


def _cards_as_recorded(world: World, _: Request) -> Answer:
    world.store.delete("facts", network.CREATION)
    return Answer(204)


def _lag(world: World, request: Request) -> Answer:
    world.store.put("facts", metric_queries.LAG, {"minutes": int(request.json()["minutes"])})
    return Answer(204)


def _leave_out(world: World, request: Request) -> Answer:
    world.store.put("facts", metrics.omission_key(str(request.json()["id"])), {"left out": True})
    return Answer(204)


HANDLERS: dict[tuple[str, str], Callable[[World, Request], Answer]] = {
    ("POST", "names/take"): _take_name,
    ("PUT", "limits"): _limit,
    ("PUT", "registrations"): _registration,
    ("PUT", "permissions"): assignments.put,
    ("GET", "permissions/checked"): assignments.checked,
    ("PUT", "restrictions"): _restrict,
    ("PUT", "capacity"): _no_room,
    ("DELETE", "capacity"): _room,
    ("PUT", "metrics/lag"): _lag,
    ("PUT", "metrics/without"): _leave_out,
    ("PUT", "durations"): _pace,
    ("DELETE", "durations"): _draw_again,
    ("PUT", "network-cards"): _cards,
    ("DELETE", "network-cards"): _cards_as_recorded,
}
