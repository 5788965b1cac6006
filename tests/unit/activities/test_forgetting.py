"""Right before an environment that sleeps on is deleted: who came at the last second keeps it."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from activities.idle.hand_over import recheck_lease_end
from activities.idle.stopped import note_failed_deletion
from dormouse.clock import HOUR, MINUTE, rfc3339
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.idle.decision import NextAction
from dormouse.idle.outside.reports import ActivityReport
from dormouse.idle.stages.sleep import FailedDeletion, SleepRecord
from dormouse.idle.sweep import ActionClaim, LeaseEnd, PlannedAction
from dormouse.idle.tracking import ActionReason, Hold, TrackedMachine
from dormouse.lifecycle import State, Verb
from dormouse.records.environments import Lock, Records
from dormouse.records.machines import MachineRecords
from tests.unit.activities.idle.test_hand_over import Machines, Place
from tests.unit.builders import NOW, environment_record, machine, remembered
from tests.unit.idle.stages.test_forget_after import AFTER, SLEPT, warned

DELETE = "ml1-delete-01M8J8WFS2VXEX4MSYZ4DDW3F4"
SPEC = json.dumps({"forget_after": AFTER})
RECORD = replace(environment_record(), spec=SPEC)
(VM,) = (one for one in RECORD.resources if one.kind == "virtual_machine")
ASLEEP = machine(id=VM.id, name="vm-ml1", environment="ml1", state=State.STOPPED, vm_id="one")
DUE = remembered(
    id=VM.id,
    state=State.STOPPED,
    state_since=SLEPT,
    vm_id="one",
    warning=warned(),
    sleep=SleepRecord(dormant_since=SLEPT),
)
REPORT = ActivityReport("tool", "ann's tool", NOW + 60, "", NOW - 60)
START = OperationRecord("ml1-start-01M8J8WFS2VXEX4MSYZ4DDW3F5", "ml1", Verb.START, "ann", rfc3339(NOW - 60))


@dataclass
class Story:
    """An environment whose deletion a sweep has planned, and what is so when it begins."""

    power: str = "deallocated"
    memory: TrackedMachine = DUE
    record: EnvironmentRecord = RECORD
    holder: str = DELETE
    operations: tuple[OperationRecord, ...] = ()
    others: tuple[EnvironmentRecord, ...] = ()

    def why_not(self) -> tuple[str, str]:
        """Why it is not deleted ("": it is), and which instance has the lock afterwards."""
        plan = PlannedAction(NextAction.DELETE, ActionReason.FORGET_AFTER, "ml1", ASLEEP, "", "", NOW, NOW - 10)
        claim = ActionClaim(DELETE, plan, "sweep-01M8J8WFS2VXEX4MSYZ4DDW3F4:0", NOW)

        async def asked() -> tuple[str, str]:
            place = Place(Machines(self.power))
            records = Records(place.tables)
            await records.take_lock("ml1", Lock(self.holder, NOW, instance_id=claim.instance_id))
            for one in (self.record, *self.others):
                await records.remember_environment(one)
            for operation in self.operations:
                await records.remember_operation(operation)
            await MachineRecords(place.tables).change_tracked(ASLEEP.key, lambda _: self.memory)
            why, lock = await recheck_lease_end(LeaseEnd(claim), place), await records.lock("ml1")
            await place.close()
            assert lock is not None
            return why, lock.instance_id

        return asyncio.run(asked())


def test_one_that_still_sleeps_is_deleted_by_an_orchestration_of_its_own() -> None:
    assert Story().why_not() == ("", "")


def changed(**spec: Any) -> EnvironmentRecord:
    return replace(RECORD, spec=json.dumps({**json.loads(SPEC), **spec}))


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (Story(power="running"), "It is running now."),
        (Story(power="starting"), "It is starting now."),
        (Story(operations=(START,)), "The action is not due now."),
        (Story(holder=START.id), "Another operation now has the lock"),
        (Story(memory=replace(DUE, hold=Hold("ann", "", NOW - 60, NOW + HOUR))), "It is now on hold by ann"),
        (Story(memory=replace(DUE, sleep=DUE.sleep.asked(NOW - 60))), "The action is not due now."),
        (Story(memory=replace(DUE, warning=warned(delivered_at=0.0))), "Its users must be warned first."),
        (Story(record=changed(forget_after=None)), "The action is not due now."),
        (Story(record=changed(forget_after=AFTER + 1440)), "Its users must be warned first."),
        (Story(others=(replace(RECORD, name="ml2", depends_on=("ml1",)),)), "other environments depend on it: ml2"),
        (Story(memory=replace(DUE, vm_id="other")), "not due"),
        (Story(memory=replace(DUE, reports=(REPORT,))), "vm-ml1 is in use: ann's tool reports it busy until"),
    ],
)
def test_who_came_at_the_last_second_keeps_it(story: Story, words: str) -> None:
    why, instance = story.why_not()
    assert words in why
    assert instance != "", "the lock is the page's still"


def test_a_deletion_that_failed_is_tried_again_after_a_pause() -> None:
    async def noted() -> TrackedMachine | None:
        place = Place(Machines("deallocated"))
        fleet = MachineRecords(place.tables)
        assert await note_failed_deletion(FailedDeletion(VM.id, NOW), place) == VM.id
        assert await fleet.tracked(ASLEEP.key) is None
        await fleet.change_tracked(ASLEEP.key, lambda _: DUE)
        await note_failed_deletion(FailedDeletion(VM.id, NOW), place)
        after = await fleet.tracked(ASLEEP.key)
        await place.close()
        return after

    tracked = asyncio.run(noted())
    assert tracked is not None
    assert (tracked.failures, tracked.retry_at) == (1, NOW + 30 * MINUTE)
