"""A small Kubernetes API server for each simulated cluster, below `/kubernetes/{uid}` of the simulated Azure.

It serves namespaces, config maps, secrets, service accounts, deployments, daemon sets, jobs, pods and their logs, and reads
of replica sets, nodes and events. Other kinds are unknown (404); what is not modelled of these is a 501 that names it.
https://kubernetes.io/docs/reference/using-api/api-concepts
"""

from urllib.parse import unquote

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.kubernetes import clusters
from local.azure.kubernetes.api import access, discovery, logs, queries, tables, writes
from local.azure.kubernetes.api.statuses import StatusRefused, Unreachable, missing, unknown_path
from local.azure.kubernetes.objects import CLUSTER_WIDE, OF_KINDS, Server, servers, shown

ROOT = "kubernetes"
# Ignored: they change neither the answer nor what is done.
HARMLESS = {
    *("fieldManager", "fieldValidation", "force", "timeout", "timeoutSeconds", "pretty", "labelSelector", "fieldSelector"),
    *("limit", "continue", "resourceVersion", "resourceVersionMatch", "watch", "allowWatchBookmarks", "propagationPolicy"),
    *("gracePeriodSeconds", "dryRun", "sendInitialEvents", "includeUninitialized", "orphanDependents"),
}


def answer(world: World, request: Request) -> Answer:
    """Answer one request to an API server; raises Refused, and Unreachable if nothing answers there."""
    parts = [unquote(part) for part in request.path.split("/") if part]
    if len(parts) < 2 or parts[0] != ROOT:
        raise Unreachable(request.path)
    cluster = reachable(world, parts[1])
    clusters.settle(world)
    try:
        return _answered(Server(world, cluster, world.seconds()), request, tuple(parts[2:]))
    except StatusRefused:
        raise
    except Refused as refused:
        raise StatusRefused(refused.status, refused.message, refused.code) from None


def reachable(world: World, uid: str) -> Document:
    """The cluster whose API server answers from outside; raises Unreachable."""
    for key, record in servers(world):
        cluster = world.resource(record["id"])
        if key != uid or cluster is None or cluster["properties"]["resourceUID"] != uid:
            continue
        private = (cluster["properties"].get("apiServerAccessProfile") or {}).get("enablePrivateCluster")
        if not private and cluster["properties"]["powerState"]["code"] == "Running":
            return cluster
    raise Unreachable(uid)


def is_watch(request: Request) -> bool:
    """Whether a request is a watch, which is answered a moment later so that its client does not ask without pause."""
    return request.query.get("watch", "false").lower() in ("true", "1")


def _answered(server: Server, request: Request, path: tuple[str, ...]) -> Answer:
    person = access.person_of(server.world, server.cluster, request)
    about = discovery.answer(path, server.cluster) if request.method == "GET" else None
    if about is not None:
        return about
    plural, namespace, name, part = place_in(path)
    is_log = plural == "pods" and part == "log"
    unknown = set(request.query) - HARMLESS - (set(logs.PARAMETERS) if is_log else set())
    if unknown:
        raise StatusRefused(501, f"The simulated Azure does not support the query parameter {sorted(unknown)[0]}.")
    if part and not is_log:
        raise StatusRefused(501, f"The simulated Azure does not support {plural}/{part}.")
    verb = verb_of(request, name)
    access.check_allowed(server.world, server.cluster, person, access.AccessRequest(verb, plural, namespace))
    said = handled(server, request, verb, plural, namespace, name, log=is_log)
    table = tables.MARK in request.headers.get("Accept", "") and verb in ("list", "get") and not is_log
    return tables.as_table(server, plural, said) if table else said


def handled(
    server: Server, request: Request, verb: str, plural: str, namespace: str, name: str, *, log: bool = False
) -> Answer:
    """Answer a request that is allowed."""
    match verb:
        case "list":
            return queries.listed(server, plural, namespace, request.query)
        case "watch":
            return queries.changes(server, plural, namespace, request.query)
        case "get":
            found = server.get(plural, namespace, name)
            if found is None:
                raise missing(plural, discovery.group_of(plural), name)
            return logs.answer(server, found, request.query) if log else Answer(200, shown(found))
        case "delete":
            return writes.delete(server, plural, namespace, name, request)
        case "deletecollection":
            raise StatusRefused(501, "The simulated Azure does not support the deletion of a collection.")
    return writes.put(server, plural, namespace, name, request)


def place_in(path: tuple[str, ...]) -> tuple[str, str, str, str]:
    """The kind, the namespace, the name and the part of an object in a path; raises the 404 for unknown ones."""
    match path:
        case ("api", "v1", *rest):
            group = ""
        case ("apis", group, version, *rest) if discovery.GROUPS.get(group) == version:
            pass
        case _:
            raise unknown_path()
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] in OF_KINDS:
        namespace, rest = rest[1], rest[2:]
    plural, name, part = (*rest, "", "", "")[:3]
    known = plural in OF_KINDS and discovery.group_of(plural) == group and len(rest) <= 3
    if not known or (namespace and plural in CLUSTER_WIDE) or (name and not namespace and plural not in CLUSTER_WIDE):
        raise unknown_path()
    return plural, namespace, name, part


def verb_of(request: Request, name: str) -> str:
    """What a request to the place of a kind, or of one object with a name, is about; raises the 405."""
    match request.method:
        case "GET":
            return "get" if name else "watch" if is_watch(request) else "list"
        case "POST" if not name:
            return "create"
        case "PUT" if name:
            return "update"
        case "PATCH" if name:
            return "patch"
        case "DELETE":
            return "delete" if name else "deletecollection"
    raise StatusRefused(405, "the server does not allow this method on the requested resource")
