"""Telling the simulated Azure what to do: faults, outside events, and a look behind the scenes. Not a part of Azure.

POST   /faults                 a fault, with the fields of `faults.Fault`
GET    /faults                 the faults and how often they struck
DELETE /faults                 no more faults
POST   /machines/shutdown      {"id"}: somebody shuts the machine down from inside: stopped, and billed
POST   /machines/start         {"id"}: somebody starts the machine in the portal
POST   /machines/next-boot     {"id", "loses": ["driver", "mount", "desktop"]}: what is gone from the next boot on
POST   /names/take             {"name"}: somebody in the world takes this name for a storage account
PUT    /limits                 {"region", "name", "limit"}: a quota
PUT    /capacity               {"region", "zone", "size"}: there is no room for a size in a region, or in a zone ("": the region)
DELETE /capacity               there is room again
PUT    /restrictions           {"region", "size"}: a size is closed to the subscription
POST   /resources/appear       {"id", "type", "tags"}: somebody makes a resource by hand
POST   /resources/vanish       {"id"}: somebody deletes a resource by hand, whatever uses it
PUT    /resources/tags         {"id", "tags"}: somebody writes these tags in the portal, instead of those that were there
GET    /resources?below=       everything that exists below an id
GET    /operations?below=      every long operation, when it began and ends, and how many seconds Azure itself needs for it
GET    /secrets                the names of the vault's secrets
POST   /secrets/delete         {"name"}: somebody deletes a secret by hand
POST   /secrets/purge          {"name"}: and purges it: it is gone for good
GET    /rows?table=            what a table of the records holds
DELETE /rows?table=&key=       a row of it is lost
PUT    /rows                   {"table", "partition", "key", "document"}: another release has written this row
GET    /calls                  how many requests each service has answered
DELETE /calls                  count anew
POST   /estate                 machines that exist already, as docs/estates.md has it
PUT    /signals                {"id", "host": {...}, "inside": {...}}: from this minute on these signals go like this
GET    /machines/inside?id=    whether it is hibernated, whether an agent runs, the warnings it has shown, the status of its last answer, holds
POST   /machines/awake         {"id", "by", "reason", "for_seconds"}: somebody asks on the machine that it stays awake
POST   /machines/agent         {"id", "agent"}: somebody starts the agent (true), or kills it (false)
POST   /machines/token         {"id", "audience", "expires_in"?, "claims"?}: a token of the machine's identity
POST   /people/token           {"name", "roles"?, "audience"?, "expires_in"?, "claims"?}: a token of a person, and their object id
PUT    /identity/roles          {"roles"}: what the managed identity is to applications, from the next token on
GET    /agents                 how many agents have not yet told what they could
GET    /messages?path=         what was posted to https://hooks.localhost, to one path or to all
DELETE /messages               forget it
GET    /buckets                how low each bucket of tokens has been since the levels were reset, and how often one was empty
DELETE /buckets                reset the levels, and count anew
PUT    /metrics/lag            {"minutes"}: how late the newest points of Azure Monitor are
POST   /checkpoints            everything as it is at this moment, to be restored later: its number
POST   /checkpoints/restore    {"id"}: everything is again as it was then, the simulated time too; not at real speed
PUT    /metrics/without        {"id"}: Azure Monitor leaves this machine out of its answers
"""

from collections.abc import Callable

from local.azure import checkpoints
from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.world import World, visible
from local.azure.providers import catalogue
from local.azure.services import metrics
from local.azure.services.key_vault import DELETED, SECRETS, delete
from local.azure.services.tables import rows
from local.azure.vms import control, estate_loader
from local.azure.vms.control import machine_of
from local.azure.vms.estates import EstateError
from local.azure.vms.guest import Guest
from local.azure.vms.timelines import with_power


def answer(world: World, request: Request) -> Answer:
    """Answer one request to the simulation itself."""
    handle = HANDLERS.get((request.method, request.path.strip("/")))
    if handle is None:
        raise not_simulated(f"{request.method} {request.path}")
    return handle(world, request)


def _add_fault(world: World, request: Request) -> Answer:
    try:
        world.faults.add(request.json())
    except TypeError as error:
        raise Refused(400, "InvalidFault", str(error)) from None
    return Answer(201, {"value": world.faults.listed()})


def _shut_down(world: World, request: Request) -> Answer:
    identifier = str(request.json()["id"])
    world.keep(with_power(machine_of(world, identifier), "stopped", world.seconds()))
    return Answer(204)


def _start(world: World, request: Request) -> Answer:
    now = world.seconds()
    world.keep(Guest(world, with_power(machine_of(world, str(request.json()["id"])), "running", now)).booted(now))
    return Answer(204)


def _next_boot(world: World, request: Request) -> Answer:
    body = request.json()
    world.keep(Guest(world, machine_of(world, str(body["id"]))).next_boot_loses([str(part) for part in body["loses"]]))
    return Answer(204)


def _faults(world: World, _: Request) -> Answer:
    return Answer(200, {"value": world.faults.listed()})


def _clear_faults(world: World, _: Request) -> Answer:
    world.faults.clear()
    return Answer(204)


def _take_name(world: World, request: Request) -> Answer:
    name = str(request.json()["name"])
    world.store.put("taken names", name, {"name": name})
    return Answer(204)


def _limit(world: World, request: Request) -> Answer:
    body = request.json()
    world.store.put(catalogue.LIMITS, f"{body['region']}/{body['name']}", {"limit": body["limit"]})
    return Answer(204)


def _no_room(world: World, request: Request) -> Answer:
    body = request.json()
    world.store.put(catalogue.NO_CAPACITY, f"{body['region']}/{body.get('zone', '')}/{body['size']}", body)
    return Answer(204)


def _room(world: World, _: Request) -> Answer:
    for key, _document in world.store.items(catalogue.NO_CAPACITY):
        world.store.delete(catalogue.NO_CAPACITY, key)
    return Answer(204)


def _restrict(world: World, request: Request) -> Answer:
    body = request.json()
    world.store.put(catalogue.RESTRICTIONS, f"{body['region']}/{body['size']}", body)
    return Answer(204)


def _appear(world: World, request: Request) -> Answer:
    body = request.json()
    name = str(body["id"]).rsplit("/", 1)[-1]
    world.keep({"name": name, "location": "westeurope", "properties": {"provisioningState": "Succeeded"}, **body})
    world.index_everything()  # it has been there for a while
    return Answer(201)


def _vanish(world: World, request: Request) -> Answer:
    world.forget(str(request.json()["id"]))
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
        if item["resource"].lower().startswith(below)
    ]
    return Answer(200, {"value": shown})


def _secrets(world: World, _: Request) -> Answer:
    return Answer(200, {"value": [document["name"] for _, document in world.store.items(SECRETS)]})


def _deleted_secrets(world: World, _: Request) -> Answer:
    return Answer(200, {"value": [document["name"] for _, document in world.store.items(DELETED)]})


def _delete_secret(world: World, request: Request) -> Answer:
    delete(world, str(request.json()["name"]))
    return Answer(204)


def _purge_secret(world: World, request: Request) -> Answer:
    world.store.delete(DELETED, str(request.json()["name"]))
    return Answer(204)


def _calls(world: World, _: Request) -> Answer:
    return Answer(200, dict(world.calls))


def _estate(world: World, request: Request) -> Answer:
    try:
        return Answer(201, {"loaded": estate_loader.load(world, request.json())})
    except EstateError as error:
        raise Refused(400, "InvalidEstate", str(error), faults=error.faults) from None


def _signals(world: World, request: Request) -> Answer:
    try:
        estate_loader.change(world, request.json())
    except EstateError as error:
        raise Refused(400, "InvalidSignals", str(error), faults=error.faults) from None
    return Answer(204)


def _agents(world: World, _: Request) -> Answer:
    return Answer(200, {"pending": world.pending_agents()})


def _messages(world: World, request: Request) -> Answer:
    path = request.query.get("path")
    return Answer(200, {"value": [message for message in world.messages if path in (None, message["path"])]})


def _forget_messages(world: World, _: Request) -> Answer:
    world.messages.clear()
    return Answer(204)


def _buckets(world: World, _: Request) -> Answer:
    return Answer(200, {"value": world.throttle.levels(), "refused": world.throttle.refused})


def _reset_buckets(world: World, _: Request) -> Answer:
    world.throttle.reset_levels()
    return Answer(204)


def _lag(world: World, request: Request) -> Answer:
    world.store.put("facts", metrics.LAG, {"minutes": int(request.json()["minutes"])})
    return Answer(204)


def _leave_out(world: World, request: Request) -> Answer:
    world.store.put("facts", metrics.left_out(str(request.json()["id"])), {"left out": True})
    return Answer(204)


def _count_anew(world: World, _: Request) -> Answer:
    world.calls.clear()
    return Answer(204)


HANDLERS: dict[tuple[str, str], Callable[[World, Request], Answer]] = {
    ("POST", "faults"): _add_fault,
    ("GET", "faults"): _faults,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "machines/shutdown"): _shut_down,
    ("POST", "machines/start"): _start,
    ("POST", "machines/next-boot"): _next_boot,
    ("POST", "names/take"): _take_name,
    ("PUT", "limits"): _limit,
    ("PUT", "restrictions"): _restrict,
    ("PUT", "capacity"): _no_room,
    ("DELETE", "capacity"): _room,
    ("POST", "resources/appear"): _appear,
    ("POST", "resources/vanish"): _vanish,
    ("PUT", "resources/tags"): _tags,
    ("GET", "resources"): _resources,
    ("GET", "operations"): _operations,
    ("GET", "secrets"): _secrets,
    ("GET", "secrets/deleted"): _deleted_secrets,
    ("POST", "secrets/delete"): _delete_secret,
    ("POST", "secrets/purge"): _purge_secret,
    ("GET", "rows"): rows.listed,
    ("PUT", "rows"): rows.written,
    ("DELETE", "rows"): rows.lost,
    ("GET", "calls"): _calls,
    ("DELETE", "calls"): _count_anew,
    ("PUT", "metrics/lag"): _lag,
    ("PUT", "metrics/without"): _leave_out,
    ("POST", "estate"): _estate,
    ("GET", "agents"): _agents,
    ("GET", "messages"): _messages,
    ("DELETE", "messages"): _forget_messages,
    ("GET", "buckets"): _buckets,
    ("DELETE", "buckets"): _reset_buckets,
    **control.HANDLERS,
    **checkpoints.HANDLERS,
    ("PUT", "signals"): _signals,
}
