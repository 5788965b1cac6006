"""Microsoft.Authorization: role assignments."""

import re
import uuid

from local.azure.core.request_schemas import check
from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.world import SUBSCRIPTION, TENANT, World, visible
from local.azure.providers.common import Body, absent, group_of
from local.azure.providers.kinds import CLUSTER, KEY_VAULT, ROLE
from local.azure.services.key_vault import SECRETS

TYPE = ROLE
PRINCIPALS = "principals"
PRINCIPAL = re.compile(r"(?:principalId eq|assignedTo\()\s*'(?P<id>[0-9a-fA-F-]+)'")


def put(world: World, rid: ResourceId, body: Body) -> Answer:
    """Assign a role to a principal that the directory already knows."""
    scope = _scope(world, rid)
    try:
        uuid.UUID(rid.name)
    except ValueError:
        text = f"The role assignment ID '{rid.name}' is not valid. The role assignment ID must be a GUID."
        raise Refused(400, "InvalidRoleAssignmentId", text) from None
    check(ROLE, body)
    given = body["properties"]
    principal = _principal(world, given)
    same = next((a for a in world.resources(TYPE) if _triple(a["properties"]) == _triple({**given, "scope": scope})), None)
    if same is not None and same["name"] != rid.name:
        raise Refused(409, "RoleAssignmentExists", "The role assignment already exists.")
    existing = world.resource(rid.text)
    if existing is not None and existing is not same:
        text = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
        raise Refused(400, "RoleAssignmentUpdateNotPermitted", text)
    now, whom = world.zulu(), world.guid("control plane")
    properties = {
        "roleDefinitionId": _in_subscription(str(given["roleDefinitionId"])),
        "principalId": given["principalId"],
        "principalType": given.get("principalType") or principal.get("type", "ServicePrincipal"),
        "scope": scope,
        "condition": given.get("condition"),
        "conditionVersion": given.get("conditionVersion"),
        "createdOn": now,
        "updatedOn": now,
        "createdBy": whom,
        "updatedBy": whom,
        "delegatedManagedIdentityResourceId": None,
        "description": given.get("description"),
    }
    effective = existing["_effective"] if existing else world.seconds() + world.draw("role propagation", rid.text)
    document = {"properties": properties, "id": rid.text, "type": TYPE, "name": rid.name, "_effective": effective}
    world.keep(document)
    # Only the first response lacks the creator.
    return Answer(200 if existing else 201, visible({**document, "properties": {**properties, "createdBy": None}}))


def get(world: World, rid: ResourceId) -> Answer:
    """Get an assignment."""
    _scope(world, rid)
    document = world.resource(rid.text)
    if document is None:
        raise Refused(404, "RoleAssignmentNotFound", f"The role assignment '{rid.name}' is not found.")
    return Answer(200, visible(document))


def delete(world: World, rid: ResourceId) -> Answer:
    """Delete an assignment, at once."""
    _scope(world, rid)
    document = world.resource(rid.text)
    if document is None:
        return Answer(204)
    world.forget(rid.text)
    return Answer(200, visible(document))


def listed(world: World, rid: ResourceId, asked: str) -> Answer:
    """The assignments at a scope and below it, or with `atScope()` at the scope and above it; or those of a principal."""
    scope, wanted = _scope(world, rid).lower(), PRINCIPAL.search(asked)
    if asked and wanted is None and asked.replace(" ", "") != "atScope()":
        raise not_simulated(f"the filter {asked!r} on role assignments")
    found = []
    for assignment in world.resources(TYPE):
        at = assignment["properties"]["scope"].lower()
        near = (
            at == scope or (scope + "/").startswith(at + "/") if "atScope" in asked else (at + "/").startswith(scope + "/")
        )
        mine = wanted is None or assignment["properties"]["principalId"].lower() == wanted["id"].lower()
        if near and mine:
            found.append(visible(assignment))
    return Answer(200, {"value": found})


def _scope(world: World, rid: ResourceId) -> str:
    """The scope of an assignment; raises refusals for a scope that does not exist."""
    if rid.scope:
        above = parse(rid.scope)
        group_of(world, f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{rid.group}")
        inside = _is_secret(world, rid.scope) or _is_subnet(world, rid.scope) or _is_namespace(world, rid.scope)
        if world.resource(rid.scope) is None and not inside:
            raise absent(above) if above else Refused(404, "ResourceNotFound", f"The resource {rid.scope} was not found.")
        return rid.scope
    if rid.group:
        group_of(world, rid.group_id)
        return rid.group_id
    return f"/subscriptions/{SUBSCRIPTION}"


def _is_namespace(world: World, scope: str) -> bool:
    """Whether a scope is a namespace of a managed cluster, which may not exist yet.

    https://learn.microsoft.com/azure/aks/manage-azure-rbac#create-role-assignments-for-users-to-access-the-cluster
    """
    cluster, separator, _ = scope.partition("/namespaces/")
    known = world.resource(cluster)
    return bool(separator) and known is not None and known["type"] == CLUSTER


def _is_secret(world: World, scope: str) -> bool:
    """Whether a scope is a secret of the control plane's vault, which is not managed by Resource Manager.

    https://learn.microsoft.com/azure/key-vault/general/rbac-guide; that a missing secret is refused is assumed.
    """
    vault, separator, name = scope.partition("/secrets/")
    known = world.resource(vault)
    return bool(separator) and known is not None and known["type"] == KEY_VAULT and bool(world.store.get(SECRETS, name))


def _is_subnet(world: World, scope: str) -> bool:
    """Whether a scope is a subnet, which is kept with its network."""
    network = world.resource(scope.partition("/subnets/")[0])
    known = (network or {}).get("properties", {}).get("subnets", [])
    return any(subnet["id"].lower() == scope.lower() for subnet in known)


def new_principal(world: World, owner: str) -> str:
    """The identity of a resource; the directory knows it only after a while."""
    principal = world.guid("principal", owner, str(world.seconds()))
    known_at = world.seconds() + world.draw("identity replication", owner)
    world.store.put(PRINCIPALS, principal, {"id": principal, "known_at": known_at})
    return principal


def may_write_blobs(world: World, principal: str, account: str) -> bool:
    """Whether a principal's permission to write an account's blobs is already effective."""
    role = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
    return any(
        assignment["properties"]["principalId"] == principal
        and assignment["properties"]["roleDefinitionId"].endswith(role)
        and account.lower().startswith(assignment["properties"]["scope"].lower())
        and assignment["_effective"] <= world.seconds()
        for assignment in world.resources(TYPE)
    )


def _principal(world: World, given: Body) -> Body:
    """The principal as the directory knows it; raises the refusal for one that it does not know."""
    principal = str(given["principalId"])
    try:
        uuid.UUID(principal)
    except ValueError:
        text = f"The Principal ID '{principal}' is not valid. Principal ID must be a GUID."
        raise Refused(400, "InvalidPrincipalId", text) from None
    record = world.store.get(PRINCIPALS, principal)
    if principal == world.guid("control plane"):
        record = {"id": principal, "known_at": 0}
    # If the principal type is given, the directory, which may not know the principal yet, is not queried.
    if record is None or (record["known_at"] > world.seconds() and "principalType" not in given):
        text = (
            f"Principal {principal.replace('-', '')} does not exist in the directory {TENANT}. Check that you have the correct "
            "principal ID. If you are creating this principal and then immediately assigning a role, this error might be "
            "related to a replication delay. In this case, set the role assignment principalType property to a value, such as "
            "ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype"
        )
        raise Refused(400, "PrincipalNotFound", text)
    return record


def _in_subscription(definition: str) -> str:
    """A role definition as Azure shows it: one of the whole tenant gets the ID that it has in the subscription (recorded)."""
    return f"/subscriptions/{SUBSCRIPTION}{definition}" if definition.lower().startswith("/providers/") else definition


def _triple(properties: Body) -> tuple[str, str, str]:
    role = str(properties["roleDefinitionId"]).rsplit("/", 1)[-1]
    return (str(properties["scope"]).lower(), str(properties["principalId"]).lower(), role.lower())
