"""Requests to Azure Resource Manager about resources: which handler answers which verb, action or list."""

import re

from local.azure.core.handlers import DELETE, FORGETTABLE, GET, LIST, PATCH, PUT, SERVED, Handler
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.world import World
from local.azure.providers import authorization, blob_containers, custom_roles, network, roles
from local.azure.providers.common import found, group_of, shown
from local.azure.providers.compute import machine_lists, power
from local.azure.providers.containers import commands, credentials, images
from local.azure.providers.containers import power as cluster_power
from local.azure.providers.kinds import (
    BLOB_SERVICE,
    CLUSTER,
    CONTAINER,
    DATASTORE,
    DIAGNOSTIC_SETTING,
    DISK,
    EXTENSION,
    LOCK,
    LOG_WORKSPACE,
    MACHINE,
    METRIC,
    ML_COMPUTE,
    ML_JOB,
    ML_WORKSPACE,
    REGISTRY,
    ROLE,
    ROLE_DEFINITION,
    SUBNET,
)
from local.azure.providers.ml import runs
from local.azure.providers.platform import diagnostics
from local.azure.services import classic_metrics

POWER = {action.lower(): action for action in ("start", "deallocate", "powerOff", "restart")}
REGISTRY_PARTS = ("Microsoft.ContainerRegistry", ("registries",))
# Of a managed cluster.
CLUSTER_ACTIONS = {
    "start": cluster_power.start,
    "stop": cluster_power.stop,
    "listclusterusercredential": credentials.user_credential,
    "listclusteradmincredential": credentials.admin_credential,
    "runcommand": commands.run_command,
}
NAME = re.compile(r"\w(?:[\w.-]*\w)?")
LONGEST_NAME = 80
VERBS = {"PUT": PUT, "PATCH": PATCH, "GET": GET, "DELETE": DELETE}
PARAMETERS = {"GET": ("$expand",), "POST": ("hibernate", "skipshutdown", "format", "server-fqdn")}
PARAMETERS_OF = {
    ("DELETE", LOG_WORKSPACE): ("force",),
    ("DELETE", ML_WORKSPACE): ("forcetopurge",),
    ("DELETE", ML_COMPUTE): ("underlyingresourceaction",),
    ("PUT", DATASTORE): ("skipvalidation",),
}
# These need no resource group to be deleted.
OF_ANY_SCOPE = {ROLE: roles.delete, ROLE_DEFINITION: custom_roles.delete, DIAGNOSTIC_SETTING: diagnostics.delete}
# Lists of things that are no resources of their own here.
OTHER_LISTS = {
    LOCK: authorization.list_locks,
    ROLE_DEFINITION: authorization.list_role_definitions,
    SUBNET: network.list_subnets,
    METRIC: classic_metrics.answer,
    ML_JOB: runs.list_jobs,
    DIAGNOSTIC_SETTING: diagnostics.listed,
}


def answer(world: World, request: Request, rid: ResourceId) -> Answer:
    """Answer one request about a resource, or about all resources of a type; raises Refused."""
    if request.method == "GET" and rid.collection:
        return _listed(world, request, rid)
    request.check_query(*PARAMETERS.get(request.method, ()), *PARAMETERS_OF.get((request.method, rid.type), ()))
    _check_conditions(request)
    if request.method == "POST":
        return _action(world, request, rid)
    if rid.collection:
        raise not_simulated(f"{request.method} on all {rid.type}")
    if request.method == "DELETE" and rid.type in OF_ANY_SCOPE:
        return OF_ANY_SCOPE[rid.type](world, rid)
    if rid.type == BLOB_SERVICE or rid.type not in VERBS.get(request.method, {}):
        raise not_simulated(f"{request.method} on {rid.type}")
    if rid.type == CONTAINER and rid.names[1] != "default":
        raise not_simulated(f"a blob service called {rid.names[1]}")
    if request.method == "PUT":
        _check_name(rid)
    if request.method == "DELETE":
        group_of(world, rid.group_id)
        if rid.type in FORGETTABLE and world.resource(rid.text) is None:
            return Answer(204)
    handle: Handler = VERBS[request.method][rid.type]
    return handle(world, rid, request)


def canonical(rid: ResourceId) -> ResourceId:
    """The ID with provider and types in Azure's spelling, whatever the caller's spelling."""
    kind = SERVED.get(rid.type.lower()) or next((kind for kind in OTHER_LISTS if kind.lower() == rid.type.lower()), None)
    if kind is None:
        return rid
    provider, *types = kind.split("/")
    scope = rid.scope
    if scope:
        above = parse(scope)
        scope = canonical(above).text if above else scope
    return ResourceId(rid.subscription, rid.group, provider, tuple(types), rid.names, scope)


def _action(world: World, request: Request, rid: ResourceId) -> Answer:
    action = rid.types[-1].lower() if rid.collection else ""
    if rid.type.lower() == f"{MACHINE}/{action}".lower() and len(rid.names) == 1:
        machine = ResourceId(rid.subscription, rid.group, "Microsoft.Compute", ("virtualMachines",), rid.names)
        if request.query.get("skipShutdown", "false").lower() != "false":
            raise not_simulated(f"{action} with skipShutdown")
        if action in POWER:
            return power.change(world, machine, POWER[action], request)
        if action == "runcommand":
            return power.run_command(world, machine, request)
    if rid.type.lower() == f"{CLUSTER}/{action}".lower() and action in CLUSTER_ACTIONS:
        cluster = ResourceId(rid.subscription, rid.group, "Microsoft.ContainerService", ("managedClusters",), rid.names)
        return CLUSTER_ACTIONS[action](world, cluster, request)
    if rid.type.lower() == f"{ML_COMPUTE}/listNodes".lower() and len(rid.names) == len(rid.types) - 1:
        return runs.list_nodes(world, ResourceId(rid.subscription, rid.group, rid.provider, rid.types[:-1], rid.names))
    if rid.type.lower() == f"{REGISTRY}/importImage".lower():
        return images.import_image(world, ResourceId(rid.subscription, rid.group, *REGISTRY_PARTS, rid.names), request)
    raise not_simulated(f"POST {rid.type}")


def _listed(world: World, request: Request, rid: ResourceId) -> Answer:
    if rid.type in OTHER_LISTS:
        return OTHER_LISTS[rid.type](world, rid, request)
    if rid.type.lower() == f"{MACHINE}/instanceView".lower():
        request.check_query()
        machine = ResourceId(rid.subscription, rid.group, "Microsoft.Compute", ("virtualMachines",), rid.names)
        return Answer(200, power.instance_view(world, found(world, machine)))
    kind = SERVED.get(rid.type.lower(), "")
    if kind not in LIST or (not rid.group and kind in (EXTENSION, CONTAINER)):
        raise not_simulated(f"{request.method} on all {rid.type}")
    if kind == ROLE:
        request.check_query("$filter")
        return roles.listed(world, rid, request.query.get("$filter", ""))
    if kind == MACHINE:
        return machine_lists.answer(world, rid, request)
    request.check_query()
    if kind == CONTAINER:
        return blob_containers.list_containers(world, rid)
    if rid.group:
        group_of(world, rid.group_id)
    above = canonical(ResourceId(rid.subscription, rid.group, rid.provider, rid.types[:-1], rid.names, rid.scope))
    within = found(world, above)["id"] if rid.names else rid.root
    seen = [shown(world, item, request) for item in world.resources(kind, within + "/")]
    if kind == DISK and not rid.group:
        seen = [machine_lists.with_capitals(item) for item in seen]
    return Answer(200, {"value": seen})


def _check_conditions(request: Request) -> None:
    """Raise a refusal for a conditional request, which must not be carried out whatever the condition."""
    given = [name for name in ("If-Match", "If-None-Match") if request.headers.get(name)]
    if given:
        raise not_simulated(f"the header {given[0]} of {request.method}")


def _check_name(rid: ResourceId) -> None:
    if rid.provider in ("Microsoft.Network", "Microsoft.Compute") and not (
        NAME.fullmatch(rid.name) and len(rid.name) <= LONGEST_NAME
    ):
        text = (
            f"Resource name {rid.name} is invalid. The name can be up to {LONGEST_NAME} characters long. It must begin with a word "
            "character, and it must end with a word character or with '_'. The name may contain word characters or '.', '-', '_'."
        )
        raise Refused(400, "InvalidResourceName", text, details=[])
