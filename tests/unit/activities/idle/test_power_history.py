"""Intervals are kept with the price that was in force when they ended, unless they say themselves what they cost."""

import asyncio

import pytest

from activities.idle.power_history import keep_intervals
from dormouse.cloud.clients import Cloud
from dormouse.idle.power.history import PowerInterval
from dormouse.lifecycle import State
from dormouse.records.power_history import PowerRecords
from tests.unit.azure import PriceList
from tests.unit.builders import CPU_ONLY, IDENTIFIER, NOW
from tests.unit.twins import SETTINGS, MemoryTables, stopped_clock

HOUR = 3600.0


def kept(state: State, known: dict[str, float] | None, **fields: float) -> tuple[float | None, str]:
    """The price and currency with which an interval is kept."""
    cloud = Cloud(SETTINGS, stopped_clock(NOW))
    cloud.tables, cloud.prices = MemoryTables(), PriceList(known)
    one = PowerInterval(IDENTIFIER, state, NOW, NOW + HOUR, size=CPU_ONLY, region="polandcentral", **fields)  # type: ignore[arg-type]

    async def keep() -> PowerInterval:
        await keep_intervals([one], cloud)
        ((found,), _) = await PowerRecords(cloud.tables).whole_month("2027-01")
        return found

    found = asyncio.run(keep())
    return found.per_hour, found.currency


@pytest.mark.parametrize("state", [State.RUNNING, State.STOPPED])
def test_an_interval_is_kept_with_the_price_of_its_machine(state: State) -> None:
    assert kept(state, {CPU_ONLY: 0.25}) == (0.25, "USD")
    assert kept(state, None) == (None, ""), "looked up when it is read"
    assert kept(state, {}) == (None, "")


def test_what_is_not_billed_has_no_price() -> None:
    assert kept(State.ABSENT, {CPU_ONLY: 0.25}) == (None, "")


def test_a_cluster_that_sleeps_is_kept_with_the_nodes_that_it_would_have_had() -> None:
    assert kept(State.STOPPED, {CPU_ONLY: 0.25}, per_hour=0.75) == (0.75, "")
    assert kept(State.STOPPED, {CPU_ONLY: 0.25}, per_hour=0.0) == (0.0, "")
