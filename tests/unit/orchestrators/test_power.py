"""Power changes of whole environments: order, verification, health checks, and what a refusal comes to."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from activities.notifications import send_notifications
from activities.operations import poll_operation
from activities.records import close_operation, holds_lock
from activities.resources.generic import begin_probe, change_resource_power, observe_resource, read_probe
from dormouse import serialization
from dormouse.environments.answers import Answer, Checked, Done, Pending, Refused
from dormouse.environments.operations import Completion, PowerChange
from dormouse.environments.requests import PowerRequest
from dormouse.environments.results import (
    Check,
    HealthCheckResult,
    Outcome,
    OutcomeStatus,
    Refusal,
    RefusalReason,
    ResourceStatus,
)
from dormouse.lifecycle import STATE_AFTER, State, Verb
from dormouse.notifications.notification import Delivery
from dormouse.resources.features import GuestSetup
from dormouse.resources.plan import Resource
from orchestrators.environments.power import LOOKS, change_power
from tests.unit.builders import ULID, target
from tests.unit.durable import DurableContext

URL = "https://management.azure.com/operations/"
NO_CAPACITY = Refused(Refusal(RefusalReason.NO_CAPACITY, "no room", "AllocationFailed"))
PASSED, FAILED = HealthCheckResult("gpu", Check.PASSED, "A10"), HealthCheckResult("gpu", Check.FAILED, "no driver")


def vm(name: str, *needs: str) -> Resource:
    identifier, setup = target().id("Microsoft.Compute/virtualMachines", name), GuestSetup("azureuser")
    return Resource(name, "virtual_machine", identifier, setup=setup, needs=needs)


# A controller, two workers that need it, and a gateway that needs both; the disk between them has no power.
CONTROLLER, WORKER_A, WORKER_B = vm("controller"), vm("worker-a", "share"), vm("worker-b", "share")
SHARE, GATEWAY = Resource("share", "disk", "/share", needs=("controller",)), vm("gateway", "worker-a", "worker-b")
CLUSTER = (CONTROLLER, SHARE, WORKER_A, WORKER_B, GATEWAY)


class Change:
    """A power change that was carried out, with Azure's answers by the name of the resource."""

    def __init__(
        self,
        verb: Verb,
        resources: Sequence[Resource] = CLUSTER,
        *,
        answers: Mapping[str, Callable[[], Answer]] | None = None,
        states: Mapping[str, State] | None = None,
        health: Mapping[str, Sequence[HealthCheckResult]] | None = None,
        checked: bool = True,
        locked: bool = True,
    ) -> None:
        self._answers, self._states, self._health = answers or {}, states or {}, health or {}
        self._after = STATE_AFTER[verb]
        request = PowerChange(f"ml1-{verb}-{ULID}", "ml1", verb, tuple(resources), checked)
        self.context = DurableContext(
            {
                holds_lock: lambda _: locked,
                change_resource_power: self._change,
                poll_operation: lambda _: Done(),
                observe_resource: self._status,
                begin_probe: lambda resource: Pending(4.0, URL + resource.name),
                read_probe: lambda poll: Checked(tuple(self._health[poll.resource.name])),
                close_operation: lambda _: "",
                send_notifications: lambda _: Delivery(),
            },
            request=request,
        )
        self.outcome = serialization.decode(Outcome, self.context.run(change_power(self.context)))

    def _change(self, request: PowerRequest) -> Answer:
        return self._answers.get(request.resource.name, Done)()

    def _status(self, resource: Resource) -> ResourceStatus:
        assert (resource.body, resource.setup) == ({}, None)
        return ResourceStatus(resource.name, True, state=self._states.get(resource.name, self._after))

    @property
    def changed(self) -> list[str]:
        return [request.resource.name for request in self.context.requests(change_resource_power)]

    @property
    def completion(self) -> Completion:
        (found,) = self.context.requests(close_operation)
        assert isinstance(found, Completion)
        return found


def fail() -> Answer:
    raise OSError("connection refused")


def test_a_stop_stops_dependents_before_what_they_need() -> None:
    change = Change(Verb.STOP)
    assert change.changed == ["gateway", "worker-a", "worker-b", "controller"]
    assert change.outcome.status is OutcomeStatus.SUCCEEDED
    assert change.outcome.reason.startswith("ml1 is stopped, as confirmed by Azure.")


def test_a_start_starts_what_others_need_first() -> None:
    change = Change(Verb.START, checked=False)
    assert change.changed == ["controller", "worker-a", "worker-b", "gateway"]


def test_resources_of_one_level_change_in_parallel_and_levels_one_after_another() -> None:
    change = Change(Verb.STOP, answers=dict.fromkeys(("worker-a", "worker-b", "gateway"), lambda: Pending(4.0, f"{URL}1")))
    assert change.context.times(change_resource_power) == [0.0, 4.0, 4.0, 8.0]


def test_every_step_is_in_the_trail() -> None:
    steps = [(step.name, step.state) for step in Change(Verb.STOP, [CONTROLLER, SHARE, WORKER_A]).completion.steps]
    assert steps == [("stop worker-a", "done"), ("stop controller", "done"), ("verify", "done")]


def test_a_refusal_ends_the_change_and_what_it_needs_is_not_touched() -> None:
    change = Change(Verb.STOP, answers={"worker-a": lambda: NO_CAPACITY})
    assert change.changed == ["gateway", "worker-a", "worker-b"]
    assert change.outcome.status is OutcomeStatus.FAILED
    assert [refusal.step for refusal in change.outcome.refusals] == ["stop worker-a"]
    assert change.context.requests(observe_resource) == []


def test_a_start_without_capacity_starts_no_dependents() -> None:
    change = Change(Verb.START, answers={"controller": lambda: NO_CAPACITY})
    assert change.changed == ["controller"]
    assert "no room (AllocationFailed)" in change.outcome.reason


def test_a_change_that_azure_never_answered_is_a_failure() -> None:
    change = Change(Verb.STOP, [CONTROLLER], answers={"controller": fail})
    assert change.outcome.status is OutcomeStatus.FAILED
    assert change.outcome.refusals == (Refusal(RefusalReason.GAVE_UP, "connection refused", step="stop controller"),)


def test_a_stop_is_done_only_when_azure_shows_everything_stopped() -> None:
    change = Change(Verb.STOP, states={"worker-b": State.STOPPED_BILLED})
    assert change.outcome.status is OutcomeStatus.FAILED
    (refusal,) = change.outcome.refusals
    assert (refusal.reason, refusal.step) == (RefusalReason.FAILED_LATE, "verify")
    assert "shows worker-b as stopped_billed" in refusal.detail
    assert len(change.context.requests(observe_resource)) == LOOKS * 4  # each of the four machines
    looked_at = [one.name for one in change.context.requests(observe_resource)[:4]]
    assert looked_at == ["controller", "worker-a", "worker-b", "gateway"]


def test_an_operation_that_lost_its_lock_changes_nothing() -> None:
    change = Change(Verb.STOP, locked=False)
    assert (change.outcome.status, change.changed) == (OutcomeStatus.CANCELLED, [])


@pytest.mark.parametrize(
    ("health", "status"),
    [
        ({"a": [PASSED], "b": [PASSED]}, OutcomeStatus.SUCCEEDED),
        ({"a": [PASSED], "b": [FAILED]}, OutcomeStatus.UNHEALTHY),
    ],
)
@pytest.mark.parametrize("verb", [Verb.START, Verb.RESTART])
def test_after_a_boot_every_machine_is_checked_from_inside(
    verb: Verb, health: dict[str, list[HealthCheckResult]], status: OutcomeStatus
) -> None:
    change = Change(verb, [vm("a"), vm("b")], health=health)
    assert change.outcome.status is status
    assert [finding.name for finding in change.outcome.health_checks] == ["a gpu", "b gpu"]
    assert [resource.name for resource in change.context.requests(begin_probe)] == ["a", "b"]
    assert ("no driver" in change.outcome.reason) is (status is OutcomeStatus.UNHEALTHY)


def test_the_check_of_a_single_machine_has_its_plain_name() -> None:
    change = Change(Verb.START, [CONTROLLER], health={"controller": [PASSED]})
    assert change.outcome.health_checks == (PASSED,)
    assert change.outcome.reason == "ml1 is running, and every health check passed."


def test_without_a_readable_spec_nothing_is_checked_from_inside() -> None:
    change = Change(Verb.START, checked=False)
    assert change.outcome.status is OutcomeStatus.SUCCEEDED
    assert "Health checks did not run" in change.outcome.reason
    assert change.context.requests(begin_probe) == []


def test_a_machine_that_does_not_answer_is_unhealthy_when_its_time_is_up() -> None:
    waiting = HealthCheckResult("agent", Check.WAITING, "no heartbeat yet")
    change = Change(Verb.RESTART, [CONTROLLER], health={"controller": [waiting]})
    assert change.outcome.status is OutcomeStatus.UNHEALTHY
    assert change.outcome.health_checks == (waiting,)
    assert 900.0 <= change.context.seconds < 1000.0
