"""Checks of marketplace images."""

import asyncio
from collections.abc import Sequence
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.sdk_errors import get_or_none
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.resources.compute.images import MarketplaceImage, image_of, misfits, urn_of
from dormouse.resources.compute.virtual_machines import VIRTUAL_MACHINE
from dormouse.resources.plan import Plan, Resource

LATEST = "latest"


async def images_fit(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The marketplace images that do not exist in the region, or that do not fit the VM; an existing VM needs none."""
    machines = [resource for resource in absent if resource.kind == VIRTUAL_MACHINE.name and not resource.before]
    urns = list(dict.fromkeys(urn_of(resource) for resource in machines))
    found = await asyncio.gather(*(_image(urn, plan.region, cloud) for urn in urns))
    images = dict(zip(urns, found, strict=True))
    return [refusal for resource in machines for refusal in _refusals(plan, resource, images[urn_of(resource)])]


def _refusals(plan: Plan, resource: Resource, image: MarketplaceImage | None) -> list[Refusal]:
    if image is None:
        detail = f"The image {urn_of(resource)} does not exist in {plan.region}."
        return [Refusal(RefusalReason.NOT_FOUND, detail, step=resource.name)]
    return [Refusal(RefusalReason.INCOMPATIBLE, words, step=resource.name) for words in misfits(image, resource)]


async def _image(urn: str, region: str, cloud: Cloud) -> MarketplaceImage | None:
    """An image in a region, or None if there is none; `latest` is the newest version."""
    publisher, offer, sku, version = urn.split(":")
    images: Any = cloud.compute.virtual_machine_images
    if version == LATEST:
        newest = await get_or_none(images.list(region, publisher, offer, sku, top=1, orderby="name desc"))
        if not newest:
            return None
        version = newest[0]["name"]
    found: Any = await get_or_none(images.get(region, publisher, offer, sku, version))
    return image_of(urn, found) if found is not None else None
