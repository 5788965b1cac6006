"""Starting an operation when another request modifies the same environment, or when the task hub does not respond."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import pytest

from dormouse.access.roles import Caller, Channel, Role
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.errors import CloudUnavailable, ConcurrentChange
from dormouse.lifecycle import Verb
from dormouse.records.environments import Records
from dormouse.services.context import Context
from dormouse.services.durable_client import DurableClient
from dormouse.services.operations import start
from orchestrators.environments.power import change_power
from tests.unit.builders import environment_record
from tests.unit.twins import MemoryTables, Orchestrations, reads_of

NOW = "2026-05-01T12:00:00+00:00"
STOP = OperationRecord("ml1-stop-01M8J8WFS2VXEX4MSYZ4DDW3F4", "ml1", Verb.STOP, "alice", NOW)
SEEN = environment_record(owner="alice")


@dataclass
class StartingNothing(Orchestrations):
    """A durable client that answers queries but fails to start anything."""

    async def start_new(self, orchestration_function_name: str, instance_id: str, client_input: Any = None) -> str:
        raise OSError("connection refused")


def begin(tables: MemoryTables, client: Orchestrations, stored: EnvironmentRecord = SEEN) -> None:
    """Start a stop of an environment whose current record is `stored`."""
    context = Context(DurableClient(client), reads_of(tables), Caller("alice", Channel.TOKEN, Role.OPERATOR, "a-1"))

    async def asked() -> None:
        await context.dependencies.records.remember_environment(stored)
        await start(context, STOP, change_power, {}, seen=SEEN)

    asyncio.run(asked())


def lock_of(tables: MemoryTables) -> str:
    held = asyncio.run(Records(tables).lock("ml1"))
    return held.operation if held else ""


def test_an_environment_that_was_modified_concurrently_is_a_conflict_and_nothing_is_started() -> None:
    tables, client = MemoryTables(), Orchestrations()
    with pytest.raises(ConcurrentChange, match="modified concurrently; retry"):
        begin(tables, client, replace(SEEN, spec='{"size": "other"}'))
    assert (client.running, lock_of(tables)) == ({}, "")


def test_an_unresponsive_task_hub_is_503_and_nothing_is_changed() -> None:
    tables = MemoryTables()
    with pytest.raises(CloudUnavailable, match="nothing was changed"):
        begin(tables, StartingNothing())
    assert lock_of(tables) == ""


def test_an_unchanged_environment_starts_the_operation() -> None:
    tables, client = MemoryTables(), Orchestrations()
    begin(tables, client)
    assert (set(client.running), lock_of(tables)) == ({STOP.id}, STOP.id)
