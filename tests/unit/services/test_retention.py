"""Expired data are deleted after their retention time, and nothing else is."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dormouse.clock import DAY, HOUR
from dormouse.idle.power.history import PowerInterval
from dormouse.idle.report import ReportHead, ReportPage, SweepSummary
from dormouse.lifecycle import State
from dormouse.records.environments import Records
from dormouse.records.machines import MACHINES, MISSED
from dormouse.records.power_history import POWER, PowerRecords
from dormouse.records.report_pages import REPORTS
from dormouse.resources.compute.machines import key_of, machine_id
from dormouse.services.durable_client import ENDED, PATIENCE, DurableClient, TaskHubUnavailable
from dormouse.services.retention import (
    FIRST_HISTORY,
    forget_missing_machines,
    forget_old_power_history,
    forget_old_trails,
    purge_histories,
    retain,
)
from dormouse.settings import Settings, SettingsError
from tests.support import ROOT
from tests.unit.builders import case, line_of, machine
from tests.unit.twins import MemoryTables, Orchestrations, reads_of

NOW = 1_800_000_000.0
REQUIRED = {
    "AZURE_SUBSCRIPTION_ID": "0d0e5e00-0000-4000-8000-000000000001",
    "KEY_VAULT_URL": "https://v.example",
    "RECORDS_TABLES_URL": "https://t.example",
}


def id_of(name: str) -> str:
    return machine_id("s", "g", name)


class Fleet:
    """The rows of machines by name with the time of their last write, and what the last sweep saw."""

    def __init__(self, remembered: dict[str, float], seen: list[str], missing: dict[str, float] | None = None) -> None:
        self.tables, self.seen = MemoryTables(), seen
        self.head = ReportHead("sweep-1", False, NOW, NOW, 1, SweepSummary())
        self.swept = "sweep-1"
        for name, at in remembered.items():
            self.write(name, at)
        for name, at in (missing or {}).items():
            self.tables.put(MACHINES, key_of(id_of(name)), "{}", partition=MISSED, written_at=at)

    def write(self, name: str, at: float) -> None:
        """Write the row of a machine at a given time."""
        self.tables.put(MACHINES, key_of(id_of(name)), "{}", written_at=at)

    @property
    def remembered(self) -> set[str]:
        return self._names(MACHINES)

    @property
    def missing(self) -> set[str]:
        return self._names(MISSED)

    def at(self, now: float, *, swept: bool = True) -> None:
        """End a sweep at this time, unless it is to be an old one; then delete machines that have been missing for long."""
        self.tables.now = now
        dependencies = reads_of(self.tables, now=now)
        lines = tuple(line_of(case(machine=machine(id=id_of(name)))) for name in self.seen)

        async def go_on() -> None:
            await dependencies.machines.finish_report(replace(self.head, ended_at=now if swept else NOW))
            for number in range(3):  # two of them from an earlier sweep, which had more pages
                sweep = "sweep-0" if number else self.swept
                await dependencies.machines.write_report(ReportPage(number, sweep, NOW, lines))
            await forget_missing_machines(dependencies)

        asyncio.run(go_on())

    def _names(self, partition: str) -> set[str]:
        rows = self.tables.get_table_client(MACHINES).rows
        return {key.rpartition(":")[2] for found, key in rows if found == partition}


def test_a_machine_not_seen_for_thirty_days_is_deleted() -> None:
    fleet = Fleet({"alive": 0.0, "gone": NOW - 90 * DAY}, ["alive"])
    for day in range(31):
        fleet.at(NOW + day * DAY)
        assert fleet.remembered == {"alive", "gone"}
    fleet.at(NOW + 30 * DAY + HOUR)
    assert (fleet.remembered, fleet.missing) == ({"alive"}, set())
    assert len(fleet.tables.keys(REPORTS)) == 2, "the head and the page of the last sweep"


def test_seeing_a_machine_again_restarts_its_thirty_days() -> None:
    fleet = Fleet({"alive": 0.0, "away": 0.0}, ["alive"])
    fleet.at(NOW)
    fleet.seen = ["alive", "away"]
    fleet.at(NOW + 29 * DAY)
    fleet.seen = ["alive"]
    fleet.at(NOW + 31 * DAY)
    assert fleet.remembered == {"alive", "away"}


def test_a_machine_that_still_reports_or_is_held_is_kept() -> None:
    fleet = Fleet({"alive": 0.0, "talks": 0.0}, ["alive"])
    fleet.at(NOW)
    fleet.write("talks", NOW + 29 * DAY)
    fleet.at(NOW + 31 * DAY)
    assert "talks" in fleet.remembered


def blind_head(fleet: Fleet) -> None:
    fleet.head = replace(fleet.head, pages=0)


def of_another_sweep(fleet: Fleet) -> None:
    fleet.swept = "sweep-0"


def unreadable(fleet: Fleet) -> None:
    fleet.head = replace(fleet.head, pages=4)  # the last of which was never written


def without_machines(fleet: Fleet) -> None:
    fleet.seen = []


@pytest.mark.parametrize("blind", [blind_head, of_another_sweep, unreadable, without_machines])
def test_an_incomplete_sweep_does_not_prove_that_a_machine_is_gone(blind: Callable[[Fleet], None]) -> None:
    fleet = Fleet({"gone": 0.0}, ["alive"], {"gone": 0.0})
    blind(fleet)
    fleet.at(NOW)
    assert fleet.remembered == {"gone"}


def test_an_old_sweep_does_not_prove_that_a_machine_is_gone() -> None:
    fleet = Fleet({"alive": 0.0, "gone": 0.0}, ["alive"], {"gone": 0.0})
    fleet.at(NOW + 2 * HOUR, swept=False)
    assert fleet.remembered == {"alive", "gone"}
    fleet.at(NOW + 2 * HOUR)
    assert fleet.remembered == {"alive"}


class Slow(Orchestrations):
    """A task hub in which the first request for deletion takes too long."""

    async def purge_instance_history_by(
        self, created_time_from: datetime, created_time_to: datetime, runtime_status: Any
    ) -> Any:
        assert {status.value for status in runtime_status} == {"Completed", "Failed", "Terminated", "Canceled"}
        purged = await super().purge_instance_history_by(created_time_from, created_time_to, runtime_status)
        if len(self.purged) == 1:
            raise TimeoutError("too slow")
        return purged


def test_all_time_before_the_border_is_asked_for_once_and_the_last_day_first(caplog: pytest.LogCaptureFixture) -> None:
    """Each request looks through the whole hub; one that fails does not affect the other."""
    border = datetime.fromtimestamp(NOW, UTC) - timedelta(days=30)
    yesterday, client = border - timedelta(days=1), Slow()
    with caplog.at_level(logging.WARNING):
        asyncio.run(purge_histories(DurableClient(client), reads_of(MemoryTables(), now=NOW)))
    assert client.purged == [(yesterday, border), (FIRST_HISTORY, yesterday)]
    assert "too slow" in caplog.text
    assert len(ENDED) == 4


class Endless(Orchestrations):
    """A task hub that never answers."""

    async def purge_instance_history_by(self, *asked: Any) -> Any:
        await asyncio.Event().wait()

    async def get_status_by(self, **asked: Any) -> Any:
        await asyncio.Event().wait()


def test_requests_that_look_through_the_whole_hub_end_in_time() -> None:
    hub, moment = DurableClient(Endless()), datetime.fromtimestamp(NOW, UTC)
    for request in (hub.purge(FIRST_HISTORY, moment, patience=0.01), hub.unended(moment, patience=0.01)):
        with pytest.raises(TaskHubUnavailable):
            asyncio.run(asyncio.wait_for(request, 10))  # without a limit of its own, this would never end
    hours, minutes, seconds = map(int, json.loads((ROOT / "host.json").read_text())["functionTimeout"].split(":"))
    assert 0.75 * ((hours * 60 + minutes) * 60 + seconds) >= 3 * PATIENCE, "the process is killed at the end of that time"


class Trail(Records):
    """Records with more operations than one pass deletes."""

    def __init__(self, left: list[int]) -> None:
        super().__init__(MemoryTables())
        self.left, self.moments = left, list[float]()

    async def forget_operations_before(self, moment: float, *, limit: int = 1000) -> int:
        self.moments.append(moment)
        return self.left.pop(0)


def test_old_operation_records_are_deleted_a_thousand_at_a_time() -> None:
    trail = Trail([1000, 1000, 7, 5])
    asyncio.run(forget_old_trails(reads_of(MemoryTables(), now=NOW, records=trail)))
    assert (trail.left, set(trail.moments)) == ([5], {NOW - 400 * DAY})


def test_the_power_history_of_old_months_is_deleted_whole_months_at_a_time() -> None:
    tables = MemoryTables()
    border = datetime.fromtimestamp(NOW - 400 * DAY, UTC)
    kept = [border.replace(day=1, hour=0, minute=0, second=1).timestamp(), border.timestamp(), NOW - DAY]
    gone = [kept[0] - 2, kept[0] - 90 * DAY]
    intervals = [PowerInterval(id_of("vm"), State.RUNNING, began, began + 1) for began in (*kept, *gone)]
    asyncio.run(PowerRecords(tables).add(intervals))
    asyncio.run(forget_old_power_history(reads_of(tables, now=NOW)))
    assert {key.rsplit(" ", 1)[1] for key in tables.keys(POWER)} == {f"{began:.0f}" for began in kept}


def test_unreachable_records_are_retried_in_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    tables = MemoryTables()
    tables.away = True
    with caplog.at_level(logging.WARNING):
        asyncio.run(retain(DurableClient(Orchestrations()), reads_of(tables, now=NOW)))
    assert tables.asked == 5, "a failing task does not prevent the next one"
    assert "kept for another hour" in caplog.text


@pytest.mark.parametrize("text", ["0", "1", "-3", "ten", "1e9", "99999999"])
@pytest.mark.parametrize("name", ["HISTORY_KEPT_DAYS", "MACHINES_KEPT_DAYS", "TRAIL_KEPT_DAYS"])
def test_invalid_retention_days_are_rejected(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({**REQUIRED, name: text})
