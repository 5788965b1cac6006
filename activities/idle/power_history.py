"""Writing the power history: what ended is kept with its price, which the price list does not show later."""

from collections.abc import Sequence
from dataclasses import replace

from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import CloudUnavailable
from dormouse.idle.power.history import PowerInterval
from dormouse.lifecycle import BILLED, State
from dormouse.records.power_history import PowerRecords

# What is billed, and what would have been if nothing had stopped it.
PRICED = BILLED | {State.STOPPED}


def placed(
    interval: PowerInterval, region: str, size: str, record: EnvironmentRecord | None, *, spot: bool = False
) -> PowerInterval:
    """An interval with what its machine was, and to whom it belonged, if an earlier release has not recorded it."""
    if interval.size:
        return interval
    interval = replace(interval, region=region, size=size, spot=spot)
    if record is None:
        return interval
    return replace(interval, environment=record.name, owner=record.owner, blueprint=record.blueprint)


async def keep_intervals(intervals: Sequence[PowerInterval], cloud: Cloud) -> None:
    """Keep intervals that have ended; safe to repeat. A price that is not known now is looked up when they are read."""
    if intervals:
        await PowerRecords(cloud.tables).add([await _priced(interval, cloud) for interval in intervals])


async def _priced(interval: PowerInterval, cloud: Cloud) -> PowerInterval:
    if interval.state not in PRICED or not interval.size or interval.per_hour is not None:
        return interval
    try:
        price = await cloud.prices.of_machine(interval.region, interval.size, spot=interval.spot)
    except CloudUnavailable:
        price = None
    return replace(interval, per_hour=price.per_hour, currency=price.currency) if price else interval
