"""Identities of machines: their own, and those that users have made."""

from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import not_simulated
from local.azure.core.store import Document
from local.azure.core.world import TENANT, World
from local.azure.providers import roles
from local.azure.providers.common import Body


def identity_of(world: World, rid: ResourceId, body: Body, *, kept: bool = False) -> Document:
    """The identities of a machine as it asks for them; an existing one of its own is kept, and others if `kept`.

    A PATCH adds those that it names and removes those that it gives as null:
    https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-configure-managed-identities
    """
    asked = body.get("identity") or {}
    kinds = [kind.strip() for kind in str(asked.get("type") or "None").split(",")]
    if kinds == ["None"]:
        return {}
    there = (world.resource(rid.text) or {}).get("identity") or {}
    identity: Body = {"type": ", ".join(kinds)}
    if "SystemAssigned" in kinds:
        principal = there.get("principalId") or roles.new_principal(world, rid.text)
        identity |= {"principalId": principal, "tenantId": TENANT}
    if "UserAssigned" in kinds:
        before = there.get("userAssignedIdentities") or {} if kept else {}
        named = {**before, **(asked.get("userAssignedIdentities") or {})}
        identity["userAssignedIdentities"] = {
            name: _of_user(world, name) for name, wanted in named.items() if wanted is not None
        }
    return {"identity": identity}


def _of_user(world: World, identifier: str) -> Body:
    if world.resource(identifier) is None:
        raise not_simulated(f"the user-assigned identity {identifier}, which nothing has created")
    return {"principalId": world.guid("principal", identifier), "clientId": world.guid("client", identifier)}
