"""The rest of an environment whose GPU pool sleeps: what is read of it, and when, and that nothing unread stops it."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.mgmt.compute.aio.operations import VirtualMachinesOperations
from azure.monitor.querymetrics.aio import MetricsClient

from activities.idle.hand_over import recheck_environment_stop
from activities.idle.stages import with_sleep
from activities.idle.stopped import note_environment_stop
from dormouse.clock import HOUR, MINUTE, rfc3339
from dormouse.cloud.clients import Cloud
from dormouse.cloud.metrics import METRIC_NAMES
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.idle.evaluation import EvaluationRules
from dormouse.idle.evidence import Evaluation
from dormouse.idle.outside.reports import ActivityReport
from dormouse.idle.outside.services import ActivityService
from dormouse.idle.stages.sleep import EnvironmentSleep, Stages
from dormouse.idle.sweep import ActionClaim, EnvironmentStop
from dormouse.idle.tracking import Hold, Lease, LeaseAction, TrackedMachine
from dormouse.lifecycle import State, Verb
from dormouse.records.environments import Lock, Records
from dormouse.records.machines import MachineRecords
from dormouse.resources.compute.machines import key_of
from dormouse.resources.plan import Resource
from tests.unit.activities.idle.test_pools import Api, Place, record, runner
from tests.unit.builders import NOW, case
from tests.unit.idle.clusters.test_node_pools import FORCED, OFF, shown
from tests.unit.idle.stages.test_stop_after import AFTER, DUE, SEEN, SLEPT, STAGES, VM, asleep, planned_stop
from tests.unit.twins import HttpAnswer

STOP = "rc1-stop-01M8J8WFS2VXEX4MSYZ4DDW3F4"
QUEUE = Resource("vm-queue", "virtual_machine", VM, settings={"size": "Standard_D2s_v5"})
RUNS = TrackedMachine(VM, SLEPT - HOUR, State.RUNNING, SLEPT - HOUR)


class Machines(VirtualMachinesOperations):
    """The VM of the queue with this power and these tags."""

    def __init__(self, power: str, tags: dict[str, str]) -> None:
        self.power, self.tags, self.asked = power, tags, 0

    async def get(self, *_: Any, **__: Any) -> Any:
        self.asked += 1
        statuses = [{"code": f"PowerState/{self.power}"}]
        return {"tags": self.tags, "properties": {"vmId": "one", "instanceView": {"statuses": statuses}}}


class Monitor(MetricsClient):
    """Azure Monitor with this utilization in every minute of the last hour; None: without data."""

    def __init__(self, cpu: float | None) -> None:
        self.cpu = cpu

    async def send_request(self, request: Any, **_: Any) -> Any:
        (identifier,) = json.loads(request.content)["resourceids"]
        minutes = [rfc3339(NOW - minute * MINUTE) for minute in range(3, 60)]
        data = [{"timeStamp": minute, "maximum": self.cpu, "total": 60.0} for minute in minutes]
        metrics = [{"name": {"value": name}, "timeseries": [{"data": data}]} for name in METRIC_NAMES]
        return HttpAnswer(200, {"values": [] if self.cpu is None else [{"resourceid": identifier, "value": metrics}]})


@dataclass
class Story:
    """A runner cluster whose pool sleeps, with a VM for its queue: what is on record about it, and what Azure shows."""

    tracked: TrackedMachine | None = RUNS
    power: str = "running"
    tags: tuple[tuple[str, str], ...] = ()
    cpu: float | None = 1.0
    operations: tuple[OperationRecord, ...] = ()
    memory: TrackedMachine = DUE
    queue: str = "ready=0 unacknowledged=0"
    holder: str = STOP
    stage: int = AFTER

    def place(self) -> "Rest":
        return Rest(self)

    @property
    def environment(self) -> EnvironmentRecord:
        known = record()
        spec = json.dumps({"stop_after": self.stage} if self.stage else {})
        return replace(known, resources=(QUEUE, *known.resources), spec=spec)


class Rest(Place):
    """The cloud of a story."""

    def __init__(self, story: Story) -> None:
        super().__init__(shown(**OFF), **OFF, api=Api(runner("Pending"), queue=story.queue))
        self.story, self.machines = story, Machines(story.power, dict(story.tags))

    def metrics(self, region: str) -> Monitor:
        return Monitor(self.story.cpu)

    def compute_in(self, subscription: str) -> Any:
        compute = Cloud.compute_in(self, subscription)
        compute.virtual_machines = self.machines
        return compute

    async def prepare(self) -> None:
        records, fleet = Records(self.tables), MachineRecords(self.tables)
        known, memory = self.story.tracked, self.story.memory
        await records.remember_environment(self.story.environment)
        await records.take_lock("rc1", Lock(self.story.holder, NOW))
        for operation in self.story.operations:
            await records.remember_operation(operation)
        await fleet.change_tracked(FORCED.key, lambda _: memory)
        if known is not None:
            await fleet.change_tracked(key_of(VM), lambda _: known)


def seen(story: Story, **fields: Any) -> tuple[Evaluation, int]:
    """The evaluation of the pool with the rest of its environment, and how often Azure was asked for the VM."""
    place = story.place()
    one = case(**{"machine": FORCED, "tracked": story.memory, "nodes": SEEN, "stages": STAGES, **fields})

    async def read() -> list[Evaluation]:
        await place.prepare()
        return await with_sleep([one], {"rc1": story.environment}, EvaluationRules(), place)

    (found,) = asyncio.run(read())
    return found, place.machines.asked


SAYS = ActivityReport("slurm", "slurm", NOW + HOUR, "job 7", NOW - 60)
POOL_REPORTED, VM_REPORTED = replace(DUE, reports=(SAYS,)), replace(RUNS, reports=(SAYS,))
OVER = replace(SAYS, until=NOW)


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (Story(memory=POOL_REPORTED), "gpu is in use: slurm reports it busy until 2027-01-15 09:00 UTC: job 7"),
        (Story(tracked=VM_REPORTED), "vm-queue is in use: slurm reports it busy until 2027-01-15 09:00 UTC: job 7"),
        (Story(tracked=VM_REPORTED, power="deallocated"), "vm-queue is in use: slurm reports it busy until"),
        (Story(memory=replace(DUE, reports=(OVER,))), ""),
    ],
)
def test_what_is_reported_busy_from_outside_keeps_everything_as_it_is(story: Story, words: str) -> None:
    sleep = seen(story)[0].sleep
    assert sleep is not None
    assert (sleep.why_not.startswith(words), bool(sleep.why_not)) == (True, bool(words))
    if words:
        stop, _ = rechecked(story)
        assert stop.change is None
        assert words in stop.why


def with_service(state: str, *identifiers: str) -> tuple[EnvironmentSleep | None, list[list[str]]]:
    """What is known of the rest if a service says this of these targets, "not_busy" of others; and what it was asked."""
    questions: list[list[str]] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        question = await request.json()
        questions.append(question["machines"])
        if state == "broken":
            return web.Response(status=500)
        said = [{"machine": one, "state": state if one in identifiers else "not_busy"} for one in question["machines"]]
        entries = [{**one, "busy_until": rfc3339(NOW + HOUR)} if one["state"] == "busy" else one for one in said]
        return web.json_response({"id": question["id"], "machines": entries})

    async def read() -> list[Evaluation]:
        application = web.Application()
        application.router.add_post("/busy", answer)
        async with TestServer(application) as server, aiohttp.ClientSession() as session:
            service = ActivityService("", str(server.make_url("/busy")))
            place = Story().place()
            place.settings = replace(place.settings, activity_url=(service,), activity_url_secret="s")
            place.outside = session
            await place.prepare()
            one = case(machine=FORCED, tracked=DUE, nodes=SEEN, stages=STAGES)
            rules = EvaluationRules(activity=(service,))
            return await with_sleep([one], {"rc1": Story().environment}, rules, place)

    (found,) = asyncio.run(read())
    return found.sleep, questions


def test_an_activity_service_is_asked_once_about_all_of_an_environment_that_sleeps() -> None:
    sleep, questions = with_service("not_busy")
    assert (sleep, questions) == (EnvironmentSleep(), [[FORCED.id, VM]])


@pytest.mark.parametrize(("identifier", "name"), [(FORCED.id, "gpu"), (VM, "vm-queue")])
def test_what_an_activity_service_says_or_does_not_say_keeps_everything_as_it_is(identifier: str, name: str) -> None:
    sleep, _ = with_service("busy", identifier)
    assert sleep is not None
    assert sleep.why_not.startswith(f"{name} is in use: the activity service 127.0.0.1 reports it busy until")
    for state in ("unknown", "nonsense", "broken"):
        sleep, _ = with_service(state, identifier)
        assert sleep is not None
        assert any(one.startswith(f"{name}: ") for one in sleep.unread), state


def operation(by: str, at: float, status: OutcomeStatus | None = OutcomeStatus.SUCCEEDED) -> OperationRecord:
    outcome, ended = Outcome(status, "") if status else None, rfc3339(at) if status else ""
    identifier = "rc1-start-01M8J8WFS2VXEX4MSYZ4DDW3F5"
    return OperationRecord(identifier, "rc1", Verb.START, by, rfc3339(at), ended_at=ended, outcome=outcome)


def test_until_a_warning_may_be_due_only_the_records_are_read() -> None:
    early = Story(memory=asleep(state_since=NOW - HOUR))
    found, asked = seen(early)
    assert (found.sleep, asked) == (EnvironmentSleep(), 0)
    held = replace(RUNS, hold=Hold("ann", "", NOW - 60, NOW + HOUR))
    found, asked = seen(replace(early, tracked=held))
    assert found.sleep is not None
    assert ("vm-queue is on hold by ann" in found.sleep.why_not, asked) == (True, 0)
    asked_for = replace(RUNS, sleep=RUNS.sleep.asked(NOW - 60))
    found, asked = seen(Story(tracked=asked_for))
    assert (found.sleep, asked) == (EnvironmentSleep(since=NOW - 60), 0), "what happened there moves the stop"


def test_when_it_is_due_the_vm_is_asked_too_and_a_quiet_one_prevents_nothing() -> None:
    found, asked = seen(Story())
    assert (found.sleep, asked) == (EnvironmentSleep(), 1)
    assert seen(Story(power="deallocated"))[0].sleep == EnvironmentSleep()


@pytest.mark.parametrize(
    "fields",
    [{"stages": Stages(AFTER)}, {"stages": Stages()}, {"machine": replace(FORCED, forced=False)}, {"unreadable": "x"}],
)
def test_only_what_counts_to_a_stop_is_looked_at(fields: dict[str, Any]) -> None:
    found, asked = seen(Story(), **fields)
    assert (found.sleep, asked) == (None, 0)


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (Story(cpu=90.0), "vm-queue is in use: CPU"),
        (Story(tags=(("dormouse-keep", "on"),)), "vm-queue is excluded: Not managed by Dormouse"),
        (Story(tracked=replace(RUNS, hold=Hold("ann", "", NOW - 60, NOW + HOUR))), "vm-queue is on hold by ann until"),
        (Story(tracked=replace(RUNS, lease=Lease(NOW + HOUR, LeaseAction.STOP, "ann"))), "vm-queue has a lease until"),
    ],
)
def test_what_happens_on_a_vm_keeps_everything_as_it_is(story: Story, words: str) -> None:
    sleep = seen(story)[0].sleep
    assert sleep is not None
    assert words in sleep.why_not


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (Story(tracked=None), "no sweep has seen vm-queue yet"),
        (Story(cpu=None), "returned no data"),
        (Story(power="starting"), "vm-queue is starting"),
        (Story(tags=(("dormouse-schedule", "x"),)), "vm-queue: "),
    ],
)
def test_what_is_not_known_of_a_vm_is_unread(story: Story, words: str) -> None:
    sleep = seen(story)[0].sleep
    assert sleep is not None
    assert words in "; ".join(sleep.unread)


@pytest.mark.parametrize(
    ("known", "asked_at"),
    [
        (operation("ann", NOW - HOUR), NOW - HOUR),
        (operation("ann", NOW - HOUR, OutcomeStatus.FAILED), NOW - HOUR),
        (operation("ann", NOW - HOUR, None), NOW - HOUR),
        (operation("sweep (jobs)", NOW - HOUR), 0.0),
    ],
)
def test_an_operation_of_a_person_begins_the_period_again(known: OperationRecord, asked_at: float) -> None:
    assert seen(Story(operations=(known,)))[0].tracked.sleep.asked_at == asked_at


def rechecked(story: Story) -> tuple[EnvironmentStop, Lock | None]:
    """How the planned stop goes on, and the lock afterwards."""
    place = story.place()
    claim = ActionClaim(STOP, planned_stop(), "sweep-01M8J8WFS2VXEX4MSYZ4DDW3F4:0", NOW)

    async def asked() -> tuple[EnvironmentStop, Lock | None]:
        await place.prepare()
        found = await recheck_environment_stop(claim, place)
        lock = await Records(place.tables).lock("rc1")
        return found, lock

    return asyncio.run(asked())


def test_a_stop_that_is_still_due_takes_over_the_lock_and_stops_everything() -> None:
    found, lock = rechecked(Story())
    assert found.change is not None, found.why
    assert (found.change.operation, found.change.verb, found.change.only) == (STOP, Verb.STOP, ())
    assert [one.name for one in found.change.resources] == ["vm-queue", "gpu-pool", "queue-watch"]
    assert lock is not None
    assert (lock.operation, lock.instance_id) == (STOP, "")


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (Story(queue="ready=1 unacknowledged=0"), "There is work for it"),
        (Story(queue=""), "the depth of its queue is not known"),
        (Story(cpu=90.0), "vm-queue is in use"),
        (Story(operations=(operation("ann", NOW - 60),)), "The action is not due now"),
        (Story(memory=replace(DUE, hold=Hold("ann", "", NOW - 60, NOW + HOUR))), "It is now on hold by ann"),
        (Story(memory=replace(DUE, lease=Lease(NOW + HOUR, LeaseAction.STOP, "ann"))), "it has a lease"),
        (Story(stage=0), "The action is not due now"),
        (Story(holder="rc1-start-01M8J8WFS2VXEX4MSYZ4DDW3F5"), "Another operation now has the lock"),
    ],
)
def test_a_stop_that_is_no_longer_due_is_none(story: Story, words: str) -> None:
    found, lock = rechecked(story)
    assert found.change is None
    assert words in found.why
    assert lock is not None
    assert lock.operation == story.holder


def test_a_vm_that_was_stopped_before_is_not_one_that_a_sweep_has_stopped() -> None:
    _, vm = noted(Story(tracked=replace(RUNS, state=State.STOPPED)))
    assert vm is not None
    assert (vm.shutdown, vm.state_since) == (None, RUNS.state_since)


def noted(story: Story) -> tuple[TrackedMachine | None, TrackedMachine | None]:
    """What is remembered of the pool and of the VM after a stop of everything."""
    place = story.place()

    async def note() -> tuple[TrackedMachine | None, TrackedMachine | None]:
        await place.prepare()
        for _ in range(2):
            await note_environment_stop(planned_stop(), NOW, place)
        fleet = MachineRecords(place.tables)
        return await fleet.tracked(FORCED.key), await fleet.tracked(key_of(VM))

    return asyncio.run(note())


def test_after_the_stop_machines_count_as_stopped_by_a_sweep() -> None:
    pool, vm = noted(Story())
    assert pool is not None
    assert (pool.warning, pool.shutdown) == (None, DUE.shutdown)
    assert vm is not None
    assert vm.shutdown is not None
    assert (vm.state, vm.shutdown.since, vm.hours_asleep(NOW + 60 * MINUTE)) == (State.STOPPED, NOW, 1.0)
