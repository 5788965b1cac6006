"""Hibernation of environments: what is verified, and what is done with a machine that does not hibernate."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from activities.notifications import send_notifications
from activities.operations import poll_operation
from activities.records import close_operation, holds_lock
from activities.resources.generic import change_resource_power, observe_resource, resume_resource, suspend_resource
from dormouse import serialization
from dormouse.environments.answers import Answer, Done, Refused
from dormouse.environments.operations import PowerChange
from dormouse.environments.requests import PowerRequest
from dormouse.environments.results import Outcome, OutcomeStatus, Refusal, RefusalReason, ResourceStatus
from dormouse.lifecycle import State, Verb
from dormouse.notifications.notification import Delivery
from dormouse.resources.plan import Resource
from orchestrators.environments.hibernate import LOOKS, hibernate_environment
from tests.unit.builders import ULID
from tests.unit.durable import DurableContext
from tests.unit.orchestrators.test_power import vm

REFUSED = Refused(Refusal(RefusalReason.CONFLICT, "it is not set up", "VMHibernateNotSupported", azure=True))
ASLEEP, LOST, AWAKE = (State.STOPPED, True), (State.STOPPED, False), (State.RUNNING, False)
Shown = tuple[State, bool]


class Night:
    """A hibernation that was carried out; what Azure shows of each machine, one look after the other."""

    def __init__(
        self,
        *,
        shown: Mapping[str, Sequence[Shown]],
        refused: Sequence[str] = (),
        deallocates: bool = False,
        resources: Sequence[Resource] | None = None,
        only: tuple[str, ...] = (),
    ) -> None:
        self._refused, self.stopped = refused, set[str]()
        self._looks: dict[str, Iterator[Shown]] = {name: iter(states) for name, states in shown.items()}
        self._last = {name: states[-1] for name, states in shown.items()}
        request = PowerChange(
            f"ml1-hibernate-{ULID}",
            "ml1",
            Verb.HIBERNATE,
            tuple(resources or [vm(name) for name in shown]),
            only=only,
            deallocates=deallocates,
        )
        self.context = DurableContext(
            {
                holds_lock: lambda _: True,
                change_resource_power: self._change,
                poll_operation: lambda _: Done(),
                observe_resource: self._status,
                suspend_resource: lambda _: Done(),
                resume_resource: lambda _: Done(),
                close_operation: lambda _: "",
                send_notifications: lambda _: Delivery(),
            },
            request=request,
        )
        self.outcome = serialization.decode(Outcome, self.context.run(hibernate_environment(self.context)))

    def _change(self, request: PowerRequest) -> Answer:
        if not request.hibernate:
            self.stopped.add(request.resource.name)
            return Done()
        return REFUSED if request.resource.name in self._refused else Done()

    def _status(self, resource: Resource) -> ResourceStatus:
        state, hibernated = next(self._looks[resource.name], self._last[resource.name])
        if resource.name in self.stopped:
            state, hibernated = LOST
        return ResourceStatus(resource.name, True, state=state, hibernated=hibernated)

    @property
    def asked(self) -> list[tuple[str, Verb, bool]]:
        requests = self.context.requests(change_resource_power)
        return [(request.resource.name, request.verb, request.hibernate) for request in requests]

    @property
    def steps(self) -> list[tuple[str, str]]:
        (closing,) = self.context.requests(close_operation)
        return [(step.name, step.state) for step in closing.steps]

    @property
    def events(self) -> list[str]:
        return [request.notification.event for request in self.context.requests(send_notifications)]


def test_a_hibernation_is_a_stop_that_keeps_the_memory_and_is_verified() -> None:
    night = Night(shown={"vm": [ASLEEP]})
    assert night.outcome.status is OutcomeStatus.SUCCEEDED
    assert night.outcome.reason.startswith("ml1 is hibernated, as confirmed by Azure: its memory is kept")
    assert night.asked == [("vm", Verb.STOP, True)]
    assert night.steps == [("hibernate vm", "done"), ("verify", "done")]
    assert night.events == []


@pytest.mark.parametrize("deallocates", [False, True])
def test_a_refused_hibernation_leaves_the_machine_running_unless_it_is_declared_otherwise(*, deallocates: bool) -> None:
    night = Night(shown={"vm": [AWAKE]}, refused=["vm"], deallocates=deallocates)
    assert "it is not set up (VMHibernateNotSupported)" in night.outcome.reason
    assert night.outcome.refusals[0].code == "VMHibernateNotSupported"
    assert night.stopped == ({"vm"} if deallocates else set())
    if deallocates:
        assert night.outcome.status is OutcomeStatus.SUCCEEDED
        assert "is stopped, as confirmed by Azure, but its memory was not kept" in night.outcome.reason
        assert night.events == ["stopped, not hibernated"]
        assert [name for name, _ in night.steps] == ["hibernate vm", "verify", "stop vm", "verify stop"]
    else:
        assert night.outcome.status is OutcomeStatus.FAILED
        assert "It was not stopped without its memory: vm is running." in night.outcome.reason
        assert night.events == ["hibernate failed"]


def test_a_machine_that_hibernates_although_the_answer_was_a_refusal_is_left_alone() -> None:
    # The first response was lost, and the request that followed found the machine on its way.
    night = Night(shown={"vm": [(State.STOPPING, False), ASLEEP]}, refused=["vm"], deallocates=True)
    assert (night.outcome.status, night.stopped) == (OutcomeStatus.SUCCEEDED, set())
    assert "is hibernated" in night.outcome.reason


@pytest.mark.parametrize("state", [State.UNKNOWN, State.STARTING, State.STOPPED_BILLED, State.ABSENT])
def test_a_machine_whose_state_is_not_known_to_be_running_is_never_deallocated_instead(state: State) -> None:
    night = Night(shown={"vm": [(state, False)]}, refused=["vm"], deallocates=True)
    assert (night.outcome.status, night.stopped) == (OutcomeStatus.FAILED, set())
    assert f"vm is {state}" in night.outcome.reason


def test_only_the_machines_that_still_run_are_deallocated_instead() -> None:
    night = Night(shown={"a": [AWAKE], "b": [ASLEEP]}, refused=["a"], deallocates=True)
    assert (night.outcome.status, night.stopped) == (OutcomeStatus.SUCCEEDED, {"a"})


def test_a_stopped_machine_that_azure_does_not_show_as_hibernated_has_lost_its_memory() -> None:
    for deallocates, status in ((False, OutcomeStatus.FAILED), (True, OutcomeStatus.SUCCEEDED)):
        night = Night(shown={"vm": [LOST]}, deallocates=deallocates)
        assert (night.outcome.status, night.stopped) == (status, set())
        assert "shows vm as stopped, and not as hibernated" in night.outcome.reason


def test_a_machine_that_azure_reports_as_hibernated_and_shows_as_running_is_looked_at_again_before_anything_is_done() -> (
    None
):
    night = Night(shown={"vm": [AWAKE, AWAKE, ASLEEP]})
    assert night.outcome.status is OutcomeStatus.SUCCEEDED
    never = Night(shown={"vm": [AWAKE]})
    assert (never.outcome.status, len(never.context.requests(observe_resource))) == (OutcomeStatus.FAILED, LOOKS)


def test_agents_leave_their_pool_before_and_come_back_if_the_machine_stays() -> None:
    agent = Resource("agent", "pipelines_agent", "pipelines/contoso/gpu/a", needs=("vm",))
    night = Night(shown={"vm": [AWAKE]}, refused=["vm"], resources=[vm("vm"), agent])
    order: list[Callable[..., object]] = [suspend_resource, resume_resource]
    assert [len(night.context.requests(activity)) for activity in order] == [1, 1]
    assert night.context.calls[1].activity == suspend_resource.__name__


def test_what_does_not_run_is_not_asked() -> None:
    night = Night(shown={"a": [ASLEEP], "b": [LOST]}, only=("a",))
    assert (night.outcome.status, night.asked) == (OutcomeStatus.SUCCEEDED, [("a", Verb.STOP, True)])


def test_a_deallocation_that_is_refused_too_is_reported_with_both_reasons() -> None:
    class Stuck(Night):
        def _change(self, request: PowerRequest) -> Answer:
            return REFUSED if request.hibernate else Refused(Refusal(RefusalReason.FORBIDDEN, "locked", "ScopeLocked"))

    night = Stuck(shown={"vm": [AWAKE]}, refused=["vm"], deallocates=True)
    assert night.outcome.status is OutcomeStatus.FAILED
    assert ("VMHibernateNotSupported" in night.outcome.reason, "ScopeLocked" in night.outcome.reason) == (True, True)
