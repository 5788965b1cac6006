"""The front of Azure Resource Manager: who asks, for what, and which provider answers."""

import re
from urllib.parse import unquote

from local.azure import graph, operations
from local.azure.answers import Answer, Refused, not_simulated
from local.azure.identifiers import ResourceId, parse
from local.azure.providers import catalogue, groups, machines, network, power, roles, storage
from local.azure.providers.common import Put, delete_later, found, group_of
from local.azure.requests import Request
from local.azure.world import SUBSCRIPTION, World, visible

PUT: dict[str, Put] = {
    network.VNET: network.put_network,
    network.FIREWALL: network.put_firewall,
    network.ADDRESS: network.put_address,
    network.NIC: network.put_interface,
    storage.ACCOUNT: storage.put_account,
    storage.CONTAINER: storage.put_container,
    machines.MACHINE: machines.put_machine,
    machines.EXTENSION: machines.put_extension,
}
CANONICAL = {kind.lower(): kind for kind in (*PUT, machines.DISK, roles.TYPE)}
POWER = ("start", "deallocate", "powerOff", "restart")

GROUP = re.compile(r"/subscriptions/[^/]+/resourcegroups/(?P<name>[^/]+)", re.IGNORECASE)
POLL = re.compile(
    r"/subscriptions/[^/]+/providers/(?P<provider>[^/]+)/locations/[^/]+/"
    r"(?P<style>operations|operationResults|asyncoperations)/(?P<id>[^/]+)"
)
GROUP_POLL = re.compile(r"/subscriptions/[^/]+/operationresults/(?P<token>[^/]+)")
USAGES = re.compile(r"/subscriptions/[^/]+/providers/Microsoft\.Compute/locations/(?P<region>[^/]+)/usages", re.IGNORECASE)
LOCATION = re.compile(r"location eq '(?P<region>[^']*)'")


def answer(world: World, request: Request) -> Answer:
    """Answer one request to Azure Resource Manager; raises Refused."""
    request.check_token(world, "https://management.azure.com")
    if "api-version" not in request.query:
        text = "The api-version query parameter (?api-version=) is required for all requests."
        raise Refused(400, "MissingApiVersionParameter", text)
    path = unquote(request.path.rstrip("/"))
    if path.lower() == "/providers/microsoft.resourcegraph/resources":
        return graph.answer(world, request.json())
    _check_subscription(path)
    polled = _polled(world, request, path)
    if polled is not None:
        return polled
    group = GROUP.fullmatch(path)
    if group:
        return _group(world, request, f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group['name']}")
    return _provider(world, request, path)


def kind_of(path: str) -> str:
    """The resource type that a path is about, or ""."""
    rid = parse(unquote(path))
    if rid is None:
        return groups.TYPE if GROUP.fullmatch(unquote(path)) else ""
    return _canonical(rid).type


def _check_subscription(path: str) -> None:
    parts = path.split("/")
    if len(parts) < 3 or parts[1].lower() != "subscriptions":
        raise not_simulated(f"the path {path}")
    if parts[2].lower() != SUBSCRIPTION:
        raise Refused(404, "SubscriptionNotFound", f"The subscription '{parts[2]}' could not be found.")


def _polled(world: World, request: Request, path: str) -> Answer | None:
    match, group = POLL.fullmatch(path), GROUP_POLL.fullmatch(path)
    if match:
        monitor = match["style"] != "operations" or request.query.get("monitor") == "true"
        return operations.status(world, match["id"], monitor=monitor, url=request.url)
    if group:
        return operations.status(world, groups.operation_of(group["token"]), monitor=True, url=request.url)
    return None


def _group(world: World, request: Request, identifier: str) -> Answer:
    match request.method:
        case "PUT":
            return groups.put(world, identifier, request.json())
        case "GET":
            return groups.get(world, identifier)
        case "HEAD":
            return groups.head(world, identifier)
        case "DELETE":
            return groups.delete(world, identifier, request.base)
    raise not_simulated(f"{request.method} on resource groups")


def _provider(world: World, request: Request, path: str) -> Answer:
    usages = USAGES.fullmatch(path)
    if usages and request.method == "GET":
        return catalogue.usages(world, usages["region"])
    if path.lower().endswith("/providers/microsoft.compute/skus"):
        region = LOCATION.search(request.query.get("$filter", ""))
        return catalogue.skus(world, region["region"] if region else "")
    if path.lower().endswith("/providers/microsoft.storage/checknameavailability"):
        return storage.check_name(world, str(request.json()["name"]))
    rid = parse(path)
    if rid is None:
        raise not_simulated(f"{request.method} {path}")
    return _resource(world, request, _canonical(rid))


def _resource(world: World, request: Request, rid: ResourceId) -> Answer:
    if request.method == "POST":
        return _action(world, request, rid)
    if rid.collection:
        return _listed(world, request, rid)
    if rid.type == roles.TYPE:
        return _role(world, request, rid)
    if rid.type.lower() not in CANONICAL:
        raise not_simulated(f"resources of type {rid.type}")
    match request.method:
        case "PUT" if rid.type in PUT:
            return PUT[rid.type](world, rid, request.json(), request.base)
        case "PATCH" if rid.type == machines.MACHINE:
            return machines.patch_machine(world, rid, request.json(), request.base)
        case "GET":
            return _get(world, request, rid)
        case "DELETE":
            return _delete(world, request, rid)
    raise not_simulated(f"{request.method} on {rid.type}")


def _get(world: World, request: Request, rid: ResourceId) -> Answer:
    if rid.type == storage.CONTAINER:
        group_of(world, rid.group_id)
        return storage.get_container(world, rid)
    if rid.type == machines.MACHINE and rid.names[1:] == ():
        return _machine(world, request, rid)
    return Answer(200, visible(found(world, rid)))


def _machine(world: World, request: Request, rid: ResourceId) -> Answer:
    document = found(world, rid)
    shown = visible(document)
    if request.query.get("$expand", "").lower() == "instanceview":
        view = power.instance_view(world, document)
        shown = {**shown, "properties": {**shown["properties"], "instanceView": view}}
    return Answer(200, shown)


def _delete(world: World, request: Request, rid: ResourceId) -> Answer:
    group_of(world, rid.group_id)
    if rid.type == storage.CONTAINER:
        return storage.delete_container(world, rid)
    if world.resource(rid.text) is None:
        return Answer(204)
    if rid.type == storage.ACCOUNT:
        return storage.delete_account(world, rid)
    if rid.type == machines.MACHINE:
        return machines.delete_machine(world, rid, request.base)
    in_use = network.in_use if rid.provider == "Microsoft.Network" else machines.IN_USE.get(rid.type)
    return delete_later(world, found(world, rid), request.base, network.DELETE_PAUSES.get(rid.type), in_use)


def _action(world: World, request: Request, rid: ResourceId) -> Answer:
    action = rid.types[-1] if rid.collection else ""
    if rid.type.lower() == f"{machines.MACHINE}/{action}".lower() and len(rid.names) == 1:
        machine = ResourceId(rid.subscription, rid.group, "Microsoft.Compute", ("virtualMachines",), rid.names)
        for known in POWER:
            if action.lower() == known.lower():
                return power.change(world, machine, known, request.base)
        if action.lower() == "runcommand":
            return power.run_command(world, machine, request.json(), request.base)
    raise not_simulated(f"POST {rid.type}")


def _listed(world: World, request: Request, rid: ResourceId) -> Answer:
    if request.method == "GET" and rid.type.lower() == f"{machines.MACHINE}/instanceView".lower():
        machine = ResourceId(rid.subscription, rid.group, "Microsoft.Compute", ("virtualMachines",), rid.names)
        return Answer(200, power.instance_view(world, found(world, machine)))
    if request.method == "GET" and rid.type.lower() in CANONICAL:
        group_of(world, rid.group_id)
        above = ResourceId(rid.subscription, rid.group, rid.provider, rid.types[:-1], rid.names, rid.scope)
        if rid.names:
            found(world, _canonical(above))
        within = _canonical(above).text if rid.names else rid.scope or rid.group_id
        return Answer(200, {"value": [visible(item) for item in world.resources(CANONICAL[rid.type.lower()], within + "/")]})
    raise not_simulated(f"{request.method} on all {rid.type}")


def _role(world: World, request: Request, rid: ResourceId) -> Answer:
    match request.method:
        case "PUT":
            return roles.put(world, rid, request.json())
        case "GET":
            return roles.get(world, rid)
        case "DELETE":
            return roles.delete(world, rid)
    raise not_simulated(f"{request.method} on role assignments")


def _canonical(rid: ResourceId) -> ResourceId:
    """The id with provider and types spelt as Azure spells them, whatever the caller's spelling."""
    kind = CANONICAL.get(rid.type.lower())
    if kind is None:
        return rid
    provider, *types = kind.split("/")
    scope = rid.scope
    if scope:
        above = parse(scope)
        scope = _canonical(above).text if above else scope
    return ResourceId(rid.subscription, rid.group, provider, tuple(types), rid.names, scope)
