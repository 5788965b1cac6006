"""Activities that find the resources of an environment in the records, in Azure and in the key vault."""

from dormouse.blueprints.catalog import plan_for
from dormouse.blueprints.specs import WorkstationSpec
from dormouse.cloud.clients import Cloud
from dormouse.cloud.inventory import GroupView, Inventory
from dormouse.cloud.resource_types import is_known
from dormouse.cloud.sdk_errors import list_all
from dormouse.environments.operations import EnvironmentRecord
from dormouse.lifecycle import Verb
from dormouse.records.environments import Records
from dormouse.resources.ownership import OwnedResources, owned_resources_of, ulid_in_secret
from dormouse.resources.plan import DeploymentTarget


async def read_owned_resources(request: str, cloud: Cloud) -> OwnedResources:
    """The recorded resources of an environment; empty if it has no record."""
    record = await Records(cloud.tables).environment(request)
    if record is None:
        return OwnedResources()
    resources = record.resources or _resources_of_plan(record, cloud)
    return OwnedResources(record.group, resources, (record.secret,))


async def list_tagged(request: str, cloud: Cloud) -> list[str]:
    """The IDs of all resources whose tags name an environment; may be some seconds old."""
    return await Inventory(cloud).tagged(request)


async def list_group(request: str, cloud: Cloud) -> list[str]:
    """The IDs of all resources in a resource group."""
    return await Inventory(cloud).contents(request)


async def list_secrets(request: list[str], cloud: Cloud) -> list[str]:
    """The names among these secrets that exist."""
    secrets = await list_all(cloud.secrets.list_properties_of_secrets())
    return [secret.name for secret in secrets if secret.name in request]


async def list_deleted_secrets(request: str, cloud: Cloud) -> list[str]:
    """The names of an environment's deleted secrets that can still be recovered."""
    secrets = await list_all(cloud.secrets.list_deleted_secrets())
    records, found = Records(cloud.tables), []
    for secret in secrets:
        ulid = ulid_in_secret(cloud.settings.deployment_id, request, secret.name or "")
        if ulid and await records.operation(f"{request}-{Verb.PROVISION}-{ulid}") is not None:
            found.append(str(secret.name))
    return found


async def read_group(request: str, cloud: Cloud) -> GroupView:
    """A resource group, and the environment in its tags."""
    return await Inventory(cloud).group(request)


def _resources_of_plan(record: EnvironmentRecord, cloud: Cloud) -> tuple[str, ...]:
    """The resource IDs of an environment of an earlier release, which did not record them."""
    spec = WorkstationSpec(blueprint="workstation", region=record.region)
    subscription = cloud.settings.azure_subscription_id
    place = DeploymentTarget(
        subscription, record.name, record.operation, record.secret, deployment=cloud.settings.deployment_id
    )
    return owned_resources_of(plan_for(spec, place)).resources


async def is_still_there(request: str, cloud: Cloud) -> bool:
    """Whether a resource exists; a resource of an unknown type is assumed to exist."""
    return not is_known(request) or await Inventory(cloud).read(request) is not None
