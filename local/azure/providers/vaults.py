"""Microsoft.KeyVault: vaults as Azure Resource Manager shows them, and their soft delete. Secrets are in `key_vault.py`."""

import re

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import RESOURCES, SUBSCRIPTION, TENANT, World, visible
from local.azure.providers.common import GATEWAY, SOFT_DELETES, Body, authorship, canonical, check_put, found, tracked
from local.azure.providers.kinds import GROUP, KEY_VAULT

DELETED = "deleted vaults"
NAME = re.compile(r"(?!.*--)[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]")
DAY = 86400.0
RBAC_BY_DEFAULT_SINCE = "2026-02-01"
OWN_GROUP, OWN_REGION = "dormouse-control-plane", "polandcentral"
MORE = "https://go.microsoft.com/fwlink/?linkid=2149745"


def put_vault(world: World, rid: ResourceId, request: Request) -> Answer:
    """Create or change a vault, at once; no other vault may have its name, not even a deleted one."""
    body = request.json()
    check_put(world, rid, body)
    if not NAME.fullmatch(rid.name):
        text = f"The vault name '{rid.name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens."
        raise Refused(400, "VaultNameNotValid", text)
    given, existing = body["properties"], world.resource(rid.text)
    held = world.store.get(DELETED, rid.name)
    if existing is None and held is not None and given.get("createMode") != "recover":
        text = f"A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault. Follow this link {MORE} for more information on soft delete."
        raise Refused(409, "ConflictError", text)
    if existing is None and held is None and name_taken(world, rid.name):
        text = f"The vault name '{rid.name}' is already in use. Vault names are globaly unique so it is possible that the name is already taken."
        raise Refused(409, "VaultAlreadyExists", text)
    if held is not None:
        world.store.delete(DELETED, rid.name)
    document = {
        **tracked(rid, body, _properties(rid, given, request.version)),
        "systemData": authorship(world, existing, world.zulu()[:-5] + "Z"),
    }
    return Answer(200, visible(world.keep({"tags": {}, **document})))


def adopt_own(world: World, name: str, uri: str) -> None:
    """Add the vault of the control plane, whose secrets are served at this address, in a group of its own.

    Resource Graph lists it once everything is indexed.
    """
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{OWN_GROUP}"
    rid = own_vault(name)
    given = {"sku": {"family": "A", "name": "standard"}, "tenantId": TENANT, "enableRbacAuthorization": True}
    properties = {**_properties(rid, given, RBAC_BY_DEFAULT_SINCE), "vaultUri": uri}
    times = {"_created": world.zulu(), "_changed": world.zulu()}
    vault = {
        "tags": {},
        **tracked(rid, {"location": OWN_REGION}, properties),
        "systemData": authorship(world, None, world.zulu()[:-5] + "Z"),
        **times,
    }
    state = {"provisioningState": "Succeeded"}
    place = {"id": group, "name": OWN_GROUP, "type": GROUP, "location": OWN_REGION, "properties": state, **times}
    known = world.resource(rid.text) or vault
    world.store.put(RESOURCES, group, world.resource(group) or place)
    world.store.put(RESOURCES, rid.text, {**known, "properties": {**known["properties"], "vaultUri": uri}})


def own_vault(name: str) -> ResourceId:
    """The ID of the vault of the control plane."""
    return ResourceId(SUBSCRIPTION, OWN_GROUP, "Microsoft.KeyVault", ("vaults",), (name,))


def delete_vault(world: World, rid: ResourceId) -> Answer:
    """Delete a vault: its name is reserved until it is purged, or its retention period has passed."""
    vault = found(world, rid)
    hold(world, vault)
    world.forget(rid.text)
    return Answer(200)


def hold(world: World, vault: Document) -> None:
    """Keep a vault that is deleted, also with its group, for its recovery."""
    days, name = vault["properties"]["softDeleteRetentionInDays"], vault["name"]
    now = float(int(world.seconds()))
    place = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/{vault['location']}"
    gone = {
        "id": f"{place}/deletedVaults/{name}",
        "name": name,
        "type": "Microsoft.KeyVault/deletedVaults",
        "properties": {
            "vaultId": vault["id"],
            "location": vault["location"],
            "tags": vault.get("tags") or {},
            "deletionDate": _seconds(world, now),
            "scheduledPurgeDate": _seconds(world, now + days * DAY),
        },
        "_until": now + days * DAY,
    }
    world.store.put(DELETED, name, gone)


SOFT_DELETES[KEY_VAULT] = hold


def deleted(world: World, location: str, name: str) -> Document:
    """A deleted vault that can be recovered; raises a refusal for any other."""
    document = world.store.get(DELETED, name)
    if (
        document is None
        or canonical(document["properties"]["location"]) != canonical(location)
        or document["_until"] <= world.seconds()
    ):
        text = f"The specified deleted vault '{name}' does not exist. Ensure that the vault was indeed deleted and that it is in recoverable state. If soft delete was not enabled then the vault is permanently deleted. Follow this link for more information: {MORE}"
        raise Refused(404, "DeletedVaultNotFound", text)
    return document


def list_deleted(world: World) -> Answer:
    """Every deleted vault of the subscription."""
    return Answer(
        200, {"value": [visible(item) for _, item in world.store.items(DELETED) if item["_until"] > world.seconds()]}
    )


def purge(world: World, location: str, name: str, request: Request) -> Answer:
    """Begin to purge a deleted vault, which releases its name."""
    document = deleted(world, location, name)
    operation = operations.begin(
        world,
        "vault purged",
        document["id"],
        5.0,
        request=("POST", f"{document['id']}/purge"),
        provider="Microsoft.KeyVault",
        name=name,
    )
    headers = operations.addresses(operation, request, canonical(location))
    return Answer(202, None, {"Location": headers["Location"], "Retry-After": "5"})


def name_taken(world: World, name: str) -> bool:
    """Whether a vault has this name, here or anywhere else."""
    if world.store.get("taken names", name):
        return True
    return any(vault["name"].lower() == name.lower() for vault in world.resources(KEY_VAULT))


@operations.finisher("vault purged")
def _purged(world: World, operation: Document) -> None:
    if operation["status"] == "Succeeded":
        world.store.delete(DELETED, operation["name"])


def _properties(rid: ResourceId, given: Body, version: str) -> Body:
    wanted = ("sku", "tenantId")
    missing = [name for name in wanted if name not in given]
    if missing:
        text = f"The parameter '{missing[0]}' is not specified."
        raise Refused(400, "BadRequest", text, headers=GATEWAY)
    flags = ("enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment", "enablePurgeProtection")
    return {
        "sku": given["sku"],
        "tenantId": given["tenantId"],
        "accessPolicies": [],
        **{name: given[name] for name in flags if given.get(name) is not None},
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": given.get("softDeleteRetentionInDays", 90),
        # https://learn.microsoft.com/azure/key-vault/general/access-control-default
        "enableRbacAuthorization": given.get("enableRbacAuthorization", version >= RBAC_BY_DEFAULT_SINCE),
        "vaultUri": f"https://{rid.name.lower()}.vault.azure.net/",
        "provisioningState": "Succeeded",
        "publicNetworkAccess": given.get("publicNetworkAccess", "Enabled"),
    }


def _seconds(world: World, moment: float) -> str:
    return world.zulu(moment).partition(".")[0] + "Z"
