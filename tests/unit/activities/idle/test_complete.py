"""Completion of the operation of a sweep: whatever request fails first, its repetition records everything."""

import asyncio
import json
import logging
import re
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError

from activities.idle.complete import close_sweep_operation, finish_sweep
from dormouse.cloud.clients import Cloud
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.errors import CloudUnavailable
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.report import SweepSummary
from dormouse.idle.sweep import SweepClosing, SweepEnd, SweepRequest
from dormouse.lifecycle import State
from dormouse.records.environments import Lock, Records
from dormouse.records.machines import MachineRecords
from tests.support import ROOT
from tests.unit.builders import NOW, case, machine, planned, remembered
from tests.unit.twins import SETTINGS, MemoryTables, stopped_clock

FIELD = re.compile(r"sweep\.(\w+)")
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


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(record.getMessage()) for record in caplog.records if record.getMessage().startswith('{"event": ')]


@pytest.mark.parametrize("dry_run", [False, True])
def test_the_end_of_a_sweep_is_an_event_in_the_log(caplog: pytest.LogCaptureFixture, dry_run: bool) -> None:
    end = SweepEnd(SweepRequest("sweep-1", dry_run), NOW - 60, NOW, 1, SweepSummary(2, {"idle": 2}, {"stop": 2}, 7.5, 3.0))
    with caplog.at_level(logging.INFO):
        asyncio.run(finish_sweep(end, Place()))
    (event,) = events(caplog)
    assert (event["event"], event["sweep"], event["dry_run"]) == ("sweep ended", "sweep-1", dry_run)
    assert (event["machines"], event["verdicts"], event["saved_amount"]) == (2, {"idle": 2}, 7.5)


def test_the_alert_about_missing_sweeps_and_the_workbook_read_what_the_event_has(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        asyncio.run(finish_sweep(SweepEnd(SweepRequest("sweep-1"), NOW - 60, NOW, 1, SweepSummary(2)), Place()))
    (message,) = (record.getMessage() for record in caplog.records if "sweep ended" in record.getMessage())
    bicep, workbook = (ROOT / "infra" / name for name in ("modules/monitoring.bicep", "workbook.json"))
    (alert,) = (line for line in bicep.read_text().splitlines() if "sweep ended" in line and "query:" in line)
    wanted = [(how, text.replace('\\\\"', '"')) for how, text in re.findall(r'Message (startswith|has) "(.*?[^\\])"', alert)]
    assert [how for how, _ in wanted] == ["startswith", "has"]
    assert all(message.startswith(text) if how == "startswith" else text in message for how, text in wanted)
    read = {name for line in workbook.read_text().splitlines() if "sweep ended" in line for name in FIELD.findall(line)}
    assert read
    assert read <= json.loads(message).keys()


def test_an_action_that_failed_is_an_event_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    there = machine(subscription=SETTINGS.azure_subscription_id)
    plan = planned(case(machine=there, policy=IdlePolicy(lead=0)))
    place = Place()

    async def close() -> None:
        await MachineRecords(place.tables).change_tracked(there.key, lambda _: remembered(id=there.id))
        failed = SweepClosing(OPERATION, plan, Outcome(OutcomeStatus.FAILED, "STOP NOT CONFIRMED"), NOW - 60, NOW)
        await close_sweep_operation(failed, place)

    with caplog.at_level(logging.INFO):
        asyncio.run(close())
    about = [(event["event"], event.get("machine") or event.get("outcome")) for event in events(caplog)]
    assert about == [("action not confirmed", there.id), ("operation ended", "failed")]
