"""What is over is deleted when it has been kept for long enough, and nothing else is."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dormouse.clock import DAY, HOUR
from dormouse.idle.report import ReportHead, ReportPage, SweepSummary
from dormouse.records.environments import Records
from dormouse.records.machines import MACHINES, MISSED, REPORTS
from dormouse.resources.machines import key_of, machine_id
from dormouse.services.retention import (
    FIRST_HISTORY,
    OVER,
    forget_missing_machines,
    forget_old_trails,
    purge_histories,
    retain,
    slices,
)
from dormouse.settings import Settings, SettingsError
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
    """The rows of machines by name and when each was written, and what the last sweep saw."""

    def __init__(self, remembered: dict[str, float], seen: list[str], missing: dict[str, float] | None = None) -> None:
        self.tables, self.seen = MemoryTables(), seen
        self.head = ReportHead("sweep-1", False, NOW, NOW, 1, SweepSummary())
        self.swept = "sweep-1"
        for name, at in remembered.items():
            self.write(name, at)
        for name, at in (missing or {}).items():
            self.tables.put(MACHINES, key_of(id_of(name)), "{}", partition=MISSED, written_at=at)

    def write(self, name: str, at: float) -> None:
        """The row of a machine is written at a moment."""
        self.tables.put(MACHINES, key_of(id_of(name)), "{}", written_at=at)

    @property
    def remembered(self) -> set[str]:
        return self._names(MACHINES)

    @property
    def missing(self) -> set[str]:
        return self._names(MISSED)

    def at(self, now: float, *, swept: bool = True) -> None:
        """A sweep ends at this moment, unless that was long ago; then what is missing for long is forgotten."""
        self.tables.now = now
        dependencies = reads_of(self.tables, now=now)
        lines = tuple(line_of(case(machine=machine(id=id_of(name)))) for name in self.seen)

        async def go_on() -> None:
            await dependencies.machines.finish_report(replace(self.head, ended_at=now if swept else NOW))
            for number in range(3):  # two of them of an earlier sweep, which had more pages
                sweep = "sweep-0" if number else self.swept
                await dependencies.machines.write_report(ReportPage(number, sweep, NOW, lines))
            await forget_missing_machines(dependencies)

        asyncio.run(go_on())

    def _names(self, partition: str) -> set[str]:
        rows = self.tables.get_table_client(MACHINES).rows
        return {key.rpartition(":")[2] for found, key in rows if found == partition}


def test_a_machine_that_sweeps_have_not_seen_for_thirty_days_is_forgotten() -> None:
    fleet = Fleet({"alive": 0.0, "gone": NOW - 90 * DAY}, ["alive"])
    for day in range(31):
        fleet.at(NOW + day * DAY)
        assert fleet.remembered == {"alive", "gone"}
    fleet.at(NOW + 30 * DAY + HOUR)
    assert (fleet.remembered, fleet.missing) == ({"alive"}, set())
    assert len(fleet.tables.keys(REPORTS)) == 2, "the head and the page of the last sweep"


def test_a_machine_that_is_seen_once_more_is_missed_from_the_beginning() -> None:
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
def test_a_sweep_that_saw_nothing_or_not_everything_proves_nothing(blind: Callable[[Fleet], None]) -> None:
    fleet = Fleet({"gone": 0.0}, ["alive"], {"gone": 0.0})
    blind(fleet)
    fleet.at(NOW)
    assert fleet.remembered == {"gone"}


def test_a_sweep_of_long_ago_proves_nothing() -> None:
    fleet = Fleet({"alive": 0.0, "gone": 0.0}, ["alive"], {"gone": 0.0})
    fleet.at(NOW + 2 * HOUR, swept=False)
    assert fleet.remembered == {"alive", "gone"}
    fleet.at(NOW + 2 * HOUR)
    assert fleet.remembered == {"alive"}


def test_the_slices_are_the_whole_time_before_the_border_once() -> None:
    border = datetime(2026, 11, 28, tzinfo=UTC)
    found = list(slices(border))
    assert found[0] == (border - timedelta(days=1), border)
    assert found[-1][0] == FIRST_HISTORY
    assert all(first == last for (first, _), (_, last) in itertools.pairwise(found))
    assert len(found) < 15


def test_a_slice_that_fails_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Orchestrations):
        async def purge_instance_history_by(
            self, created_time_from: datetime, created_time_to: datetime, runtime_status: Any
        ) -> Any:
            assert {status.value for status in runtime_status} == {"Completed", "Failed", "Terminated", "Canceled"}
            purged = await super().purge_instance_history_by(created_time_from, created_time_to, runtime_status)
            if len(self.purged) == 2:
                raise TimeoutError("too slow")
            return purged

    client = Slow()
    with caplog.at_level(logging.WARNING):
        asyncio.run(purge_histories(client, reads_of(MemoryTables(), now=NOW)))
    assert client.purged == list(slices(datetime.fromtimestamp(NOW, UTC) - timedelta(days=30)))
    assert "too slow" in caplog.text
    assert len(OVER) == 4


class Trail(Records):
    """Records with more operations than are forgotten at once."""

    def __init__(self, left: list[int]) -> None:
        super().__init__(MemoryTables())
        self.left, self.moments = left, list[float]()

    async def forget_operations_before(self, moment: float, *, limit: int = 1000) -> int:
        self.moments.append(moment)
        return self.left.pop(0)


def test_trails_are_forgotten_a_thousand_at_a_time() -> None:
    trail = Trail([1000, 1000, 7, 5])
    asyncio.run(forget_old_trails(reads_of(MemoryTables(), now=NOW, records=trail)))
    assert (trail.left, set(trail.moments)) == ([5], {NOW - 400 * DAY})


def test_records_that_cannot_be_reached_are_asked_again_in_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    tables = MemoryTables()
    tables.away = True
    with caplog.at_level(logging.WARNING):
        asyncio.run(retain(Orchestrations(), reads_of(tables, now=NOW)))
    assert tables.asked == 2, "one that fails does not keep the next one from its work"
    assert "kept for another hour" in caplog.text


@pytest.mark.parametrize("text", ["0", "1", "-3", "ten", "1e9", "99999999"])
@pytest.mark.parametrize("name", ["HISTORY_KEPT_DAYS", "MACHINES_KEPT_DAYS", "TRAIL_KEPT_DAYS"])
def test_days_that_are_none_are_complained_of(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({**REQUIRED, name: text})
