"""The execution of a plan: order, parallelism, outputs, what is put and what is left as it is, and what ends it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from activities.operations import poll_operation
from activities.resources.generic import put_resource, read_outputs, read_put
from dormouse import serialization
from dormouse.blueprints.catalog import plan_for
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.requests import BuildRequest, BuildResult, PutRequest
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.resources.graph import critical_path
from dormouse.resources.plan import Plan, Resource
from orchestrators.durable import CANCEL
from orchestrators.environments.execute_plan import PlanExecution, build_resource, execute
from orchestrators.progress import DONE, REFUSED, UNCHANGED, WAITING, ProgressTracker
from tests.unit.builders import target, workstation_spec
from tests.unit.durable import DurableContext, Story

PLAN = plan_for(workstation_spec(), target())
ALL = frozenset(resource.name for resource in PLAN.resources)
SECONDS = {
    "group": 2.0,
    "network": 7.0,
    "firewall": 5.0,
    "address": 3.0,
    "nic": 4.0,
    "storage": 25.0,
    "password": 1.0,
    "container": 3.0,
    "vm": 40.0,
    "driver": 60.0,
    "role": 6.0,
}
NO_CAPACITY = Refusal(RefusalReason.NO_CAPACITY, "no room", "SkuNotAvailable")


def done(request: Any) -> Answer:
    return Done({"principal_id": "p-1"}) if isinstance(request, Resource) else Done()


class Execution:
    """A plan that is executed, with the answers of Azure to puts by the name of the resource."""

    def __init__(
        self,
        plan: Plan = PLAN,
        existing: frozenset[str] = frozenset(),
        answers: Mapping[str, Callable[[], Answer]] | None = None,
        cancelled_at: float | None = None,
    ) -> None:
        self._answers = answers or {}
        self.context = DurableContext(
            {put_resource: self._put, read_outputs: done, poll_operation: done}, seconds_of=self._seconds
        )
        self.context.children = (build_resource,)
        self.context.events = {} if cancelled_at is None else {CANCEL: (cancelled_at, {"by": "ann"})}
        self.result: PlanExecution = self.context.run(self._story(plan, existing))

    def _story(self, plan: Plan, existing: frozenset[str]) -> Story:
        self.tracker = ProgressTracker(self.context)
        self.tracker.expect(*plan.resources)
        cancel = self.context.wait_for_external_event(CANCEL)
        return (yield from execute(self.context, PlanExecution(plan, existing), self.tracker, cancel))

    def _put(self, request: PutRequest) -> Answer:
        return self._answers.get(request.resource.name, Done)()

    def _seconds(self, name: str, request: Any) -> float:
        return SECONDS[request.resource.name] if isinstance(request, PutRequest) else 0.0

    @property
    def put(self) -> list[str]:
        return [request.resource.name for request in self.context.requests(put_resource)]

    @property
    def read(self) -> list[str]:
        return [request.name for request in self.context.requests(read_outputs)]

    @property
    def states(self) -> dict[str, str]:
        return {report.name: report.state for report in self.tracker.reports}

    def request(self, name: str) -> PutRequest:
        """What a resource was put with."""
        (found,) = [one for one in self.context.requests(put_resource) if one.resource.name == name]
        assert isinstance(found, PutRequest)
        return found


def refuse(refusal: Refusal) -> Callable[[], Answer]:
    return lambda: Refused(refusal)


def fail() -> Answer:
    raise OSError("connection refused")


def test_every_resource_starts_as_soon_as_what_it_needs_is_done() -> None:
    execution = Execution()
    reports = {report.name: report for report in execution.tracker.reports}
    for report in reports.values():
        assert report.began == max((reports[need].ended or 0.0 for need in report.needs), default=0.0), report.name
    assert execution.context.seconds == critical_path(PLAN.resources, SECONDS) == 2 + 7 + 4 + 40 + 60
    assert set(execution.put) == ALL == execution.result.done


def test_a_resource_gets_the_outputs_that_it_reads_and_no_others() -> None:
    execution = Execution()
    assert execution.read == ["vm"]
    assert execution.request("role").outputs == {"vm": {"principal_id": "p-1"}}
    assert execution.request("driver").outputs == {}


def test_what_exists_is_neither_put_nor_read_unless_others_take_its_outputs() -> None:
    execution = Execution(existing=ALL - {"role"})
    assert (execution.put, execution.read) == (["role"], ["vm"])
    assert {name for name, state in execution.states.items() if state == UNCHANGED} == ALL - {"role", "vm"}
    assert execution.result.done == ALL


def test_what_differs_from_the_plan_is_put_although_it_exists() -> None:
    execution = Execution(replace(PLAN, changed=("firewall",)), ALL)
    assert execution.put == ["firewall"]
    assert execution.states["firewall"] == DONE


def test_a_resource_is_put_with_the_neighbours_that_existed_before() -> None:
    execution = Execution(existing=frozenset({"group", "network", "vm"}))
    assert execution.request("password").existing == ("vm",), "the password of a VM that exists must be recovered"
    assert execution.request("nic").existing == ("network", "vm")
    assert execution.request("storage").existing == ("group",)


def test_after_a_refusal_nothing_new_starts_and_what_runs_comes_to_its_end() -> None:
    execution = Execution(answers={"network": refuse(NO_CAPACITY)})
    assert execution.result.refusals == [replace(NO_CAPACITY, step="network")]
    assert set(execution.put) == {"group", "password", "network", "firewall", "address", "storage"}
    assert execution.result.begun == set(execution.put)
    assert execution.result.done == execution.result.begun - {"network"}
    assert (execution.states["network"], execution.states["nic"]) == (REFUSED, WAITING)
    assert execution.context.seconds == 2 + 25, "the storage account is waited for"


def test_every_refusal_is_reported() -> None:
    execution = Execution(answers={"network": refuse(NO_CAPACITY), "address": refuse(NO_CAPACITY)})
    assert [refusal.step for refusal in execution.result.refusals] == ["address", "network"]


def test_a_request_that_failed_in_all_attempts_is_a_refusal_of_its_step() -> None:
    execution = Execution(answers={"nic": fail})
    assert execution.result.refusals == [Refusal(RefusalReason.GAVE_UP, "connection refused", step="nic")]


def test_a_crash_of_a_step_is_a_refusal_of_that_step() -> None:
    def crash(_: Any) -> Story:
        yield from ()
        raise RuntimeError("unexpected field\nTraceback")

    crash.__name__ = build_resource.__name__
    context = DurableContext(children=(crash,))
    never = context.wait_for_external_event(CANCEL)
    execution = context.run(execute(context, PlanExecution(PLAN, frozenset()), ProgressTracker(context), never))
    assert execution.refusals == [
        Refusal(RefusalReason.GAVE_UP, "unexpected field", step=name) for name in ("group", "password")
    ]


def test_after_a_cancellation_nothing_new_starts_and_what_azure_accepted_is_completed() -> None:
    execution = Execution(cancelled_at=4.0)
    assert set(execution.put) == {"group", "password", "network", "firewall", "address", "storage"}
    assert execution.result.done == set(execution.put)
    assert (execution.result.refusals, execution.result.failures) == ([], [])


def test_a_throttled_request_is_given_up_at_once_when_the_operation_is_cancelled() -> None:
    execution = Execution(answers={"storage": lambda: Pending(400.0, held_up=True)}, cancelled_at=60.0)
    (refusal,) = execution.result.refusals
    assert (refusal.reason, refusal.step) == (RefusalReason.CANCELLED, "storage")
    assert execution.result.failures == [], "the cancellation is not a failure of its own"
    (storage,) = [report for report in execution.tracker.reports if report.name == "storage"]
    assert storage.ended == 60.0


@pytest.mark.parametrize("identifier", ["/role/1", ""])
def test_an_id_that_only_the_creation_shows_is_known_to_the_rollback(identifier: str) -> None:
    outputs = {"id": identifier} if identifier else {}
    execution = Execution(answers={"role": lambda: Done(outputs)})
    assert execution.result.identified(PLAN.resource("role")).id == identifier
    assert execution.result.identified(PLAN.resource("vm")) == PLAN.resource("vm")


@pytest.mark.parametrize("ends", [Done(), Refused(NO_CAPACITY)])
def test_what_a_script_puts_is_what_the_script_says_and_it_runs_again_until_it_can(ends: Answer) -> None:
    users = Resource("users", "hub_users", "/vm/users", {"users": []}, contained_in="vm")
    said = [Pending(15.0, detail="the first boot is still in progress"), ends]
    context = DurableContext(
        {
            put_resource: lambda _: Pending(5.0, "https://management.azure.com/operations/1"),
            read_put: lambda request: said.pop(0),
        },
        request=BuildRequest(PutRequest(users)),
    )
    built = serialization.decode(BuildResult, context.run(build_resource(context)))
    assert (built.refusal is None) is isinstance(ends, Done)
    assert len(context.requests(put_resource)) == 2
    assert [request.resource for request in context.requests(read_put)] == [users.recorded()] * 2
