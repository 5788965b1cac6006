"""The check whether VMs can be had in a region: sizes that are offered, can do what is asked, and fit into the quotas."""

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.sdk_errors import ReadRefused, list_all
from dormouse.environments.quota import shortage_of
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.errors import CloudUnavailable
from dormouse.resources.compute.spot import is_spot
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.registry import kind_of
from dormouse.resources.sizes.size_offers import REGIONAL, SPOT_CORES
from dormouse.resources.sizes.sku_rows import SkuRow, missing_capability, sku_rows

MOST_SUGGESTIONS, SIMILARITY = 3, 0.8


async def sizes_can_be_had(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The VM sizes that this subscription cannot use in the region, and the vCPU quotas that they would exceed together.

    The quotas are the total one of the region and those of the families, or for Spot VMs the one that they have in the
    region. If only the quotas cannot be read, the sizes are still refused.
    """
    machines = [resource for resource in absent if kind_of(resource).sizes(resource)]
    skus = await list_all(cloud.compute.resource_skus.list(filter=f"location eq '{plan.region}'"))
    offered = {sku.name.lower(): sku for sku in sku_rows(skus, plan.region)}
    by_size = {resource.settings["size"].lower(): resource for resource in reversed(machines)}
    found = [_unusable(plan, resource, offered) for resource in reversed(by_size.values())]
    refusals = [refusal for refusal in found if refusal is not None]
    try:
        return [*refusals, *await _exceeded(plan.region, machines, offered, cloud)]
    except (CloudUnavailable, ReadRefused):
        if not refusals:
            raise
        return refusals


async def _exceeded(region: str, machines: Sequence[Resource], offered: Mapping[str, SkuRow], cloud: Cloud) -> list[Refusal]:
    """The quotas that the machines together would exceed."""
    step = machines[0].name if machines else ""
    try:
        usages = await list_all(cloud.compute.usage.list(region))
    except ReadRefused as error:
        if error.refusal.reason is not RefusalReason.BAD_REQUEST:
            raise
        return [Refusal(RefusalReason.NOT_OFFERED, error.refusal.detail, error.refusal.code, step, azure=True)]
    return list(_shortages(region, _needed(machines, offered), usages, step))


def _needed(machines: Sequence[Resource], offered: Mapping[str, SkuRow]) -> Mapping[str, int]:
    """The vCPUs by the quota that they count against; a size that is not offered here needs none."""
    needed = Counter[str]()
    for resource in machines:
        for size, count in kind_of(resource).sizes(resource).items():
            sku = offered.get(size.lower())
            if sku is None:
                continue
            for quota in (SPOT_CORES,) if is_spot(resource) else (REGIONAL, sku.family.lower()):
                needed[quota] += count * sku.vcpus
    return needed


def _shortages(region: str, needed: Mapping[str, int], usages: Sequence[Any], step: str) -> Iterator[Refusal]:
    for usage in usages:
        more = needed.get(usage["name"]["value"].lower(), 0)
        if more > max(usage["limit"] - usage["currentValue"], 0):
            quota = shortage_of(usage["limit"], usage["currentValue"], more)
            detail = (
                f"{usage['name']['localizedValue']} in {region}: {usage['currentValue']} of {usage['limit']} are in use, "
                f"and {more} more are needed."
            )
            yield Refusal(RefusalReason.QUOTA_EXCEEDED, detail, step=step, quota=quota)


def _unusable(plan: Plan, resource: Resource, offered: Mapping[str, SkuRow]) -> Refusal | None:
    size = resource.settings["size"]
    sku = offered.get(size.lower())
    if sku is None:
        detail = f"{size} is not offered in {plan.region}.{_suggestion(size, offered)}"
        return Refusal(RefusalReason.NOT_OFFERED, detail, step=resource.name)
    if sku.restriction:
        detail = f"{size} in {plan.region} is restricted for this subscription."
        return Refusal(RefusalReason.NOT_OFFERED, detail, sku.restriction, resource.name)
    zones = [zone for zone in resource.body.get("zones") or [] if zone not in sku.zones]
    if zones:
        known = f"its zones are {', '.join(sku.zones)}" if sku.zones else "it has no zones there"
        detail = f"{size} is not offered in zone {zones[0]} of {plan.region}; {known}."
        return Refusal(RefusalReason.NOT_OFFERED, detail, step=resource.name)
    properties = resource.body["properties"]  # what a pool of nodes needs of a size is Azure's business
    words = missing_capability(properties, sku.capabilities) if "storageProfile" in properties else ""
    return Refusal(RefusalReason.INCOMPATIBLE, f"{size} {words}.", step=resource.name) if words else None


def _suggestion(size: str, offered: Mapping[str, SkuRow]) -> str:
    """The offered sizes with the most similar names, in a sentence, or ""."""
    close = difflib.get_close_matches(size.lower(), offered, n=MOST_SUGGESTIONS, cutoff=SIMILARITY)
    usable = [offered[name].name for name in close if not offered[name].restriction]
    return f" Similar sizes there: {', '.join(usable)}." if usable else ""
