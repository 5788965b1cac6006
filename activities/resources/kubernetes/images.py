"""Requests for images that a registry imports.

https://learn.microsoft.com/rest/api/containerregistry/registries/import-image
"""

from dataclasses import replace

from activities.resources.api import ResourceApi
from activities.resources.arm import get_by_id
from dormouse.cloud.clients import Cloud
from dormouse.cloud.plain_requests import send
from dormouse.environments.answers import Answer, Done
from dormouse.environments.requests import PutRequest
from dormouse.resources.kinds import Observed
from dormouse.resources.kubernetes.images import registry_of
from dormouse.resources.plan import Resource
from dormouse.resources.platform.registries import CONTAINER_REGISTRY


async def import_image(request: PutRequest, cloud: Cloud) -> Answer:
    """Start importing an image by its digest; one that is there already is imported again, which changes nothing."""
    path, version = f"{registry_of(request.resource)}/importImage", CONTAINER_REGISTRY.api_version
    answer, _ = await send(cloud, "POST", path, version, request.resource.body)
    return answer


async def get_image(resource: Resource, cloud: Cloud) -> Observed | None:
    """The registry of the image, or None: Resource Manager does not show what is in it."""
    registry = replace(resource, kind=CONTAINER_REGISTRY.name, id=registry_of(resource))
    return None if await get_by_id(registry, cloud) is None else {"id": resource.id}


async def keep_image(resource: Resource, cloud: Cloud) -> Answer:
    """Nothing is deleted: an image goes with its registry."""
    return Done()


IMPORTED_IMAGE = ResourceApi(import_image, get_image, keep_image)
