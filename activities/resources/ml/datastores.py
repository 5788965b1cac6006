"""Requests for datastores."""

import asyncio
from collections.abc import Sequence

from activities.resources.api import ProbeApi, ResourceApi
from activities.resources.arm import delete_by_id, get_by_id
from activities.resources.identity import principal_of, roles_at
from activities.resources.ml.probes import no_read, result_of
from dormouse.cloud.clients import Cloud
from dormouse.cloud.plain_requests import send
from dormouse.environments.answers import Answer, Checked, Pending, Refused
from dormouse.environments.requests import PutRequest
from dormouse.environments.results import Check, Refusal, RefusalReason
from dormouse.resources.identity import STORAGE_BLOB_DATA_CONTRIBUTOR
from dormouse.resources.ml.access import STORAGE_BLOB_DATA_READER
from dormouse.resources.ml.datastores import ML_DATASTORE
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.platform.identities import USER_ASSIGNED_IDENTITY
from dormouse.resources.registry import kind_of
from dormouse.resources.storage import BLOB_CONTAINER

SHORTLY = 5.0
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
STORAGE_BLOB_DATA_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
READING_ROLES = frozenset({STORAGE_BLOB_DATA_READER, STORAGE_BLOB_DATA_CONTRIBUTOR, STORAGE_BLOB_DATA_OWNER})
NO_CONTAINER = "The storage account {account} has no blob container {container}; create it, or name another one."
NO_ROLE = "The identity of the clusters has no role to read the container {container} of {account}."


async def put_datastore(request: PutRequest, cloud: Cloud) -> Answer:
    """Register a datastore; whether it can be read is checked later, when roles have had time to take effect."""
    resource = request.resource
    answer, _ = await send(cloud, "PUT", resource.id, kind_of(resource).api_version, resource.body, skipValidation="true")
    return answer


async def replace_datastore(request: PutRequest, cloud: Cloud) -> Answer:
    """Register an existing datastore again: what it points to is decided when it is registered. The data stays."""
    answer = await delete_by_id(request.resource, cloud)
    if isinstance(answer, Refused):
        return answer
    return Pending(SHORTLY) if isinstance(answer, Pending) else await put_datastore(request, cloud)


async def probe_datastore(resource: Resource, cloud: Cloud) -> Answer | Checked:
    """Whether it is registered, its container exists, and the identity of the clusters has a role to read it.

    Whether the role is in force already only a node could tell.
    """
    named = {"container": name_of(_scope(resource)), "account": _account(resource)}
    if await get_by_id(resource, cloud) is None:
        return result_of("readable", Check.FAILED, "The datastore is not registered.")
    if await _container(resource, cloud) is None:
        return result_of("readable", Check.FAILED, NO_CONTAINER.format(**named))
    principal = await principal_of(Resource("reader", USER_ASSIGNED_IDENTITY.name, resource.settings["reader"]), cloud)
    held = await roles_at(_scope(resource), principal, cloud) if principal else []
    if not any(name_of(str(one.role_definition_id)) in READING_ROLES and not one.condition for one in held):
        return result_of("readable", Check.FAILED, NO_ROLE.format(**named))
    return result_of("readable", Check.PASSED)


async def containers_exist(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The refusals of datastores whose blob containers do not exist."""
    stores = [one for one in absent if one.kind == ML_DATASTORE.name]
    found = await asyncio.gather(*(_container(one, cloud) for one in stores))
    return [
        Refusal(
            RefusalReason.NOT_FOUND,
            NO_CONTAINER.format(container=name_of(_scope(one)), account=_account(one)),
            step=one.name,
            advice="A datastore needs a container that exists.",
        )
        for one, container in zip(stores, found, strict=True)
        if container is None
    ]


async def _container(resource: Resource, cloud: Cloud) -> object:
    return await get_by_id(Resource("container", BLOB_CONTAINER.name, _scope(resource)), cloud)


def _scope(resource: Resource) -> str:
    return resource.settings["scope"]


def _account(resource: Resource) -> str:
    return name_of(_scope(resource).partition("/blobServices/")[0])


DATASTORE = ResourceApi(
    put_datastore,
    get_by_id,
    delete_by_id,
    update=replace_datastore,
    probe=ProbeApi(probe_datastore, no_read),
    preflight=(containers_exist,),
)
