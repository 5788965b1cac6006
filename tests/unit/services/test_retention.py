"""What is over is deleted when it has been kept for long enough, and nothing else is."""

import asyncio
import itertools
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from dormouse.clock import DAY, HOUR
from dormouse.errors import CloudUnavailable
from dormouse.records.machines import PageRead
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

NOW = 1_800_000_000.0
KEPT = Settings("s", "https://v", "https://t")
REQUIRED = {
    "AZURE_SUBSCRIPTION_ID": "0d0e5e00-0000-4000-8000-000000000001",
    "KEY_VAULT_URL": "https://v.example",
    "RECORDS_TABLES_URL": "https://t.example",
}


def id_of(name: str) -> str:
    return machine_id("s", "g", name)


@dataclass
class Fleet:
    """The rows of machines, and what the last sweep saw."""

    remembered: dict[str, float]
    seen: list[str]
    missing: dict[str, float] = field(default_factory=dict)
    pages: int = 1
    ended_at: float = NOW
    swept: str = "sweep-1"
    beyond: int = -1
    unreadable: bool = False

    async def report_head(self) -> Any:
        return SimpleNamespace(sweep="sweep-1", pages=self.pages, ended_at=self.ended_at)

    async def report_page(self, number: int) -> PageRead:
        lines = tuple(SimpleNamespace(id=id_of(name)) for name in self.seen)
        content: Any = SimpleNamespace(sweep=self.swept, rows=lines)
        return PageRead(problem="cannot be read") if self.unreadable else PageRead(content)

    async def tracked_keys(self) -> dict[str, float]:
        return {key_of(id_of(name)): at for name, at in self.remembered.items()}

    async def missed(self) -> dict[str, float]:
        return dict(self.missing)

    async def note_missed(self, keys: Any) -> None:
        self.missing |= dict.fromkeys(keys, self.now)

    async def forget_missed(self, keys: Any) -> None:
        for key in list(keys):
            del self.missing[key]

    async def forget(self, key: str) -> None:
        del self.remembered[key.rpartition(":")[2]]

    async def forget_report_from(self, number: int) -> None:
        self.beyond = number

    now: float = NOW

    def at(self, now: float, *, swept: bool = True) -> None:
        self.now = now
        self.ended_at = now if swept else self.ended_at
        dependencies: Any = SimpleNamespace(machines=self, now=lambda: now, settings=KEPT)
        asyncio.run(forget_missing_machines(dependencies))


def test_a_machine_that_sweeps_have_not_seen_for_thirty_days_is_forgotten() -> None:
    fleet = Fleet({"alive": 0.0, "gone": NOW - 90 * DAY}, ["alive"])
    for day in range(31):
        fleet.at(NOW + day * DAY)
        assert set(fleet.remembered) == {"alive", "gone"}
    fleet.at(NOW + 30 * DAY + HOUR)
    assert (set(fleet.remembered), fleet.missing) == ({"alive"}, {})
    assert fleet.beyond == 1


def test_a_machine_that_is_seen_once_more_is_missed_from_the_beginning() -> None:
    fleet = Fleet({"alive": 0.0, "away": 0.0}, ["alive"])
    fleet.at(NOW)
    fleet.seen = ["alive", "away"]
    fleet.at(NOW + 29 * DAY)
    fleet.seen = ["alive"]
    fleet.at(NOW + 31 * DAY)
    assert set(fleet.remembered) == {"alive", "away"}


def test_a_machine_that_still_reports_or_is_held_is_kept() -> None:
    fleet = Fleet({"alive": 0.0, "talks": 0.0}, ["alive"])
    fleet.at(NOW)
    fleet.remembered["talks"] = NOW + 29 * DAY
    fleet.at(NOW + 31 * DAY)
    assert "talks" in fleet.remembered


@pytest.mark.parametrize(
    "blind",
    [
        {"swept": "sweep-0"},
        {"unreadable": True},
        {"pages": 0},
        {"seen": []},
    ],
)
def test_a_sweep_that_saw_nothing_or_not_everything_proves_nothing(blind: dict[str, Any]) -> None:
    fleet = Fleet(**{"remembered": {"gone": 0.0}, "seen": ["alive"], "missing": {key_of(id_of("gone")): 0.0}, **blind})
    fleet.at(NOW)
    assert set(fleet.remembered) == {"gone"}


def test_a_sweep_of_long_ago_proves_nothing() -> None:
    fleet = Fleet({"alive": 0.0, "gone": 0.0}, ["alive"], {key_of(id_of("gone")): 0.0}, ended_at=NOW)
    fleet.at(NOW + 2 * HOUR, swept=False)
    assert set(fleet.remembered) == {"alive", "gone"}


def test_the_slices_are_the_whole_time_before_the_border_once() -> None:
    border = datetime(2026, 11, 28, tzinfo=UTC)
    found = list(slices(border))
    assert found[0] == (border - timedelta(days=1), border)
    assert found[-1][0] == FIRST_HISTORY
    assert all(first == last for (first, _), (_, last) in itertools.pairwise(found))
    assert len(found) < 15


def test_a_slice_that_fails_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[tuple[datetime, datetime]] = []

    class Client:
        async def purge_instance_history_by(self, first: datetime, last: datetime, statuses: Any) -> Any:
            asked.append((first, last))
            assert {status.value for status in statuses} == {"Completed", "Failed", "Terminated", "Canceled"}
            if len(asked) == 2:
                raise TimeoutError("too slow")
            return SimpleNamespace(instances_deleted=3)

    client: Any = Client()
    dependencies: Any = SimpleNamespace(settings=KEPT, now=lambda: NOW)
    with caplog.at_level(logging.WARNING):
        asyncio.run(purge_histories(client, dependencies))
    assert asked == list(slices(datetime.fromtimestamp(NOW, UTC) - timedelta(days=30)))
    assert "too slow" in caplog.text
    assert len(OVER) == 4


def test_trails_are_forgotten_a_thousand_at_a_time() -> None:
    left = [1000, 1000, 7, 5]
    moments: list[float] = []

    async def forget_operations_before(moment: float, *, limit: int) -> int:
        moments.append(moment)
        return left.pop(0)

    records = SimpleNamespace(forget_operations_before=forget_operations_before)
    dependencies: Any = SimpleNamespace(records=records, settings=KEPT, now=lambda: NOW)
    asyncio.run(forget_old_trails(dependencies))
    assert (left, set(moments)) == ([5], {NOW - 400 * DAY})


def test_records_that_cannot_be_reached_are_asked_again_in_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    async def away(*_: Any, **__: Any) -> None:
        asked.append("asked")
        raise CloudUnavailable("The records cannot be reached right now.")

    nothing = SimpleNamespace(instances_deleted=0)

    async def purge(*_: Any) -> Any:
        return nothing

    client: Any = SimpleNamespace(purge_instance_history_by=purge)
    dependencies: Any = SimpleNamespace(
        records=SimpleNamespace(forget_operations_before=away),
        machines=SimpleNamespace(report_head=away),
        settings=KEPT,
        now=lambda: NOW,
    )
    with caplog.at_level(logging.WARNING):
        asyncio.run(retain(client, dependencies))
    assert asked == ["asked", "asked"], "one that fails does not keep the next one from its work"
    assert "kept for another hour" in caplog.text


@pytest.mark.parametrize("text", ["0", "1", "-3", "ten", "1e9", "99999999"])
@pytest.mark.parametrize("name", ["HISTORY_KEPT_DAYS", "MACHINES_KEPT_DAYS", "TRAIL_KEPT_DAYS"])
def test_days_that_are_none_are_complained_of(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({**REQUIRED, name: text})
