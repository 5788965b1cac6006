"""Checks of marketplace images."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.sdk_errors import ReadRefused, get_or_none, list_all
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.errors import CloudUnavailable
from dormouse.resources.compute.images import (
    MarketplaceImage,
    depends_on_generation,
    generation_misfit,
    image_of,
    misfits,
    urn_of,
)
from dormouse.resources.compute.virtual_machines import VIRTUAL_MACHINE
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.sizes.sku_rows import sku_rows

LATEST = "latest"


async def images_fit(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The marketplace images that do not exist in the region, or that do not fit the VM; an existing VM needs none.

    If only the sizes cannot be read, what else does not fit is still refused.
    """
    machines = [resource for resource in absent if resource.kind == VIRTUAL_MACHINE.name and not resource.before]
    urns = list(dict.fromkeys(urn_of(resource) for resource in machines))
    found = await asyncio.gather(*(_image(urn, plan.region, cloud) for urn in urns))
    images = dict(zip(urns, found, strict=True))
    known = [(one, image) for one in machines if isinstance(image := images[urn_of(one)], MarketplaceImage)]
    refusals = [_absent(one, words) for one in machines if isinstance(words := images[urn_of(one)], str)]
    refusals += [_misfit(one, words) for one, image in known for words in misfits(image, one)]
    try:
        return [*refusals, *await _of_other_generations(plan, known, cloud)]
    except (CloudUnavailable, ReadRefused):
        if not refusals:
            raise
        return refusals


async def _of_other_generations(
    plan: Plan, known: Sequence[tuple[Resource, MarketplaceImage]], cloud: Cloud
) -> list[Refusal]:
    """The VMs whose size cannot boot the generation of their image; a size that the region does not list is no fault."""
    asked = [(resource, image) for resource, image in known if depends_on_generation(image, resource)]
    if not asked:
        return []
    skus = await list_all(cloud.compute.resource_skus.list(filter=f"location eq '{plan.region}'"))
    offered: Mapping[str, Mapping[str, str]] = {sku.name.lower(): sku.capabilities for sku in sku_rows(skus, plan.region)}
    sizes = [(resource, image, resource.settings["size"]) for resource, image in asked]
    found = [(one, generation_misfit(image, size, offered.get(size.lower(), {}))) for one, image, size in sizes]
    return [_misfit(resource, words) for resource, words in found if words]


def _absent(resource: Resource, words: str) -> Refusal:
    return Refusal(RefusalReason.NOT_FOUND, words, step=resource.name)


def _misfit(resource: Resource, words: str) -> Refusal:
    return Refusal(RefusalReason.INCOMPATIBLE, words, step=resource.name)


async def _image(urn: str, region: str, cloud: Cloud) -> MarketplaceImage | str:
    """An image in a region (`latest` is its newest version), or the sentence that it does not exist there.

    A missing version is told with the newest one: Azure removes old versions.
    https://learn.microsoft.com/azure/virtual-machines/deprecated-images
    """
    publisher, offer, sku, version = urn.split(":")
    images: Any = cloud.compute.virtual_machine_images
    missing = f"The image {urn} does not exist in {region}."
    if version != LATEST:
        found: Any = await get_or_none(images.get(region, publisher, offer, sku, version))
        if found is not None:
            return image_of(urn, found)
    newest = await get_or_none(images.list(region, publisher, offer, sku, top=1, orderby="name desc"))
    if not newest:
        return missing
    name = newest[0]["name"]
    if version != LATEST:
        return f"{missing} The newest version there is {name}: write it, or `latest`."
    found = await get_or_none(images.get(region, publisher, offer, sku, name))
    return image_of(urn, found) if found is not None else missing
