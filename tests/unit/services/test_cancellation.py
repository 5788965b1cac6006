"""Operations ended by force: only what can be, and nobody says that it has ended before it has."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from dormouse.environments.operations import OperationRecord
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.errors import CommandNotPossible
from dormouse.lifecycle import Verb
from dormouse.services import durable_client
from dormouse.services.cancellation import end_by_force

OPERATION = OperationRecord("ml1-stop-1", "ml1", Verb.STOP, "alice", "2026-05-01T12:00:00+00:00")


@dataclass
class Host:
    """A durable client and a trail: an orchestration that ends so many looks after it was told to."""

    looks: int = 0
    told: list[str] = field(default_factory=list)
    written: list[OperationRecord] = field(default_factory=list)

    def end(self, operation: OperationRecord = OPERATION) -> None:
        this: Any = self
        asyncio.run(end_by_force(this, this, operation, "root"))

    async def terminate(self, identifier: str, reason: str) -> None:
        self.told.append(identifier)

    async def get_status(self, identifier: str) -> Any:
        self.looks -= bool(self.told)
        ended = self.told and self.looks < 0
        steps = {"steps": [{"name": "vm", "state": "running"}]}
        return SimpleNamespace(
            runtime_status=SimpleNamespace(value="Terminated" if ended else "Running"), custom_status=steps
        )

    async def operation(self, identifier: str) -> OperationRecord:
        return OPERATION

    async def remember_operation(self, record: OperationRecord) -> None:
        self.written.append(record)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable_client, "BETWEEN_LOOKS", 0.0)


def test_its_steps_end_with_it_and_the_trail_says_by_whom() -> None:
    host = Host(looks=5)
    host.end()
    assert host.told == ["ml1-stop-1", "ml1-stop-1:vm"]
    (record,) = host.written
    assert record.outcome is not None
    assert (record.outcome.status, record.outcome.reason.startswith("root ended it")) == (OutcomeStatus.LOST, True)
    assert record.ended_at


def test_what_does_not_end_is_not_said_to_have_ended() -> None:
    host = Host(looks=10_000)
    host.end()
    assert host.told
    assert host.written == []


def test_what_has_ended_is_left_alone() -> None:
    host = Host()
    ended = OperationRecord("x-stop-1", "x", Verb.STOP, "alice", "", outcome=Outcome(OutcomeStatus.SUCCEEDED, "Done."))
    with pytest.raises(CommandNotPossible, match="has ended"):
        host.end(ended)
    assert host.told == []
