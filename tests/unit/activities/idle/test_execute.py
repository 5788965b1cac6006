"""The action of a sweep on a machine: recheck, then request from Azure what is right at that moment."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.compute.aio.operations import VirtualMachinesOperations
from azure.monitor.querymetrics.aio import MetricsClient

from activities.idle.execute import begin_claims
from dormouse.cloud.clients import Cloud
from dormouse.cloud.deployments import Deployments
from dormouse.environments.answers import Answer, Done
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.responsibility import Neighbours
from dormouse.idle.sweep import ActionClaim, ActionStarted, ClaimBatch
from dormouse.idle.tracking import Lease, LeaseAction
from dormouse.lifecycle import State
from dormouse.records.environments import Lock, Records
from dormouse.records.machines import MachineRecords
from dormouse.resources.compute.machines import IDLE_TAG, VirtualMachine
from tests.unit.builders import NOW, case, machine, planned, remembered
from tests.unit.twins import SETTINGS, HttpAnswer, MemoryTables, failing, stopped_clock

OPERATION = "lab:vm-stop-01M8J8WFS2VXEX4MSYZ4DDW3F4"


class Overloaded(MetricsClient):
    """Azure Monitor that rejects every query: a lease does not wait for it."""

    def __init__(self) -> None:
        """Need no client."""

    async def send_request(self, request: Any, **_: Any) -> Any:
        return HttpAnswer(529, "")


class Machines(VirtualMachinesOperations):
    """One running machine with these tags, which may be read unless there is an error."""

    def __init__(self, tags: dict[str, str]) -> None:
        self._tags = tags
        self.error: HttpResponseError | None = None

    async def get(self, *_: Any, **__: Any) -> Any:
        if self.error is not None:
            raise self.error
        status = {"code": "PowerState/running"}
        return {"tags": self._tags, "properties": {"vmId": "one", "instanceView": {"statuses": [status]}}}


class Alone(Deployments):
    """No other deployment of the control plane."""

    async def neighbours(self) -> Neighbours:
        return Neighbours()


class Place(Cloud):
    """A cloud with one machine whose lease has ended; records the operations begun on it with their options."""

    def __init__(self, tags: dict[str, str]) -> None:
        super().__init__(SETTINGS, stopped_clock(0.0))
        self.tables = MemoryTables()
        self.begun: list[tuple[str, dict[str, Any]]] = []
        self.machines = Machines(tags)
        self.deployments = Alone(self)

    @staticmethod
    def now() -> float:
        return NOW

    def metrics(self, region: str) -> MetricsClient:
        return Overloaded()

    def compute_in(self, subscription: str) -> Any:
        compute = super().compute_in(subscription)
        compute.virtual_machines = self.machines
        return compute

    async def begin(self, begin: Any, *request: Any, **options: Any) -> Answer:
        self.begun.append((begin.__name__, options))
        return Done()


def carried_out(
    there: VirtualMachine, tags: dict[str, str], *, hibernate: bool, error: HttpResponseError | None = None
) -> tuple[list[ActionStarted], Place]:
    """The result of a planned stop of a machine whose lease has ended."""
    place = Place(tags)
    place.machines.error = error
    memory = remembered(lease=Lease(NOW - 60, LeaseAction.STOP, "alice"), vm_id="one")
    plan = planned(case(machine=there, tracked=memory, policy=IdlePolicy(lead=0)))
    claim = ActionClaim(OPERATION, replace(plan, hibernate=hibernate), "sweep-1", NOW)

    async def begin() -> list[ActionStarted]:
        await Records(place.tables).take_lock(plan.lock, Lock(OPERATION, NOW))
        await MachineRecords(place.tables).change_tracked(there.key, lambda _: memory)
        begun = await begin_claims(ClaimBatch((claim,)), place)
        await place.close()
        return begun

    return asyncio.run(begin()), place


@pytest.mark.parametrize("planned_to", [True, False])
@pytest.mark.parametrize(
    ("able", "idle", "hibernates"),
    [
        (True, "lead=0m, action=hibernate", True),
        (False, "lead=0m, action=hibernate", False),
        (True, "lead=0m", False),
    ],
)
def test_a_machine_is_hibernated_if_its_current_policy_and_capability_allow_it(
    able: bool, idle: str, hibernates: bool, planned_to: bool
) -> None:
    tags = {IDLE_TAG: idle}
    there = machine(subscription=SETTINGS.azure_subscription_id, tags=tags, can_hibernate=able, state=State.RUNNING)
    (begun,), place = carried_out(there, tags, hibernate=planned_to)
    assert begun.begun == Done(), begun.why
    assert place.begun == [("begin_deallocate", {"hibernate": True} if hibernates else {})]


def test_a_machine_excluded_since_the_decision_is_not_stopped() -> None:
    there = machine(subscription=SETTINGS.azure_subscription_id)
    (begun,), place = carried_out(there, {IDLE_TAG: "lead=0m", "dormouse-keep": "yes"}, hibernate=False)
    assert "it is excluded by its tag dormouse-keep" in begun.why
    assert place.begun == []


@pytest.mark.parametrize(("status", "again", "words"), [(403, False, "lacks the permission"), (503, True, "retry later")])
def test_a_machine_that_must_not_be_read_is_not_tried_again_and_one_that_cannot_be_read_now_is(
    status: int, again: bool, words: str
) -> None:
    there = machine(subscription=SETTINGS.azure_subscription_id)
    (begun,), place = carried_out(there, {}, hibernate=False, error=failing(HttpResponseError("no"), status))
    assert (begun.begun, begun.again, words in begun.why, place.begun) == (None, again, True, [])
