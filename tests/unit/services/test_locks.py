"""Locks: a living operation keeps its environment to itself, and one that is gone keeps nobody out."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import azure.durable_functions as df
import pytest

from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.errors import CloudUnavailable, ConcurrentChange, EnvironmentBusy
from dormouse.ids import new_operation_id, new_sweep_id
from dormouse.lifecycle import Verb
from dormouse.records.environments import Lock, Records
from dormouse.services.locks import (
    TRIES,
    being_deleted,
    free_stale_locks,
    require_staying,
    running_operation,
    running_operations,
    take_lock,
)
from tests.unit.twins import MemoryTables, Orchestrations

STATUS = df.OrchestrationRuntimeStatus
NOW = 1_800_000_000.0
HOLDER, NEXT, SWEEP = new_operation_id("ml1", Verb.STOP, NOW), new_operation_id("ml1", Verb.START, NOW), new_sweep_id(NOW)
ENDED = [STATUS.Completed, STATUS.Failed, STATUS.Canceled, STATUS.Terminated]
# How long an orchestration may take to appear, a sweep to end, anything else to end.
YOUNG, SWEEP_LIVES, LONGEST = 120.0, 20 * 60.0, 12 * 3600.0
MARGIN = 30.0  # seconds that no test takes


@dataclass
class Desk:
    """Records with a lock on ml1, and the orchestrations that may hold it."""

    records: Records = field(default_factory=lambda: Records(MemoryTables()))
    client: Orchestrations = field(default_factory=Orchestrations)

    def held(self, age: float, runtime: Any = None, *, carrier: str = "", holder: str = HOLDER, steps: Any = ()) -> "Desk":
        """The lock is this old, and its orchestration, if there is one, stands so."""
        if runtime is not None:
            status = Orchestrations.status(carrier or holder, runtime, {"steps": list(steps)})
            self.client.statuses[carrier or holder] = status
        self.do(lambda: self.records.take_lock("ml1", Lock(holder, NOW - age, instance_id=carrier)))
        self.do(lambda: self.records.remember_operation(OperationRecord(holder, "ml1", Verb.STOP, "alice", "")))
        return self

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


# How old a lock is, how its orchestration stands, if there is one, and the sweep that it belongs to.
ALIVE: dict[str, tuple[float, Any, str]] = {
    "its orchestration is not started yet": (YOUNG - MARGIN, None, ""),
    "it runs": (YOUNG + MARGIN, STATUS.Running, ""),
    "it waits to run": (0.0, STATUS.Pending, ""),
    "it has run for long": (LONGEST - MARGIN, STATUS.Running, ""),
    "its sweep runs": (SWEEP_LIVES - MARGIN, STATUS.Running, SWEEP),
}
STALE: dict[str, tuple[float, Any, str]] = {
    "its orchestration was never started": (YOUNG + MARGIN, None, ""),
    **{f"it has ended: {status.name}": (0.0, status, "") for status in ENDED},
    "it has run for half a day": (LONGEST + MARGIN, STATUS.Running, ""),
    "its sweep has ended": (0.0, STATUS.Completed, SWEEP),
    "its sweep is over in any case": (SWEEP_LIVES + MARGIN, STATUS.Running, SWEEP),
}


def desk_with(age: float, runtime: Any, carrier: str) -> Desk:
    return Desk().held(age, runtime, carrier=carrier)


@pytest.mark.parametrize("why", ALIVE)
def test_a_living_operation_keeps_its_lock(why: str) -> None:
    desk = desk_with(*ALIVE[why])
    assert desk.running == HOLDER
    with pytest.raises(EnvironmentBusy) as busy:
        desk.take()
    assert busy.value.operation == HOLDER
    desk.do(lambda: free_stale_locks(desk.client, desk.records, NOW))
    assert (desk.holder, desk.outcome, desk.client.terminated) == (HOLDER, None, [])


@pytest.mark.parametrize("why", STALE)
def test_the_lock_of_an_operation_that_is_gone_is_taken_over_and_its_trail_says_so(why: str) -> None:
    desk = desk_with(*STALE[why])
    assert desk.running == ""
    assert not desk.take(), "nothing was still being built"
    assert desk.holder == NEXT
    assert desk.outcome is not None
    assert desk.outcome.status is OutcomeStatus.LOST


@pytest.mark.parametrize("why", STALE)
def test_the_lock_of_an_operation_that_is_gone_is_freed_without_anybody_asking(why: str) -> None:
    desk = desk_with(*STALE[why])
    desk.do(lambda: free_stale_locks(desk.client, desk.records, NOW))
    assert (desk.holder, desk.outcome and desk.outcome.status) == ("", OutcomeStatus.LOST)


def test_a_holder_that_left_no_trail_keeps_nobody_out_either() -> None:
    desk = Desk()
    desk.do(lambda: desk.records.take_lock("ml1", Lock(HOLDER, NOW - YOUNG - MARGIN)))
    desk.take()
    assert (desk.holder, desk.do(lambda: desk.records.operation(HOLDER))) == (NEXT, None)


def test_what_is_written_of_an_operation_that_ended_stays() -> None:
    desk = Desk().held(0.0, STATUS.Completed)
    known = Outcome(OutcomeStatus.SUCCEEDED, "It is deallocated.")
    desk.do(lambda: desk.records.remember_operation(OperationRecord(HOLDER, "ml1", Verb.STOP, "alice", "", outcome=known)))
    desk.take()
    assert desk.outcome == known


def test_a_free_environment_is_taken_and_taken_once() -> None:
    desk = Desk()
    assert desk.running == ""
    assert not desk.take()
    assert desk.holder == NEXT


def test_the_steps_that_are_still_building_end_with_the_operation_that_is_gone() -> None:
    steps = [{"name": "vm", "state": "running"}, {"name": "nic", "state": "done"}]
    desk = Desk().held(0.0, STATUS.Terminated, steps=steps)
    assert desk.take(), "it was still being built"
    assert desk.client.terminated == [f"{HOLDER}:vm"]


def test_only_an_operation_that_does_not_end_is_terminated_and_no_sweep() -> None:
    for desk, terminated in (
        (Desk().held(LONGEST + MARGIN, STATUS.Running), [HOLDER]),
        (Desk().held(LONGEST + MARGIN, STATUS.Running, carrier=SWEEP), []),
        (Desk().held(0.0, STATUS.Completed), []),
    ):
        desk.take()
        assert desk.client.terminated == terminated


class Stumbling(Records):
    """Records whose answers to some changes of locks are lost."""

    def __init__(self, *, written: bool) -> None:
        super().__init__(MemoryTables())
        self._written = written

    async def take_lock(self, environment: str, lock: Lock) -> bool:
        if lock.operation == NEXT:
            if self._written:
                await super().take_lock(environment, lock)
            raise CloudUnavailable("The answer was lost.")
        return await super().take_lock(environment, lock)


def test_when_the_answer_is_lost_the_lock_itself_is_asked() -> None:
    assert not Desk(Stumbling(written=True)).take()
    desk = Desk(Stumbling(written=False))
    with pytest.raises(CloudUnavailable, match="lost"):
        desk.take()
    assert desk.holder == ""
    with pytest.raises(CloudUnavailable, match="lost"):
        Desk(Stumbling(written=True)).held(0.0, STATUS.Completed).take()


class Changing(Records):
    """Records in which a lock is always free again when it is looked at."""

    tries = 0

    async def take_lock(self, environment: str, lock: Lock) -> bool:
        self.tries += 1
        return False


def test_an_environment_that_changes_hands_all_the_time_is_given_up() -> None:
    records = Changing(MemoryTables())
    with pytest.raises(ConcurrentChange, match="retry"):
        Desk(records).take()
    assert records.tries == TRIES


def test_of_several_locks_the_living_ones_are_named() -> None:
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
def test_only_what_is_being_deleted_does_not_stay(verb: Verb, runtime: Any, goes: bool) -> None:
    operation = new_operation_id("ml1", verb, NOW)
    desk = Desk().held(0.0, runtime, holder=operation)
    record = EnvironmentRecord("ml1", "workstation", "ann", "westeurope", "g", "m", "s", "{}", "o", "now")
    assert desk.do(lambda: being_deleted(desk.client, desk.records, NOW)) == {}, "it has no record any more"
    desk.do(lambda: desk.records.remember_environment(record))
    assert desk.do(lambda: being_deleted(desk.client, desk.records, NOW)) == ({operation: record} if goes else {})
    if goes:
        with pytest.raises(EnvironmentBusy):
            desk.do(lambda: require_staying(desk.client, desk.records, "ml1", NOW))
    else:
        desk.do(lambda: require_staying(desk.client, desk.records, "ml1", NOW))


def test_what_a_sweep_holds_is_not_being_deleted() -> None:
    desk = Desk().held(0.0, STATUS.Running, holder=SWEEP)
    assert desk.do(lambda: being_deleted(desk.client, desk.records, NOW)) == {}
