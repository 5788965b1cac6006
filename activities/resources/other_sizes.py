"""The sizes with which an environment may be started instead, when Azure has no capacity to start it as it is."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from dormouse import serialization
from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.blueprints.spec import EnvironmentSpec
from dormouse.cloud.prices import Prices
from dormouse.environments.operations import EnvironmentRecord, OtherSize
from dormouse.errors import CloudUnavailable, RefusedByAzure
from dormouse.resources.billing.meters import Charge
from dormouse.resources.compute.spot import is_spot
from dormouse.resources.placement import Placement
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of

SIZE = "size"


async def other_sizes(
    record: EnvironmentRecord, prices: Prices, only: str = ""
) -> tuple[Placement | None, tuple[OtherSize, ...]]:
    """Where an environment is, and the sizes to which its stopped machines may be resized if they cannot be started.

    `only` names the one machine that is started ("": all are). Sizes with which the environment would cost more than its
    spec allows, or whose price is unknown although the spec has a limit, are left out.
    """
    try:
        spec: EnvironmentSpec = serialization.read_text(BLUEPRINTS[record.blueprint].spec, record.spec)
        now = record.placement or spec.placements()[0]
        machines = [one for one in record.resources if SIZE in one.settings]
        started = [one for one in machines if one.name == (only or one.name)]
        wanted = _placements(spec, now, started)
    except (KeyError, ValueError):
        return record.placement, ()
    limit = spec.max_hourly_cost
    if limit is not None:
        charges = [each for one in record.resources if (known := kind_of(one).charges) for each in known(one)]
        costs = await asyncio.gather(
            *(_cost(now.region, _sized(machines, started, one.size), charges, prices) for one in wanted)
        )
        wanted = [one for one, cost in zip(wanted, costs, strict=True) if cost is not None and cost <= limit]
    asked = spec.placements()[0]
    sizes = {one.settings[SIZE] for one in started}
    place = replace(now, size=sizes.pop()) if len(sizes) == 1 else now
    return place, tuple(OtherSize(one, _record_in(record, machines, one, asked)) for one in wanted)


def _placements(spec: EnvironmentSpec, now: Placement, started: Iterable[Resource]) -> Sequence[Placement]:
    """Where machines of these sizes may be started instead; a machine that was resized alone has a size of its own."""
    sizes = dict.fromkeys(one.settings[SIZE] for one in started)
    return list(dict.fromkeys(one for size in sizes for one in spec.start_placements(replace(now, size=size))))


async def _cost(region: str, machines: Iterable[Resource], charges: Iterable[Charge], prices: Prices) -> float | None:
    """The list price per hour of machines and charges together, or None if one of them is unknown."""
    try:
        wanted = [prices.of_machine(region, one.settings[SIZE], spot=is_spot(one)) for one in machines]
        fees = [prices.of_meter(one.meter, region) if one.meter else _unknown() for one in charges]
        found = await asyncio.gather(*wanted, *fees)
    except (CloudUnavailable, RefusedByAzure):
        return None
    known = [price.per_hour for price in found if price is not None]
    return sum(known) if known and len(known) == len(found) else None


async def _unknown() -> None:
    """The price of a charge whose meter is not known."""


def _record_in(
    record: EnvironmentRecord, machines: Sequence[Resource], placement: Placement, asked: Placement
) -> EnvironmentRecord:
    """The record of an environment of which all machines have the size of another placement."""
    resources = tuple(_sized(record.resources, machines, placement.size))
    return replace(record, resources=resources, placement=placement if placement != asked else None)


def _sized(resources: Iterable[Resource], resized: Iterable[Resource], size: str) -> list[Resource]:
    names = {one.name for one in resized}
    return [replace(one, settings={**one.settings, SIZE: size}) if one.name in names else one for one in resources]
