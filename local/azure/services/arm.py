"""The front end of Azure Resource Manager: authentication, API version, throttling, routing to providers."""

import re
from urllib.parse import unquote

from local.azure.core import operations, versions
from local.azure.core.requests import Request
from local.azure.core.resource_ids import parse
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.throttling import policy_of
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.providers import groups, registries, storage, vaults
from local.azure.providers.common import location_of
from local.azure.providers.compute import catalogue, marketplace
from local.azure.providers.containers import image_imports, long_running
from local.azure.providers.containers import versions as kubernetes_versions
from local.azure.providers.kinds import GROUP
from local.azure.providers.ml import quotas, workspaces
from local.azure.providers.private_network import dns_operations
from local.azure.services import dispatch, registration, resource_graph, subscriptions
from local.azure.services.authorization import assignments, checks
from local.azure.services.dispatch import canonical

# Both audiences are valid: https://learn.microsoft.com/azure/azure-resource-manager/management/authenticate-multi-tenant
AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
GROUPS = re.compile(r"/subscriptions/[^/]+/resourcegroups", re.IGNORECASE)
RESOURCES = re.compile(r"/subscriptions/[^/]+/resources", re.IGNORECASE)
ONE_GROUP = re.compile(r"/subscriptions/[^/]+/resourcegroups/(?P<name>[^/]+)", re.IGNORECASE)
CONTENTS = re.compile(r"/subscriptions/[^/]+/resourcegroups/(?P<name>[^/]+)/resources", re.IGNORECASE)
POLL = re.compile(
    r"/subscriptions/[^/]+/providers/(?P<provider>[^/]+)/locations/[^/]+/"
    r"(?P<style>operations|DiskOperations|operationResults|asyncoperations|operationstatuses)/(?P<id>[^/]+)"
)
GROUP_POLL = re.compile(r"/subscriptions/[^/]+/operationresults/(?P<token>[^/]+)")
USAGES = re.compile(r"/subscriptions/[^/]+/providers/Microsoft\.Compute/locations/(?P<region>[^/]+)/usages", re.IGNORECASE)
SKUS = re.compile(r"/subscriptions/[^/]+/providers/Microsoft\.Compute/skus", re.IGNORECASE)
FREE_NAME = re.compile(r"/subscriptions/[^/]+/providers/Microsoft\.Storage/checkNameAvailability", re.IGNORECASE)
ML_POLL = re.compile(
    r"/subscriptions/.+/Microsoft\.MachineLearningServices/locations/[^/]+/(?:workspace|compute)OperationsStatus/(?P<id>[^/]+)"
)
CLUSTER_POLL = re.compile(
    r"/subscriptions/[^/]+/providers/Microsoft\.ContainerService/locations/[^/]+/"
    r"(?P<style>operations|operationresults)/(?P<id>[^/]+)",
    re.IGNORECASE,
)
KUBERNETES = re.compile(
    r"/subscriptions/[^/]+/providers/Microsoft\.ContainerService/locations/[^/]+/kubernetesVersions", re.IGNORECASE
)
FREE_REGISTRY = re.compile(
    r"/subscriptions/[^/]+/providers/Microsoft\.ContainerRegistry/checkNameAvailability", re.IGNORECASE
)
REGISTRY_POLL = re.compile(
    r"/subscriptions/.+/Microsoft\.ContainerRegistry/registries/[^/]+/operationStatuses/(?P<id>registries-[^/]+)"
)
DNS_POLL = re.compile(
    r"/subscriptions/.+/Microsoft\.Network/privateDnsOperation(?P<style>Statuses|Results)/(?P<token>[^/]+)", re.IGNORECASE
)
DELETED_VAULTS = re.compile(
    r"/subscriptions/[^/]+/providers/Microsoft\.KeyVault/(?:deletedVaults|locations/(?P<region>[^/]+)/deletedVaults/(?P<name>[^/]+)(?P<purge>/purge)?)",
    re.IGNORECASE,
)
PERMISSIONS = re.compile(
    r"(?P<scope>/subscriptions/[^/]+(?:/resourcegroups/[^/]+)?)/providers/Microsoft\.Authorization/permissions",
    re.IGNORECASE,
)
LOCATION = re.compile(r"location eq '(?P<region>[^']*)'", re.IGNORECASE)
GRAPH = "/providers/microsoft.resourcegraph/resources"
# What Resource Manager answers itself; its API versions are those of resource groups.
ITS_OWN = re.compile(
    r"/tenants|/subscriptions(?:/[^/]+(?:/(?P<part>locations|tagNames|resources|providers)(?:/[^/]+)?"
    r"|/(?P<contents>resourceGroups)/[^/]+/resources)?)?",
    re.IGNORECASE,
)


def answer(world: World, request: Request) -> Answer:
    """Answer one request to Azure Resource Manager; raises Refused."""
    claims = request.check_token(*AUDIENCES)
    path = unquote(request.path.rstrip("/"))
    versions.check(request.query.get("api-version"), kind_of(path), world.text()[:10], location_of(world, path))
    if path.lower() == GRAPH and request.method == "POST":
        return resource_graph.answer(world, request.json())
    if path.lower() not in ("/subscriptions", "/tenants"):
        subscriptions.check(path)
        subscriptions.check_simulated(path, polled=POLL.fullmatch(path) is not None)
    headers = world.throttle.resource_manager(request.method, f"{request.method}/{path}")
    headers |= _compute_headers(world, request, path)
    checks.check_permitted(world, request, path, str(claims["oid"]))
    registration.check_registered(world, request.method, path)
    said = _answered(world, request, path)
    return Answer(said.status, said.body, {**headers, **said.headers})


def kind_of(path: str) -> str:
    """The resource type in a path, or ""."""
    path = unquote(path)
    if path.lower() == GRAPH:
        return "Microsoft.ResourceGraph/resources"
    own = ITS_OWN.fullmatch(path)
    if own:
        part = "resourceGroups/resources" if own["contents"] else own["part"] or ""
        return f"Microsoft.Resources/subscriptions/{part}".rstrip("/")
    rid = parse(path)
    if rid is None:
        return GROUP if ONE_GROUP.fullmatch(path) or GROUPS.fullmatch(path) else ""
    return canonical(rid).type


def _answered(world: World, request: Request, path: str) -> Answer:
    said = _polled(world, request, path)
    if said is None:
        said = subscriptions.answer(world, request, path)
        said = checks.shortened(world, said) if said and RESOURCES.fullmatch(path) else said
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
    return dispatch.answer(world, request, canonical(rid))


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
    match, group, registry = POLL.fullmatch(path), GROUP_POLL.fullmatch(path), REGISTRY_POLL.fullmatch(path)
    if registry:
        return registries.poll(world, registry["id"], request)
    cluster = CLUSTER_POLL.fullmatch(path)
    if cluster:
        return long_running.poll(world, cluster["id"], request, result=cluster["style"].lower() == "operationresults")
    learning = ML_POLL.fullmatch(path)
    if learning:
        return workspaces.poll(world, learning["id"], request)
    dns = DNS_POLL.fullmatch(path)
    if dns:
        return dns_operations.poll(world, dns["token"], request, monitor=dns["style"].lower() == "results")
    if group:
        return groups.poll(world, group["token"], request)
    if match is None:
        return None
    if match["provider"] == "Microsoft.ContainerRegistry":
        imported = image_imports.poll(world, match["id"], request)
        if imported is not None:
            return imported
    if match["provider"] == "Microsoft.Storage":
        return storage.poll(world, match["id"], request)
    monitor = match["style"] == "operationResults" or request.query.get("monitor") == "true"
    return operations.status(world, match["id"].removeprefix("registries-"), request, monitor=monitor)


def _groups(world: World, request: Request, path: str) -> Answer | None:
    if GROUPS.fullmatch(path) and request.method == "GET":
        return checks.shortened(world, groups.listed(world, request))
    contents = CONTENTS.fullmatch(path)
    if contents and request.method == "GET":
        return groups.contents(world, f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{contents['name']}", request)
    one = ONE_GROUP.fullmatch(path)
    if one is None:
        return None
    request.check_query()
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
    rights = PERMISSIONS.fullmatch(path)
    if rights and request.method == "GET":
        request.check_query()
        return assignments.listed(world, rights["scope"])
    usages = USAGES.fullmatch(path)
    if usages and request.method == "GET":
        request.check_query()
        return catalogue.usages(world, usages["region"])
    learning = quotas.PATH.fullmatch(path)
    if learning and request.method == "GET":
        request.check_query()
        return quotas.usages(world, learning["region"])
    if SKUS.fullmatch(path) and request.method == "GET":
        return catalogue.skus(world, _region_in(request))
    if KUBERNETES.fullmatch(path) and request.method == "GET":
        request.check_query()
        return kubernetes_versions.listed(world)
    image = marketplace.VERSIONS.fullmatch(path)
    if image and request.method == "GET":
        request.check_query("$top", "$orderby")  # there is one version of each image
        return marketplace.versions(image.groupdict())
    if FREE_NAME.fullmatch(path) and request.method == "POST":
        return storage.check_name(world, str(request.json()["name"]))
    if FREE_REGISTRY.fullmatch(path) and request.method == "POST":
        return registries.check_name(world, request.json())
    return None


def _region_in(request: Request) -> str:
    """The region in the filter of a list of sizes, or "" without a filter; the only filter that Azure accepts."""
    request.check_query("$filter", "includeextendedlocations")
    asked = request.query.get("$filter", "")
    region = LOCATION.fullmatch(asked.strip())
    if asked and region is None:
        raise not_simulated(f"the filter {asked!r} on sizes")
    return region["region"] if region else ""


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
