"""Completion of the operation of a sweep: whatever request fails first, its repetition records everything."""

import asyncio
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError

from activities.idle.complete import close_sweep_operation
from dormouse.cloud.clients import Cloud
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.errors import CloudUnavailable
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.sweep import SweepClosing
from dormouse.lifecycle import State
from dormouse.records.environments import Lock, Records
from dormouse.records.machines import MachineRecords
from tests.unit.builders import NOW, case, machine, planned, remembered
from tests.unit.twins import SETTINGS, MemoryTables, stopped_clock

OPERATION = "lab:vm-stop-01M8J8WFS2VXEX4MSYZ4DDW3F4"


class Stumbling(MemoryTables):
    """Tables of which one request fails: the one with this number."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self.fails = 0

    def answer(self) -> None:
        super().answer()
        if self.asked == self.fails:
            raise ServiceRequestError("The connection was refused.")


class Unpriced:
    """A price list that does not answer."""

    async def of_machine(self, *_: str, spot: bool = False) -> Any:
        raise CloudUnavailable("no answer")


class Place(Cloud):
    """A cloud with these tables, and without prices."""

    def __init__(self) -> None:
        super().__init__(SETTINGS, stopped_clock(NOW))
        self.tables = self.stumbling = Stumbling()

    @property
    def prices(self) -> Any:
        return Unpriced()


@pytest.mark.parametrize("number", range(1, 8))
def test_the_interval_that_a_stop_has_ended_is_kept_whichever_request_fails_first(number: int) -> None:
    there = machine(subscription=SETTINGS.azure_subscription_id)
    plan = planned(case(machine=there, policy=IdlePolicy(lead=0)))
    closing = SweepClosing(OPERATION, plan, Outcome(OutcomeStatus.SUCCEEDED, "It was stopped."), NOW - 60, NOW)
    place = Place()

    async def close() -> None:
        await Records(place.tables).take_lock(plan.lock, Lock(OPERATION, NOW))
        await MachineRecords(place.tables).change_tracked(there.key, lambda _: remembered(id=there.id))
        place.stumbling.fails = place.stumbling.asked + number
        try:
            await close_sweep_operation(closing, place)
        except CloudUnavailable:
            await close_sweep_operation(closing, place)
        tracked = await MachineRecords(place.tables).tracked(there.key)
        assert tracked is not None
        assert tracked.state is State.STOPPED
        await place.close()

    asyncio.run(close())
    assert len(place.stumbling.keys("power")) > 0
