"""Locks: a running operation keeps the lock of its environment, and a stale lock is taken over."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import azure.durable_functions as df
import pytest

from dormouse.environments.operations import OperationRecord
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.errors import CloudUnavailable, ConcurrentChange, EnvironmentBusy
from dormouse.ids import child_of, new_operation_id, new_sweep_id
from dormouse.lifecycle import Verb
from dormouse.records.environments import Lock, Records
from dormouse.services.durable_client import DurableClient
from dormouse.services.locks import (
    TRIES,
    being_deleted,
    free_stale_locks,
    require_staying,
    running_operation,
    running_operations,
    take_lock,
)
from tests.unit.builders import environment_record
from tests.unit.twins import MemoryTables, Orchestrations

STATUS = df.OrchestrationRuntimeStatus
NOW = 1_800_000_000.0
HOLDER, NEXT, SWEEP = new_operation_id("ml1", Verb.STOP, NOW), new_operation_id("ml1", Verb.START, NOW), new_sweep_id(NOW)
APART = child_of(HOLDER, "fallback")
ENDED = [STATUS.Completed, STATUS.Failed, STATUS.Canceled, STATUS.Terminated]
# How long an orchestration may take to appear, a sweep to end, any other operation to end.
YOUNG, SWEEP_LIVES, LONGEST = 120.0, 20 * 60.0, 12 * 3600.0
MARGIN = 30.0  # more seconds than any test takes


@dataclass
class Desk:
    """Records with a lock on ml1, and the orchestrations that may hold it."""

    records: Records = field(default_factory=lambda: Records(MemoryTables()))
    hub: Orchestrations = field(default_factory=Orchestrations)

    def held(self, age: float, runtime: Any = None, *, carrier: str = "", holder: str = HOLDER, steps: Any = ()) -> "Desk":
        """A lock of this age, and its orchestration, if any, in this state."""
        if runtime is not None:
            status = Orchestrations.status(carrier or holder, runtime, {"steps": list(steps)})
            self.hub.statuses[carrier or holder] = status
        self.do(lambda: self.records.take_lock("ml1", Lock(holder, NOW - age, instance_id=carrier)))
        self.do(lambda: self.records.remember_operation(OperationRecord(holder, "ml1", Verb.STOP, "alice", "")))
        return self

    @property
    def client(self) -> DurableClient:
        return DurableClient(self.hub)

    def do(self, act: Callable[[], Awaitable[Any]]) -> Any:
        async def done() -> Any:
            return await act()

        return asyncio.run(done())

    @property
    def running(self) -> str:
        return str(self.do(lambda: running_operation(self.client, self.records, "ml1", NOW)))

    def take(self) -> bool:
        return bool(self.do(lambda: take_lock(self.client, self.records, "ml1", NEXT, NOW)))

    @property
    def holder(self) -> str:
        lock = self.do(lambda: self.records.lock("ml1"))
        return lock.operation if lock else ""

    @property
    def outcome(self) -> Outcome | None:
        record = self.do(lambda: self.records.operation(HOLDER))
        assert record is not None
        outcome: Outcome | None = record.outcome
        return outcome


# The age of a lock, the state of its orchestration, if any, and the sweep that it belongs to.
ALIVE: dict[str, tuple[float, Any, str]] = {
    "its orchestration is not started yet": (YOUNG - MARGIN, None, ""),
    "it runs": (YOUNG + MARGIN, STATUS.Running, ""),
    "it waits to run": (0.0, STATUS.Pending, ""),
    "it has run for long": (LONGEST - MARGIN, STATUS.Running, ""),
    "its sweep runs": (SWEEP_LIVES - MARGIN, STATUS.Running, SWEEP),
    "it goes on without its sweep": (SWEEP_LIVES + MARGIN, STATUS.Running, APART),
}
STALE: dict[str, tuple[float, Any, str]] = {
    "its orchestration was never started": (YOUNG + MARGIN, None, ""),
    **{f"it has ended: {status.name}": (0.0, status, "") for status in ENDED},
    "it has run for half a day": (LONGEST + MARGIN, STATUS.Running, ""),
    "it has gone on without its sweep for half a day": (LONGEST + MARGIN, STATUS.Running, APART),
    "it has ended without its sweep": (0.0, STATUS.Completed, APART),
    "its sweep has ended": (0.0, STATUS.Completed, SWEEP),
    "its sweep is over in any case": (SWEEP_LIVES + MARGIN, STATUS.Running, SWEEP),
}


def desk_with(age: float, runtime: Any, carrier: str) -> Desk:
    return Desk().held(age, runtime, carrier=carrier)


@pytest.mark.parametrize("why", ALIVE)
def test_a_running_operation_keeps_its_lock(why: str) -> None:
    desk = desk_with(*ALIVE[why])
    assert desk.running == HOLDER
    with pytest.raises(EnvironmentBusy) as busy:
        desk.take()
    assert busy.value.operation == HOLDER
    desk.do(lambda: free_stale_locks(desk.client, desk.records, NOW))
    assert (desk.holder, desk.outcome, desk.hub.terminated) == (HOLDER, None, [])


@pytest.mark.parametrize("why", STALE)
def test_a_stale_lock_is_taken_over_and_its_operation_recorded_as_lost(why: str) -> None:
    desk = desk_with(*STALE[why])
    assert desk.running == ""
    assert not desk.take(), "no step was still running"
    assert desk.holder == NEXT
    assert desk.outcome is not None
    assert desk.outcome.status is OutcomeStatus.LOST


@pytest.mark.parametrize("why", STALE)
def test_stale_locks_are_released_by_the_sweep(why: str) -> None:
    desk = desk_with(*STALE[why])
    desk.do(lambda: free_stale_locks(desk.client, desk.records, NOW))
    assert (desk.holder, desk.outcome and desk.outcome.status) == ("", OutcomeStatus.LOST)


def test_a_stale_lock_without_an_operation_record_is_taken_over() -> None:
    desk = Desk()
    desk.do(lambda: desk.records.take_lock("ml1", Lock(HOLDER, NOW - YOUNG - MARGIN)))
    desk.take()
    assert (desk.holder, desk.do(lambda: desk.records.operation(HOLDER))) == (NEXT, None)


def test_taking_over_a_lock_keeps_a_recorded_outcome() -> None:
    desk = Desk().held(0.0, STATUS.Completed)
    known = Outcome(OutcomeStatus.SUCCEEDED, "It is deallocated.")
    desk.do(lambda: desk.records.remember_operation(OperationRecord(HOLDER, "ml1", Verb.STOP, "alice", "", outcome=known)))
    desk.take()
    assert desk.outcome == known


def test_a_free_lock_is_taken_once() -> None:
    desk = Desk()
    assert desk.running == ""
    assert not desk.take()
    assert desk.holder == NEXT


def test_steps_still_running_are_terminated_with_their_lost_operation() -> None:
    steps = [{"name": "vm", "state": "running"}, {"name": "nic", "state": "done"}]
    desk = Desk().held(0.0, STATUS.Terminated, steps=steps)
    assert desk.take(), "its step was still running"
    assert desk.hub.terminated == [f"{HOLDER}:vm"]


def test_only_an_overdue_operation_is_terminated_and_never_a_sweep() -> None:
    for desk, terminated in (
        (Desk().held(LONGEST + MARGIN, STATUS.Running), [HOLDER]),
        (Desk().held(LONGEST + MARGIN, STATUS.Running, carrier=SWEEP), []),
        (Desk().held(LONGEST + MARGIN, STATUS.Running, carrier=APART), [APART]),
        (Desk().held(0.0, STATUS.Completed), []),
    ):
        desk.take()
        assert desk.hub.terminated == terminated


class Stumbling(Records):
    """Records that lose the responses to some changes of locks."""

    def __init__(self, *, written: bool) -> None:
        super().__init__(MemoryTables())
        self._written = written

    async def take_lock(self, environment: str, lock: Lock) -> bool:
        if lock.operation == NEXT:
            if self._written:
                await super().take_lock(environment, lock)
            raise CloudUnavailable("The answer was lost.")
        return await super().take_lock(environment, lock)


def test_after_a_lost_response_the_lock_is_read_again() -> None:
    assert not Desk(Stumbling(written=True)).take()
    desk = Desk(Stumbling(written=False))
    with pytest.raises(CloudUnavailable, match="lost"):
        desk.take()
    assert desk.holder == ""
    with pytest.raises(CloudUnavailable, match="lost"):
        Desk(Stumbling(written=True)).held(0.0, STATUS.Completed).take()


class Changing(Records):
    """Records in which a lock is free again whenever it is read."""

    tries = 0

    async def take_lock(self, environment: str, lock: Lock) -> bool:
        self.tries += 1
        return False


def test_taking_a_lock_gives_up_after_repeated_conflicts() -> None:
    records = Changing(MemoryTables())
    with pytest.raises(ConcurrentChange, match="retry"):
        Desk(records).take()
    assert records.tries == TRIES


def test_only_locks_of_running_operations_are_listed() -> None:
    desk = Desk().held(0.0, STATUS.Running)
    other = new_operation_id("ml2", Verb.STOP, NOW)
    desk.do(lambda: desk.records.take_lock("ml2", Lock(other, NOW - YOUNG - MARGIN)))
    assert desk.do(lambda: running_operations(desk.client, desk.records, NOW)) == {"ml1": HOLDER}


@pytest.mark.parametrize(
    ("verb", "runtime", "goes"),
    [
        (Verb.DELETE, STATUS.Running, True),
        (Verb.DELETE, STATUS.Completed, False),
        (Verb.STOP, STATUS.Running, False),
    ],
)
def test_only_environments_being_deleted_are_listed_as_such(verb: Verb, runtime: Any, goes: bool) -> None:
    operation = new_operation_id("ml1", verb, NOW)
    desk = Desk().held(0.0, runtime, holder=operation)
    record = environment_record()
    assert desk.do(lambda: being_deleted(desk.client, desk.records, NOW)) == {}, "it has no record any more"
    desk.do(lambda: desk.records.remember_environment(record))
    assert desk.do(lambda: being_deleted(desk.client, desk.records, NOW)) == ({operation: record} if goes else {})
    if goes:
        with pytest.raises(EnvironmentBusy):
            desk.do(lambda: require_staying(desk.client, desk.records, "ml1", NOW))
    else:
        desk.do(lambda: require_staying(desk.client, desk.records, "ml1", NOW))


def test_a_lock_held_by_a_sweep_is_not_a_deletion() -> None:
    desk = Desk().held(0.0, STATUS.Running, holder=SWEEP)
    assert desk.do(lambda: being_deleted(desk.client, desk.records, NOW)) == {}
