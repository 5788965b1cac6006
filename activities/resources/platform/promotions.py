"""Requests for the promotion of images between container registries.

https://learn.microsoft.com/rest/api/containerregistry/registries/import-image
"""

from dormouse.cloud.clients import Cloud
from dormouse.cloud.containers.images import ImageInventory
from dormouse.cloud.plain_requests import send
from dormouse.environments.answers import Answer
from dormouse.environments.promotions import ImageAnswer, ImageImport, ImageQuestion
from dormouse.resources.platform.registries import CONTAINER_REGISTRY


async def find_image(request: ImageQuestion, cloud: Cloud) -> ImageAnswer:
    """The digest of an image in a registry, by its tag or its digest."""
    return await ImageInventory(cloud).find(request)


async def import_image(request: ImageImport, cloud: Cloud) -> Answer:
    """Start importing an image by its digest: a tag may be moved in between, which breaks the copy.

    https://github.com/Azure/azure-cli/issues/29974
    """
    image = request.image
    body = {
        "source": {"resourceId": request.source.id, "sourceImage": f"{image.repository}@{image.digest}"},
        "targetTags": [image.name],
        "mode": "Force" if request.force else "NoForce",
    }
    answer, _ = await send(cloud, "POST", f"{request.target.id}/importImage", CONTAINER_REGISTRY.api_version, body)
    return answer
