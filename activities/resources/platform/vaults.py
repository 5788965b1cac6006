"""Requests for key vaults, which Azure keeps recoverable after their deletion."""

from collections.abc import Mapping, Sequence
from typing import Any

from activities.resources.api import ResourceApi, SoftDeleteApi
from activities.resources.arm import delete_by_id, get_by_id, gone_is_done, put_body
from dormouse.cloud.clients import Cloud
from dormouse.cloud.plain_requests import list_at, send
from dormouse.cloud.sdk_errors import get_existing, get_or_none
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.requests import PutRequest
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.lifecycle import Verb
from dormouse.records.environments import Records
from dormouse.resources.naming import group_name, name_of
from dormouse.resources.plan import Resource
from dormouse.resources.platform.vaults import KEY_VAULT as KIND

SUBSCRIPTIONS_API_VERSION = "2022-12-01"
IN_DELETED_STATE, PAUSE = "deleted state", 5.0
OPERATION_TAG, LOCATION = "dormouse-operation", "location"
OTHER_VAULT = (
    "A deleted vault {vault} reserves the name {name} until it is purged, or until {until}. Purge it, or choose another "
    "environment name."
)


async def put_vault(request: PutRequest, cloud: Cloud) -> Answer:
    """Start creating or changing a vault in the tenant of the subscription.

    A deleted one with this ID is recovered, with what was in it, and then changed to be as planned; the name of another one
    is not taken. https://learn.microsoft.com/azure/key-vault/general/key-vault-recovery
    """
    resource = request.resource
    body = {**resource.body, "properties": {**resource.body["properties"], "tenantId": await _tenant(cloud)}}
    answer = await put_body(resource, body, cloud)
    if not isinstance(answer, Refused) or IN_DELETED_STATE not in answer.refusal.detail:
        return answer
    deleted = await _deleted(resource, cloud)
    if deleted is None:  # purged or recovered since, or not in this region
        return answer
    properties = deleted["properties"]
    if str(properties["vaultId"]).lower() != resource.id.lower():
        told = OTHER_VAULT.format(
            vault=properties["vaultId"], name=name_of(resource.id), until=properties.get("scheduledPurgeDate", "?")
        )
        return Refused(Refusal(RefusalReason.NAME_TAKEN, told, answer.refusal.code))
    recovered = await put_body(resource, {**body, "properties": {**body["properties"], "createMode": "recover"}}, cloud)
    return Pending(PAUSE) if isinstance(recovered, Done) else recovered


async def list_deleted_vaults(environment: str, cloud: Cloud) -> Sequence[Resource]:
    """The deleted vaults of an environment that can still be recovered.

    The ID of a vault names the group of its environment, and its tag the operation that has created it; only the record of
    that operation proves that the vault is ours.
    """
    path = f"/subscriptions/{cloud.settings.azure_subscription_id}/providers/Microsoft.KeyVault/deletedVaults"
    vaults = [vault["properties"] for vault in await list_at(cloud, path, KIND.api_version)]
    return [_resource_of(vault) for vault in vaults if await _is_ours(vault, environment, cloud)]


async def purge_vault(resource: Resource, cloud: Cloud) -> Answer:
    """Start purging a deleted vault, which releases its name; purging a missing one succeeds.

    https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/purge-deleted
    """
    answer, _ = await send(cloud, "POST", f"{_path(resource, cloud)}/purge", KIND.api_version)
    purged = isinstance(answer, Refused) and answer.refusal.code == "DeletedVaultNotFound"
    return Done() if purged else gone_is_done(answer)


async def _tenant(cloud: Cloud) -> str:
    """The tenant of the control plane's subscription: a vault trusts one tenant only."""
    path = f"/subscriptions/{cloud.settings.azure_subscription_id}"
    found: Any = await get_existing(cloud.resources.resources.get_by_id(path, api_version=SUBSCRIPTIONS_API_VERSION))
    return str(found["tenantId"])


async def _deleted(resource: Resource, cloud: Cloud) -> Mapping[str, Any] | None:
    found: Any = await get_or_none(cloud.resources.resources.get_by_id(_path(resource, cloud), api_version=KIND.api_version))
    return found  # type: ignore[no-any-return]


def _path(resource: Resource, cloud: Cloud) -> str:
    region = resource.body.get(LOCATION) or resource.settings.get(LOCATION, "")
    within = f"/subscriptions/{cloud.settings.azure_subscription_id}/providers/Microsoft.KeyVault/locations/{region}"
    return f"{within}/deletedVaults/{name_of(resource.id)}"


async def _is_ours(properties: Mapping[str, Any], environment: str, cloud: Cloud) -> bool:
    group = group_name(cloud.settings.deployment_id, environment)
    here = f"/subscriptions/{cloud.settings.azure_subscription_id}/resourceGroups/{group}/providers/".lower()
    operation = str((properties.get("tags") or {}).get(OPERATION_TAG, ""))
    if not str(properties["vaultId"]).lower().startswith(here) or not operation.startswith(
        f"{environment}-{Verb.PROVISION}-"
    ):
        return False
    return await Records(cloud.tables).operation(operation) is not None


def _resource_of(properties: Mapping[str, Any]) -> Resource:
    name = name_of(str(properties["vaultId"]))
    return Resource(name, KIND.name, str(properties["vaultId"]), settings={LOCATION: str(properties["location"])})


KEY_VAULT = ResourceApi(put_vault, get_by_id, delete_by_id, soft_delete=SoftDeleteApi(list_deleted_vaults, purge_vault))
