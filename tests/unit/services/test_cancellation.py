"""Operations ended by force: only running ones, and none is recorded as ended before it has ended."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import azure.durable_functions as df
import pytest

from dormouse.environments.operations import OperationRecord
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.errors import CommandNotPossible
from dormouse.ids import child_of, new_sweep_id, page_id
from dormouse.lifecycle import Verb
from dormouse.records.environments import Records
from dormouse.services.cancellation import end_by_force
from dormouse.services.durable_client import DurableClient
from tests.unit.twins import MemoryTables, Orchestrations

OPERATION = OperationRecord("ml1-stop-01M8J8WFS2VXEX4MSYZ4DDW3F4", "ml1", Verb.STOP, "alice", "2026-05-01T12:00:00+00:00")
STATUS = df.OrchestrationRuntimeStatus


@dataclass
class Host(Orchestrations):
    """A durable client with an operation record: an orchestration that ends so many status queries after its termination."""

    looks: int = 0
    records: Records = field(default_factory=lambda: Records(MemoryTables()))

    def end(self, operation: OperationRecord = OPERATION) -> OperationRecord | None:
        """End an operation by force; returns its record."""

        async def ended() -> OperationRecord | None:
            await self.records.remember_operation(operation)
            await end_by_force(DurableClient(self), self.records, operation, "root", 1_800_000_000.0, between_looks=0.0)
            return await self.records.operation(operation.id)

        return asyncio.run(ended())

    async def get_status(self, instance_id: str, **shown: bool) -> Any:
        self.looks -= bool(self.terminated)
        over = bool(self.terminated) and self.looks < 0
        steps = {"steps": [{"name": "vm", "state": "running"}]}
        return self.status(instance_id, STATUS.Terminated if over else STATUS.Running, steps)


def test_steps_end_with_their_operation_and_the_record_names_the_admin() -> None:
    host = Host(looks=5)
    record = host.end()
    assert host.terminated == [OPERATION.id, f"{OPERATION.id}:vm"]
    assert record is not None
    assert record.outcome is not None
    assert (record.outcome.status, record.outcome.reason.startswith("root ended it")) == (OutcomeStatus.LOST, True)
    assert record.ended_at


def test_an_operation_that_does_not_end_is_not_recorded_as_ended() -> None:
    host = Host(looks=10_000)
    assert host.end() == OPERATION
    assert host.terminated


def test_a_finished_operation_is_not_terminated() -> None:
    host = Host()
    with pytest.raises(CommandNotPossible, match="has ended"):
        host.end(replace(OPERATION, outcome=Outcome(OutcomeStatus.SUCCEEDED, "Done.")))
    assert host.terminated == []


def test_an_operation_that_a_sweep_has_handed_over_is_terminated_and_one_that_it_carries_is_not() -> None:
    apart = child_of(OPERATION.id, "fallback")
    host = Host(looks=1)
    record = host.end(replace(OPERATION, instance_id=apart))
    assert host.terminated[0] == apart
    assert record is not None
    assert record.outcome is not None
    host = Host()
    host.end(replace(OPERATION, instance_id=page_id(new_sweep_id(1_800_000_000.0), 3)))
    assert host.terminated == []
