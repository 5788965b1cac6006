"""The front of Azure Resource Manager: who asks, in which version, how often, for what, and which provider answers."""

import re
from urllib.parse import unquote

from local.azure.core import operations, versions
from local.azure.core.handlers import DELETE, FORGETTABLE, GET, LIST, PATCH, PUT, SERVED, Handler
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.throttling import policy_of
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.providers import catalogue, groups, power, roles, storage, vaults
from local.azure.providers.common import found, group_of, shown
from local.azure.providers.kinds import BLOB_SERVICE, CONTAINER, EXTENSION, GROUP, MACHINE, ROLE
from local.azure.services import resource_graph

POWER = {action.lower(): action for action in ("start", "deallocate", "powerOff", "restart")}

ROOT = re.compile(r"/subscriptions/[^/]+", re.IGNORECASE)
GROUPS = re.compile(r"/subscriptions/[^/]+/resourcegroups", re.IGNORECASE)
ONE_GROUP = re.compile(r"/subscriptions/[^/]+/resourcegroups/(?P<name>[^/]+)", re.IGNORECASE)
CONTENTS = re.compile(r"/subscriptions/[^/]+/resourcegroups/(?P<name>[^/]+)/resources", re.IGNORECASE)
POLL = re.compile(
    r"/subscriptions/[^/]+/providers/(?P<provider>[^/]+)/locations/[^/]+/"
    r"(?P<style>operations|DiskOperations|operationResults|asyncoperations)/(?P<id>[^/]+)"
)
GROUP_POLL = re.compile(r"/subscriptions/[^/]+/operationresults/(?P<token>[^/]+)")
USAGES = re.compile(r"/subscriptions/[^/]+/providers/Microsoft\.Compute/locations/(?P<region>[^/]+)/usages", re.IGNORECASE)
SKUS = re.compile(r"/subscriptions/[^/]+/providers/Microsoft\.Compute/skus", re.IGNORECASE)
FREE_NAME = re.compile(r"/subscriptions/[^/]+/providers/Microsoft\.Storage/checkNameAvailability", re.IGNORECASE)
DELETED_VAULTS = re.compile(
    r"/subscriptions/[^/]+/providers/Microsoft\.KeyVault/(?:deletedVaults|locations/(?P<region>[^/]+)/deletedVaults/(?P<name>[^/]+)(?P<purge>/purge)?)",
    re.IGNORECASE,
)
LOCATION = re.compile(r"location eq '(?P<region>[^']*)'")
GRAPH = "/providers/microsoft.resourcegraph/resources"
NAME = re.compile(r"\w(?:[\w.-]*\w)?")
LONGEST_NAME = 80


def answer(world: World, request: Request) -> Answer:
    """Answer one request to Azure Resource Manager; raises Refused."""
    request.check_token(world, "https://management.azure.com")
    path = unquote(request.path.rstrip("/"))
    versions.check(request.query.get("api-version"), kind_of(path))
    if path.lower() == GRAPH and request.method == "POST":
        return resource_graph.answer(world, request.json())
    _check_subscription(path)
    headers = world.throttle.resource_manager(request.method, f"{request.method}/{path}")
    headers |= _compute_headers(world, request, path)
    said = _answered(world, request, path)
    return Answer(said.status, said.body, {**headers, **said.headers})


def kind_of(path: str) -> str:
    """The resource type that a path is about, or ""."""
    rid = parse(unquote(path))
    if rid is None:
        return GROUP if ONE_GROUP.fullmatch(unquote(path)) or GROUPS.fullmatch(unquote(path)) else ""
    return _canonical(rid).type


def _answered(world: World, request: Request, path: str) -> Answer:
    said = _polled(world, request, path)
    if said is None:
        said = _groups(world, request, path)
    if said is None:
        said = _catalogue(world, request, path)
    if said is None:
        said = _vaults(world, request, path)
    if said is not None:
        return said
    rid = parse(path)
    if rid is None or not rid.types:
        raise not_simulated(f"{request.method} {path}")
    return _resource(world, request, _canonical(rid))


def _check_subscription(path: str) -> None:
    parts = path.split("/")
    if len(parts) < 3 or parts[1].lower() != "subscriptions":
        raise not_simulated(f"the path {path}")
    if parts[2].lower() != SUBSCRIPTION:
        raise Refused(404, "SubscriptionNotFound", f"The subscription '{parts[2]}' could not be found.")


def _compute_headers(world: World, request: Request, path: str) -> dict[str, str]:
    poll = POLL.fullmatch(path)
    if poll and poll["provider"] == "Microsoft.Compute":
        operation = world.store.get(operations.SHELF, poll["id"]) or {}
        return world.throttle.compute("GetOperation", str(operation.get("resource", "")), "")
    rid = parse(path)
    if rid is None:
        return {}
    action = rid.types[-1] if rid.collection and len(rid.types) > 1 else ""
    policy = policy_of(request.method, rid.type, collection=rid.collection and not action, action=action)
    if not policy:
        return {}
    machine = f"{rid.group_id}/{rid.names[0]}" if rid.names else ""
    return world.throttle.compute(policy, machine, "")


def _polled(world: World, request: Request, path: str) -> Answer | None:
    match, group = POLL.fullmatch(path), GROUP_POLL.fullmatch(path)
    if group:
        return groups.poll(world, group["token"], request)
    if match is None:
        return None
    if match["provider"] == "Microsoft.Storage":
        return storage.poll(world, match["id"], request)
    monitor = match["style"] == "operationResults" or request.query.get("monitor") == "true"
    return operations.status(world, match["id"], request, monitor=monitor)


def _groups(world: World, request: Request, path: str) -> Answer | None:
    if GROUPS.fullmatch(path) and request.method == "GET":
        return groups.listed(world)
    contents = CONTENTS.fullmatch(path)
    if contents and request.method == "GET":
        return groups.contents(world, f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{contents['name']}", request)
    one = ONE_GROUP.fullmatch(path)
    if one is None:
        return None
    identifier = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{one['name']}"
    match request.method:
        case "PUT":
            return groups.put(world, identifier, request.json())
        case "PATCH":
            return groups.patch(world, identifier, request.json())
        case "GET":
            return groups.get(world, identifier)
        case "HEAD":
            return groups.head(world, identifier)
        case "DELETE":
            return groups.delete(world, identifier, request)
    raise not_simulated(f"{request.method} on resource groups")


def _catalogue(world: World, request: Request, path: str) -> Answer | None:
    usages = USAGES.fullmatch(path)
    if usages and request.method == "GET":
        return catalogue.usages(world, usages["region"])
    if SKUS.fullmatch(path) and request.method == "GET":
        region = LOCATION.search(request.query.get("$filter", ""))
        return catalogue.skus(world, region["region"] if region else "")
    if FREE_NAME.fullmatch(path) and request.method == "POST":
        return storage.check_name(world, str(request.json()["name"]))
    return None


def _vaults(world: World, request: Request, path: str) -> Answer | None:
    match = DELETED_VAULTS.fullmatch(path)
    if match is None:
        return None
    if match["name"] is None and request.method == "GET":
        return vaults.list_deleted(world)
    if match["purge"] and request.method == "POST":
        return vaults.purge(world, match["region"], match["name"], request)
    if match["name"] and request.method == "GET":
        return Answer(200, {k: v for k, v in vaults.deleted(world, match["region"], match["name"]).items() if k[0] != "_"})
    return None


def _resource(world: World, request: Request, rid: ResourceId) -> Answer:
    if request.method == "POST":
        return _action(world, request, rid)
    if rid.collection:
        return _listed(world, request, rid)
    verbs = {"PUT": PUT, "PATCH": PATCH, "GET": GET, "DELETE": DELETE}
    if rid.type == ROLE and request.method == "DELETE":
        return roles.delete(world, rid)
    if rid.type == BLOB_SERVICE or rid.type not in verbs.get(request.method, {}):
        raise not_simulated(f"{request.method} on {rid.type}")
    if rid.type == CONTAINER and rid.names[1] != "default":
        raise not_simulated(f"a blob service called {rid.names[1]}")
    if request.method == "PUT":
        _check_name(rid)
    if request.method == "DELETE":
        group_of(world, rid.group_id)
        if rid.type in FORGETTABLE and world.resource(rid.text) is None:
            return Answer(204)
    handle: Handler = verbs[request.method][rid.type]
    return handle(world, rid, request)


def _action(world: World, request: Request, rid: ResourceId) -> Answer:
    action = rid.types[-1].lower() if rid.collection else ""
    if rid.type.lower() == f"{MACHINE}/{action}".lower() and len(rid.names) == 1:
        machine = ResourceId(rid.subscription, rid.group, "Microsoft.Compute", ("virtualMachines",), rid.names)
        if action in POWER:
            return power.change(world, machine, POWER[action], request)
        if action == "runcommand":
            return power.run_command(world, machine, request)
    raise not_simulated(f"POST {rid.type}")


def _listed(world: World, request: Request, rid: ResourceId) -> Answer:
    if request.method == "GET" and rid.type.lower() == f"{MACHINE}/instanceView".lower():
        machine = ResourceId(rid.subscription, rid.group, "Microsoft.Compute", ("virtualMachines",), rid.names)
        return Answer(200, power.instance_view(world, found(world, machine)))
    kind = SERVED.get(rid.type.lower(), "")
    if request.method != "GET" or kind not in LIST or (not rid.group and kind in (EXTENSION, CONTAINER)):
        raise not_simulated(f"{request.method} on all {rid.type}")
    if kind == ROLE:
        return roles.listed(world, rid, request.query.get("$filter", ""))
    if kind == CONTAINER:
        return storage.list_containers(world, rid)
    if kind == MACHINE and request.query.get("statusOnly", "").lower() == "true":
        if rid.group:
            raise not_simulated("statusOnly for the machines of one group")
        return Answer(
            200, {"value": [power.status_only(world, machine) for machine in world.resources(kind, rid.root + "/")]}
        )
    if rid.group:
        group_of(world, rid.group_id)
    above = _canonical(ResourceId(rid.subscription, rid.group, rid.provider, rid.types[:-1], rid.names, rid.scope))
    within = found(world, above)["id"] if rid.names else rid.root
    return Answer(200, {"value": [shown(world, item, request) for item in world.resources(kind, within + "/")]})


def _check_name(rid: ResourceId) -> None:
    if rid.provider in ("Microsoft.Network", "Microsoft.Compute") and not (
        NAME.fullmatch(rid.name) and len(rid.name) <= LONGEST_NAME
    ):
        text = (
            f"Resource name {rid.name} is invalid. The name can be up to {LONGEST_NAME} characters long. It must begin with a word "
            "character, and it must end with a word character or with '_'. The name may contain word characters or '.', '-', '_'."
        )
        raise Refused(400, "InvalidResourceName", text, details=[])


def _canonical(rid: ResourceId) -> ResourceId:
    """The id with provider and types spelt as Azure spells them, whatever the caller's spelling."""
    kind = SERVED.get(rid.type.lower())
    if kind is None:
        return rid
    provider, *types = kind.split("/")
    scope = rid.scope
    if scope:
        above = parse(scope)
        scope = _canonical(above).text if above else scope
    return ResourceId(rid.subscription, rid.group, provider, tuple(types), rid.names, scope)
