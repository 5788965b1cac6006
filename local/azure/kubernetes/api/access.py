"""Who asks an API server, and what they may do: tokens of Entra ID, and roles of Azure on the cluster or a namespace.

https://learn.microsoft.com/azure/aks/manage-azure-rbac: roles reach the authorizer of a cluster up to five minutes after
they were assigned. https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/containers
"""

import uuid
from dataclasses import dataclass

import jwt

from local.azure.core.requests import Request
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.kubernetes.api.discovery import group_of
from local.azure.kubernetes.api.statuses import StatusRefused
from local.azure.kubernetes.objects import CLUSTER_WIDE
from local.azure.providers.containers.credentials import SERVER_APPLICATION, static_token
from local.azure.providers.kinds import ROLE, ROLE_DEFINITION
from local.azure.services.authorization.assignments import matches

PREFIX = "Microsoft.ContainerService/managedClusters"
PROPAGATED = "aks role propagation"
READS = ("get", "list", "watch")
# What the built-in roles allow in a namespace, beside their exceptions: kinds of which each may be read and written.
WORKLOADS = (
    *("apps/daemonsets", "apps/deployments", "apps/replicasets", "batch/jobs"),
    *("configmaps", "pods", "serviceaccounts", "secrets"),
)
READABLE = tuple(f"{PREFIX}/{kind}/read" for kind in (*WORKLOADS, "events", "namespaces") if kind != "secrets")
BUILT_IN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b": ((f"{PREFIX}/*",), ()),
    "3498e952-d568-435e-9b2c-8d77e338d7f7": (
        (f"{PREFIX}/*",),
        (f"{PREFIX}/namespaces/write", f"{PREFIX}/namespaces/delete", f"{PREFIX}/nodes/*"),
    ),
    "a7ffa36f-339b-4b5c-8bdf-e2c188b2c0eb": (
        (*(f"{PREFIX}/{kind}/*" for kind in (*WORKLOADS, "events")), f"{PREFIX}/namespaces/read"),
        (),
    ),
    "7f6c6a51-bcf8-42ba-9220-52d62157d7db": (READABLE, ()),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: the object ID, or the name of a local account, which may do everything."""

    name: str
    local: bool = False


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What is asked for: a verb on a kind, in a namespace ("": all of them, or none)."""

    verb: str
    plural: str
    namespace: str

    @property
    def action(self) -> str:
        """The data action of Azure that it needs."""
        group = group_of(self.plural)
        what = "read" if self.verb in READS else "delete" if self.verb.startswith("delete") else "write"
        return f"{PREFIX}/{group + '/' if group else ''}{self.plural}/{what}"


def person_of(world: World, cluster: Document, request: Request) -> Person:
    """Who sends a request; raises the 401 for one without a token that this cluster takes."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise StatusRefused(401, "Unauthorized")
    for account in ("clusterUser", "clusterAdmin"):
        if token == static_token(world, cluster, account):
            return Person(account, local=True)
    if not (cluster["properties"].get("aadProfile") or {}).get("managed"):
        raise StatusRefused(401, "Unauthorized")
    try:
        claims = request.issuer.verify(token, SERVER_APPLICATION)
    except jwt.PyJWTError:
        raise StatusRefused(401, "Unauthorized") from None
    return Person(str(claims["oid"]))


def check_allowed(world: World, cluster: Document, person: Person, wanted: AccessRequest) -> None:
    """Raise the 403 unless a role allows it: on the cluster, above it, or on the namespace; and is effective by now."""
    if person.local or _allowed(world, cluster, person, wanted):
        return
    group = group_of(wanted.plural)
    where = f' in the namespace "{wanted.namespace}"' if wanted.namespace else " at the cluster scope"
    full = f"{wanted.plural}.{group}" if group else wanted.plural
    text = (
        f'{full} is forbidden: User "{person.name}" cannot {wanted.verb} resource "{wanted.plural}" in API group "{group}"{where}: '
        "User does not have access to the resource in Azure. Update role assignment to allow access."
    )
    raise StatusRefused(403, text, details={**({"group": group} if group else {}), "kind": wanted.plural})


def _allowed(world: World, cluster: Document, person: Person, wanted: AccessRequest) -> bool:
    if not cluster["properties"]["aadProfile"].get("enableAzureRBAC"):
        return False  # Kubernetes' own roles are not simulated, and no other principal has one
    place = cluster["id"].lower()
    if wanted.namespace and wanted.plural not in CLUSTER_WIDE:
        place += f"/namespaces/{wanted.namespace}"
    for assignment in world.resources(ROLE):
        given = assignment["properties"]
        if given["principalId"] != person.name or not f"{place}/".startswith(given["scope"].lower().rstrip("/") + "/"):
            continue
        actions, excluded = _of_role(world, str(given["roleDefinitionId"]).rpartition("/")[2].lower())
        if matches(wanted.action, actions) and not matches(wanted.action, excluded) and _effective(world, assignment):
            return True
    return False


def _of_role(world: World, role: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The data actions of a built-in role or a custom one, and those that it excludes."""
    if role in BUILT_IN:
        return BUILT_IN[role]
    for definition in world.resources(ROLE_DEFINITION):
        if definition["name"].lower() == role:
            parts = definition["properties"]["permissions"]
            allowed = tuple(action for part in parts for action in part.get("dataActions") or [])
            return allowed, tuple(action for part in parts for action in part.get("notDataActions") or [])
    return (), ()


def _effective(world: World, assignment: Document) -> bool:
    """Whether the authorizer knows an assignment: some time after Azure itself does, the same at every question."""
    key = str(uuid.uuid5(uuid.NAMESPACE_URL, assignment["id"].lower()))
    known = world.store.get(PROPAGATED, key)
    if known is None or known["from"] != assignment["_effective"]:
        until = float(assignment["_effective"]) + world.draw(PROPAGATED, assignment["id"])
        known = world.store.put(PROPAGATED, key, {"from": assignment["_effective"], "until": until})
    return bool(known["until"] <= world.seconds())
