"""What a sweep hands over: a refused start goes on only if the decision made again from fresh data is still to start it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from azure.mgmt.compute.aio.operations import VirtualMachinesOperations

from activities.idle.hand_over import recheck_lease_end, recheck_refused_start
from dormouse.cloud.clients import Cloud
from dormouse.cloud.deployments import Deployments
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.idle.responsibility import Neighbours
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.sweep import ActionClaim, LeaseEnd, RefusedStart, StartElsewhere
from dormouse.idle.tracking import ActionReason, Hold, Lease, LeaseAction, TrackedMachine
from dormouse.ids import child_of
from dormouse.lifecycle import State, Verb
from dormouse.records.environments import Lock, Records
from dormouse.records.machines import MachineRecords
from tests.unit.builders import NOW, case, environment_record, machine, planned, remembered, warned
from tests.unit.twins import SETTINGS, MemoryTables, stopped_clock

OPERATION, LARGER = "ml1-start-01M8J8WFS2VXEX4MSYZ4DDW3F4", "Standard_NV12ads_A10_v5"
HOURS = "mon-fri 07:55-19:00 UTC"
REFUSED = Refusal(RefusalReason.NO_CAPACITY, "none left", code="AllocationFailed")
OWN = child_of(OPERATION, "fallback")


class Machines(VirtualMachinesOperations):
    """The machine of the environment, stopped unless it is said otherwise."""

    def __init__(self, power: str, *more: str) -> None:
        self._statuses = [{"code": f"PowerState/{power}"}, *({"code": code} for code in more)]

    async def get(self, *_: Any, **__: Any) -> Any:
        return {"tags": {"dormouse": "ml1"}, "properties": {"vmId": "one", "instanceView": {"statuses": self._statuses}}}


class Alone(Deployments):
    """No other deployment of the control plane."""

    async def neighbours(self) -> Neighbours:
        return Neighbours()


class Place(Cloud):
    """A cloud with one machine."""

    def __init__(self, machines: Machines) -> None:
        super().__init__(SETTINGS, stopped_clock(0.0))
        self.tables, self.machines, self.deployments = MemoryTables(), machines, Alone(self)

    @staticmethod
    def now() -> float:
        return NOW

    def compute_in(self, subscription: str) -> Any:
        compute = super().compute_in(subscription)
        compute.virtual_machines = self.machines
        return compute


def stored(**fields: Any) -> EnvironmentRecord:
    """An environment whose machine may be resized at a start, and whose hours began five minutes ago."""
    record = environment_record()
    known = {"schedule": HOURS, "fallback": {"sizes": [LARGER], "resize_at_start": True}}
    return replace(record, spec=json.dumps({**json.loads(record.spec), **known, **fields}))


def handed_over(
    record: EnvironmentRecord,
    change: Callable[[TrackedMachine], TrackedMachine] = lambda known: known,
    *,
    power: str = "deallocated",
    more: tuple[str, ...] = (),
    holder: str = OPERATION,
    again: bool = False,
) -> tuple[StartElsewhere, Lock | None, OperationRecord | None]:
    """How a refused start goes on, and its lock and record afterwards."""
    (vm,) = (one for one in record.resources if one.kind == "virtual_machine")
    there = machine(id=vm.id, name="vm-ml1", environment="ml1", state=State.STOPPED, vm_id="one")
    tracked = remembered(id=vm.id, state=State.STOPPED, state_since=NOW - 3600, schedule=HOURS, vm_id="one")
    plan = planned(case(machine=there, tracked=tracked, schedule=read_schedule(HOURS)), age=600)
    claim = ActionClaim(OPERATION, replace(plan, lock="ml1"), "sweep-01M8J8WFS2VXEX4MSYZ4DDW3F4:0", NOW - 600)

    async def asked() -> tuple[StartElsewhere, Lock | None, OperationRecord | None]:
        place = Place(Machines(power, *more))
        records = Records(place.tables)
        await records.take_lock("ml1", Lock(holder, NOW - 600, instance_id=claim.instance_id))
        await records.remember_environment(record)
        await records.remember_operation(OperationRecord(OPERATION, "ml1", Verb.START, "sweep (schedule)", ""))
        await MachineRecords(place.tables).change_tracked(there.key, lambda _: change(tracked))
        request = RefusedStart(claim, (REFUSED,), NOW - 600, OWN)
        for _ in range(2 if again else 1):
            found = await recheck_refused_start(request, place)
        after = found, await records.lock("ml1"), await records.operation(OPERATION)
        await place.close()
        return after

    return asyncio.run(asked())


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_a_refused_start_goes_on_with_the_sizes_of_its_spec_and_its_own_lock(again: bool) -> None:
    found, lock, operation = handed_over(stored(), again=again)
    assert found.why == ""
    assert found.change is not None
    assert (found.change.only, [other.placement.size for other in found.change.other_sizes]) == (("vm",), [LARGER])
    assert lock is not None
    assert (lock.operation, lock.instance_id, lock.taken_at) == (OPERATION, OWN, NOW)
    assert operation is not None
    assert operation.instance_id == OWN


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"schedule": ""}, "Its schedule has been removed."),
        ({"schedule": "mon-fri 09:00-19:00 UTC"}, "Its scheduled hours have ended."),
        ({"fallback": {"sizes": [LARGER], "resize_at_start": False}}, "no other size"),
        # Another driver than the one on the disk.
        ({"fallback": {"sizes": ["Standard_NC4as_T4_v3"], "resize_at_start": True}}, "no other size"),
    ],
)
def test_a_spec_that_was_changed_since_ends_the_start(fields: dict[str, Any], words: str) -> None:
    found, lock, _ = handed_over(stored(**fields))
    assert found.change is None
    assert words in found.why
    assert lock is not None
    assert lock.instance_id != OWN


def test_a_hold_since_the_decision_ends_the_start() -> None:
    held = Hold("ann", "maintenance", NOW - 60, NOW + 3600)
    found, _, _ = handed_over(stored(), lambda known: replace(known, hold=held))
    assert (found.change, found.why) == (None, "It is now on hold by ann.")


def test_a_machine_that_has_been_started_since_is_not_resized() -> None:
    found, _, _ = handed_over(stored(), power="running")
    assert (found.change, found.why) == (None, "It is running now.")


def test_a_hibernated_machine_is_not_resized() -> None:
    found, _, _ = handed_over(stored(), more=("HibernationState/Hibernated",))
    assert (found.change, found.why) == (None, "It is hibernated, and Azure resizes no hibernated machine.")


def test_an_operation_that_has_lost_its_lock_does_not_go_on() -> None:
    found, lock, _ = handed_over(stored(), holder="ml1-stop-01M8J8WFS2VXEX4MSYZ4DDW3F5")
    assert (found.change, found.why) == (None, "Another operation now has the lock of the machine.")
    assert lock is not None
    assert lock.operation.startswith("ml1-stop-")


def test_a_deletion_at_the_end_of_a_lease_is_followed_by_its_own_orchestration() -> None:
    """Its page ends long before it, and says nothing about it."""
    record, operation = environment_record(), f"ml1-{Verb.DELETE}-01M8J8WFS2VXEX4MSYZ4DDW3F4"
    (vm,) = (one for one in record.resources if one.kind == "virtual_machine")
    there = machine(id=vm.id, name="vm-ml1", environment="ml1", state=State.STOPPED, vm_id="one")
    lease = Lease(NOW - 3600, LeaseAction.DELETE, "ann")
    tracked = remembered(id=vm.id, state=State.STOPPED, lease=lease, vm_id="one", warning=warned(ActionReason.LEASE))
    plan = replace(planned(case(machine=there, tracked=tracked)), lock="ml1")
    page = "sweep-01M8J8WFS2VXEX4MSYZ4DDW3F4:0"

    async def asked() -> tuple[str, Lock | None, OperationRecord | None]:
        place = Place(Machines("deallocated"))
        records = Records(place.tables)
        await records.take_lock("ml1", Lock(operation, NOW - 60, instance_id=page))
        await records.remember_environment(record)
        await records.remember_operation(OperationRecord(operation, "ml1", Verb.DELETE, "sweep", "", instance_id=page))
        await MachineRecords(place.tables).change_tracked(there.key, lambda _: tracked)
        why = await recheck_lease_end(LeaseEnd(ActionClaim(operation, plan, page, NOW - 60)), place)
        after = why, await records.lock("ml1"), await records.operation(operation)
        await place.close()
        return after

    why, lock, known = asyncio.run(asked())
    assert why == ""
    assert lock is not None
    assert known is not None
    assert (lock.instance_id, known.instance_id) == ("", "")
