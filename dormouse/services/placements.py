"""The sizes with which an environment may be started instead, when Azure has no capacity to start it as it is."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from dormouse import serialization
from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.environments.operations import EnvironmentRecord, OtherSize
from dormouse.resources.compute.spot import is_spot
from dormouse.resources.kinds import PriceQuery
from dormouse.resources.placement import Placement
from dormouse.resources.plan import Resource
from dormouse.services.costs.pricing import price_of
from dormouse.services.dependencies import Dependencies


async def other_sizes(
    record: EnvironmentRecord, dependencies: Dependencies
) -> tuple[Placement | None, tuple[OtherSize, ...]]:
    """Where an environment is, and the sizes to which its stopped machines may be resized if they cannot be started.

    Those that would cost more than the spec allows, or whose price is unknown although the spec has a limit, are left out.
    """
    try:
        spec = serialization.read_text(BLUEPRINTS[record.blueprint].spec, record.spec)
        now = record.placement or spec.placements()[0]
        wanted: Sequence[Placement] = spec.start_placements(now)
    except (KeyError, ValueError):
        return record.placement, ()
    machines = [resource for resource in record.resources if "size" in resource.settings]
    spot = any(map(is_spot, machines))
    queries = [PriceQuery(one.size, len(machines), spot) for one in wanted]
    prices = await asyncio.gather(
        *(price_of(one.region, [query], dependencies) for one, query in zip(wanted, queries, strict=True))
    )
    limit = spec.max_hourly_cost
    cheap = [one for one, price in zip(wanted, prices, strict=True) if limit is None or (price and price.amount <= limit)]
    asked = spec.placements()[0]
    return now, tuple(OtherSize(one, _record_in(record, one, asked)) for one in cheap)


def _record_in(record: EnvironmentRecord, placement: Placement, asked: Placement) -> EnvironmentRecord:
    """The record of an environment whose machines have the size of another placement."""
    resources = tuple(_with_size(resource, placement.size) for resource in record.resources)
    return replace(record, resources=resources, placement=placement if placement != asked else None)


def _with_size(resource: Resource, size: str) -> Resource:
    return replace(resource, settings={**resource.settings, "size": size}) if "size" in resource.settings else resource
