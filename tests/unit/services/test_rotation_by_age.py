"""Passwords that are rotated because of their age: which, when, how often, and what is said about it."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from activities.resources.environments import EnvironmentObservation
from dormouse import serialization
from dormouse.blueprints.catalog import plan_for
from dormouse.clock import DAY, HOUR
from dormouse.cloud.sdk_errors import ReadRefused
from dormouse.environments.operations import EnvironmentRecord, PasswordRotation
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.errors import CloudUnavailable
from dormouse.ids import operation_id_at
from dormouse.lifecycle import State, Verb
from dormouse.records.deduplication import RECEIPTS, ROTATIONS, Receipts
from dormouse.records.environments import Lock, Records
from dormouse.records.table import Row
from dormouse.resources.naming import name_of
from dormouse.services.changes.rotation_by_age import MOST_AT_ONCE, TRIES, rotate_aged
from dormouse.services.durable_client import DurableClient
from dormouse.timers import rotation_timer
from tests.unit.builders import environment_record, target, workstation_spec
from tests.unit.twins import SETTINGS, MemoryTables, Orchestrations, reads_of

NOW, DAYS = 1_800_000_000.0, 90
OLD, YOUNG = NOW - (DAYS + 1) * DAY, NOW - (DAYS - 1) * DAY


@dataclass
class Shown:
    """What Azure shows of each environment."""

    states: dict[str, State]
    asked: int = 0

    async def observe(self, record: EnvironmentRecord) -> EnvironmentObservation:
        return EnvironmentObservation(self.states[record.name], "2026-05-01T12:00:00Z", True)

    async def observe_all(self, records: Sequence[EnvironmentRecord]) -> dict[str, EnvironmentObservation]:
        self.asked += 1
        return {one.name: await self.observe(one) for one in records if one.name in self.states}


@dataclass
class Ages:
    """Since when the secrets in the vault have had their passwords."""

    known: dict[str, float]
    asked: int = 0

    async def since(self) -> dict[str, float]:
        self.asked += 1
        return self.known


class World:
    """Environments by name, each with the moment since which its password has existed (None: not known)."""

    def __init__(self, since: dict[str, float | None], days: int = DAYS, **states: State) -> None:
        self.tables, self.client, self.now = MemoryTables(), Orchestrations(), NOW
        self.settings = replace(SETTINGS, rotate_passwords_after_days=days)
        # The secret of each environment has a name of its own.
        self.records = {name: record_of(name) for name in since}
        self.ages = Ages({secret_of(self.records[name]): at for name, at in since.items() if at is not None})
        self.shown = Shown({name: states.get(name, State.RUNNING) for name in since})
        asyncio.run(self._remember())

    async def _remember(self) -> None:
        for record in self.records.values():
            await Records(self.tables).remember_environment(record)

    def run(self, **parts: Any) -> list[str]:
        """One run of the timer; the environments whose rotation it has begun."""
        before = set(self.client.running)
        known: dict[str, Any] = {"environments": self.shown, "passwords": self.ages, **parts}
        dependencies = reads_of(self.tables, now=self.now, settings=self.settings, **known)
        nothing: Any = None
        asyncio.run(rotation_timer(nothing, DurableClient(self.client), dependencies))
        return [self.client.running[one]["environment"] for one in self.client.running if one not in before]

    def end(self, *, renewed: bool = False) -> None:
        """Let every operation end; the passwords are new, or stay."""
        for name in self.records:
            held = asyncio.run(Records(self.tables).lock(name))
            if held:
                asyncio.run(Records(self.tables).release_lock(name, held.operation))
                if renewed:
                    self.ages.known[secret_of(self.records[name])] = self.now
        self.client.running = dict(self.client.running)

    @property
    def requests(self) -> list[PasswordRotation]:
        return [serialization.decode(PasswordRotation, one) for one in self.client.running.values()]


def record_of(name: str) -> EnvironmentRecord:
    plan = plan_for(workstation_spec(), target(name, operation=operation_id_at(name, Verb.PROVISION, 1.0, name)))
    return environment_record(name, plan=plan)


def secret_of(record: EnvironmentRecord) -> str:
    return next(name_of(one.id) for one in record.resources if one.kind == "password")


def test_only_passwords_that_are_too_old_are_rotated_the_oldest_first() -> None:
    world = World({"a": OLD, "b": OLD - DAY, "young": YOUNG, "unknown": None})
    assert world.run() == ["b", "a"]
    assert (world.ages.asked, world.shown.asked) == (1, 1), "one list of the vault, one query of Azure"
    said = world.requests[0].note
    assert said.startswith("It began because the password had existed since ")
    assert said.endswith(f"for more than {DAYS} days (try 1 of {TRIES}).")


def test_the_operations_are_by_the_timer() -> None:
    world = World({"a": OLD})
    world.run()
    (operation,) = world.client.running
    record = asyncio.run(Records(world.tables).operation(operation))
    assert record is not None
    assert (record.by, record.channel, record.verb) == ("timer", "timer", Verb.ROTATE_PASSWORD)


def test_nothing_is_asked_unless_the_setting_says_so() -> None:
    world = World({"a": OLD}, days=0)
    assert (world.run(), world.ages.asked, world.shown.asked) == ([], 0, 0)


@pytest.mark.parametrize("state", [State.STOPPED, State.STOPPED_BILLED, State.STARTING, State.PARTIAL, State.UNKNOWN])
def test_a_machine_that_does_not_run_waits_until_it_does(state: State, caplog: pytest.LogCaptureFixture) -> None:
    world = World({"a": OLD}, a=state)
    with caplog.at_level(logging.INFO):
        assert world.run() == []
    assert f"wait until their machines run: a is {state}" in caplog.text
    world.shown.states["a"] = State.RUNNING
    world.now += HOUR
    assert world.run() == ["a"]
    assert world.requests[0].note.endswith(f"(try 1 of {TRIES}).")


def test_an_environment_that_azure_does_not_show_is_left_alone() -> None:
    world = World({"a": OLD})
    del world.shown.states["a"]
    assert world.run() == []


def test_one_age_is_never_rotated_twice() -> None:
    world = World({"a": OLD})
    for _ in range(TRIES + 1):  # the ages of one password after the other
        assert world.run() == ["a"]
        assert world.run() == [], "the operation is running"
        world.end(renewed=True)
        for _ in range(DAYS):
            world.now += DAY
            assert world.run() == []
        world.now += HOUR
    assert {request.note[-12:] for request in world.requests} == {f"try 1 of {TRIES})."}


def test_a_run_that_another_one_has_overtaken_begins_nothing() -> None:
    class Overtaken(Receipts):
        async def take(self, kind: str, key: str, document: str, now: float) -> bool:
            await super().take(kind, key, document, now)
            return False

        async def replace(self, kind: str, row: Row, document: str, now: float) -> bool:
            return False

    world = World({"a": OLD})
    assert world.run(receipts=Overtaken(world.tables)) == []
    world.now += 2 * DAY
    assert world.run(receipts=Overtaken(world.tables)) == []
    assert world.run() == ["a"]


def test_a_list_of_the_vault_that_is_late_leads_to_no_second_rotation_on_the_same_day() -> None:
    world = World({"a": OLD})
    world.run()
    world.end()
    world.now += DAY - HOUR
    assert world.run() == []


def test_a_rotation_that_fails_is_tried_again_a_day_later_and_only_a_few_times() -> None:
    world = World({"a": OLD})
    begun = 0
    for _ in range(30 * 24):
        begun += len(world.run())
        world.end()
        world.now += HOUR
    assert begun == TRIES
    assert sorted(request.note[-12:] for request in world.requests) == ["try 1 of 3).", "try 2 of 3).", "try 3 of 3)."]


def test_an_environment_that_is_being_changed_is_looked_at_again_and_loses_no_try() -> None:
    world = World({"a": OLD})
    other = operation_id_at("a", Verb.STOP, NOW, "x")
    world.client.running[other] = {}
    asyncio.run(Records(world.tables).take_lock("a", Lock(other, NOW)))
    assert world.run() == []
    assert world.tables.keys(RECEIPTS) == set()
    asyncio.run(Records(world.tables).release_lock("a", other))
    assert world.run() == ["a"]


def test_two_runs_at_once_begin_one_rotation() -> None:
    world = World({"a": OLD})
    known: dict[str, Any] = {"environments": world.shown, "passwords": world.ages}
    dependencies = reads_of(world.tables, now=NOW, settings=world.settings, **known)
    client = DurableClient(world.client)

    async def both() -> None:
        await asyncio.gather(rotate_aged(client, dependencies), rotate_aged(client, dependencies))

    asyncio.run(both())
    assert len(world.client.running) == 1


def test_a_run_begins_a_limited_number() -> None:
    world = World({f"e{number:02}": OLD for number in range(MOST_AT_ONCE + 3)})
    assert (len(world.run()), len(world.run())) == (MOST_AT_ONCE, 3)


def test_what_another_release_has_written_about_tries_is_not_guessed(caplog: pytest.LogCaptureFixture) -> None:
    world = World({"a": OLD})
    world.tables.put(RECEIPTS, "a", '{"tries": "many"}', partition=ROTATIONS)
    assert world.run() == []
    assert "what was tried cannot be read" in caplog.text


@pytest.mark.parametrize(
    "error", [CloudUnavailable("the vault is away"), ReadRefused(Refusal(RefusalReason.FORBIDDEN, "no right to list"))]
)
def test_a_vault_that_does_not_answer_is_asked_again_in_an_hour(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    class Away:
        async def since(self) -> dict[str, float]:
            raise error

    world = World({"a": OLD})
    assert world.run(passwords=Away()) == []
    assert str(error) in caplog.text
    assert world.run() == ["a"]


def test_one_environment_that_cannot_be_rotated_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    world = World({"a": OLD - DAY, "b": OLD})
    broken = replace(world.records["a"], spec="{")
    asyncio.run(Records(world.tables).remember_environment(broken))
    assert world.run() == ["b"]
    assert "The password of a is not rotated by its age now" in caplog.text
