"""Resize: what is refused before anything changes, and what comes of a size that Azure rejects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from activities.notifications import send_notifications
from activities.operations import poll_operation
from activities.records import close_operation, holds_lock, write_environment
from activities.resources.generic import (
    begin_probe,
    change_resource_power,
    check_preflight,
    observe_resource,
    put_resource,
    read_probe,
)
from dormouse import serialization
from dormouse.blueprints.catalog import plan_for
from dormouse.environments.answers import Answer, Checked, Done, Pending, Refused
from dormouse.environments.operations import EnvironmentRecord, Resize
from dormouse.environments.requests import CheckRequest, PowerRequest, PutRequest
from dormouse.environments.results import (
    Check,
    HealthCheckResult,
    Outcome,
    OutcomeStatus,
    Refusal,
    RefusalReason,
    ResourceStatus,
)
from dormouse.lifecycle import State, Verb
from dormouse.notifications.notification import Delivery
from dormouse.resources.kinds import Difference
from dormouse.resources.plan import Resource
from orchestrators.environments.resize import resize_environment
from tests.unit.builders import ULID, environment_record, target, workstation_spec
from tests.unit.durable import DurableContext

SMALL, LARGE = "Standard_NV6ads_A10_v5", "Standard_NV12ads_A10_v5"
PASSED = HealthCheckResult("gpu", Check.PASSED, "A10")
NO = Refused(Refusal(RefusalReason.CONFLICT, "no", "OperationNotAllowed"))
AFTER = {Verb.START: State.RUNNING, Verb.STOP: State.STOPPED}


class Resizing:
    """A resize of a workstation that was carried out."""

    def __init__(
        self,
        state: State = State.RUNNING,
        *,
        restart: bool = True,
        puts: Sequence[Answer] = (),
        powers: Mapping[Verb, Sequence[Answer]] | None = None,
        differences: tuple[Difference, ...] = (),
        refusals: Sequence[Refusal] = (),
        exists: bool = True,
        locked: bool = True,
        before: str = SMALL,
        away: str = "",
    ) -> None:
        self._away = away
        self._state, self._puts, self._refusals = state, list(puts), list(refusals)
        self._powers = {verb: list(answers) for verb, answers in (powers or {}).items()}
        self._differences, self._exists = differences, exists
        plan = plan_for(workstation_spec(size=LARGE), target())
        resources = tuple(
            replace(one, before={"size": before}) if before and one.name == "vm" else one for one in plan.resources
        )
        record = environment_record(plan=plan)
        request = Resize(f"ml1-resize-{ULID}", replace(plan, resources=resources), record, LARGE, restart)
        self.context = DurableContext(
            {
                holds_lock: lambda _: locked,
                observe_resource: self._status,
                check_preflight: self._check,
                change_resource_power: self._power,
                put_resource: self._put,
                poll_operation: lambda _: Done(),
                write_environment: self._record,
                begin_probe: lambda _: Pending(4.0, "https://management.azure.com/operations/1"),
                read_probe: lambda _: Checked((PASSED,)),
                close_operation: lambda _: "",
                send_notifications: lambda _: Delivery(),
            },
            request=request,
        )
        self.outcome = serialization.decode(Outcome, self.context.run(resize_environment(self.context)))

    def _check(self, request: CheckRequest) -> list[Refusal]:
        if self._away == request.check:
            raise OSError("connection refused")
        return self._refusals if request.check == "sizes_can_be_had" else []

    def _record(self, _: EnvironmentRecord) -> str:
        if self._away == "records":
            raise OSError("connection refused")
        return ""

    def _status(self, resource: Resource) -> ResourceStatus:
        return ResourceStatus(resource.name, self._exists, state=self._state, differences=self._differences)

    def _power(self, request: PowerRequest) -> Answer:
        answers = self._powers.get(request.verb) or []
        answer = answers.pop(0) if answers else Done()
        self._state = AFTER[request.verb] if isinstance(answer, Done) else self._state
        return answer

    def _put(self, request: PutRequest) -> Answer:
        return self._puts.pop(0) if self._puts else Done()

    @property
    def story(self) -> list[str]:
        told: Mapping[str, Callable[[object], str]] = {
            change_resource_power.__name__: lambda request: str(getattr(request, "verb", "")),
            put_resource.__name__: lambda request: "back" if getattr(request, "revert", False) else "resize",
            write_environment.__name__: lambda _: "record",
        }
        return [told[call.activity](call.request) for call in self.context.calls if call.activity in told]


def test_what_runs_is_stopped_resized_and_started() -> None:
    resizing = Resizing()
    assert resizing.story == ["stop", "resize", "start", "record"]
    assert f"ml1 has the size {LARGE} now and is running" in resizing.outcome.reason


def test_what_is_stopped_is_only_resized() -> None:
    resizing = Resizing(State.STOPPED, restart=False)
    assert (resizing.story, resizing.outcome.status) == (["resize", "record"], OutcomeStatus.SUCCEEDED)


def test_a_size_that_was_changed_outside_is_only_recorded() -> None:
    resizing = Resizing(before="")
    assert (resizing.story, resizing.outcome.status) == (["record"], OutcomeStatus.SUCCEEDED)
    assert "had the size" in resizing.outcome.reason


def test_only_the_size_is_sent_and_no_secret_setup() -> None:
    (request,) = Resizing(State.STOPPED).context.requests(put_resource)
    assert (request.resource.name, request.update, request.resource.setup) == ("vm", True, None)


@pytest.mark.parametrize(
    ("state", "restart", "words"),
    [
        (State.RUNNING, False, "It is running, and the request did not allow a restart"),
        (State.STARTING, False, "It is starting"),
        (State.UNKNOWN, True, "It is unknown; retry later"),
        (State.STOPPING, True, "It is stopping; retry later"),
        (State.DELETING, True, "It is deleting; retry later"),
    ],
)
def test_a_machine_whose_state_changed_since_the_request_is_not_touched(state: State, restart: bool, words: str) -> None:
    resizing = Resizing(state, restart=restart)
    assert (resizing.outcome.status, resizing.story) == (OutcomeStatus.REFUSED, [])
    assert words in resizing.outcome.reason


@pytest.mark.parametrize(
    "more",
    [
        {"refusals": [Refusal(RefusalReason.QUOTA_EXCEEDED, "full")]},
        {"differences": (Difference("size", SMALL, LARGE, "no driver"),)},
        {"exists": False},
    ],
)
def test_what_azure_would_refuse_changes_nothing(more: dict[str, object]) -> None:
    resizing = Resizing(**more)  # type: ignore[arg-type]
    assert (resizing.outcome.status, resizing.story) == (OutcomeStatus.REFUSED, [])
    assert resizing.outcome.reason.startswith("Nothing was changed.")


def test_a_check_that_azure_does_not_answer_is_a_warning() -> None:
    resizing = Resizing(away="sizes_can_be_had")
    assert (resizing.story, resizing.outcome.status) == (["stop", "resize", "start", "record"], OutcomeStatus.SUCCEEDED)
    assert "Warning: Not checked before" in resizing.outcome.reason


def test_a_resize_that_ends_without_an_answer_says_that_its_result_is_unclear() -> None:
    resizing = Resizing(away="records")
    assert resizing.outcome.status is OutcomeStatus.FAILED
    assert "It is unclear whether it has the new size and runs" in resizing.outcome.reason


def test_without_the_lock_nothing_happens() -> None:
    assert Resizing(locked=False).story == []


def test_a_rejected_size_is_put_back_before_the_start() -> None:
    resizing = Resizing(puts=[NO])
    assert resizing.story == ["stop", "resize", "back", "start"]
    assert resizing.outcome.status is OutcomeStatus.FAILED
    assert "The old size was put back: ml1 is running again, and every health check passed." in resizing.outcome.reason


def test_a_size_without_capacity_is_put_back_and_started() -> None:
    resizing = Resizing(powers={Verb.START: [NO]})
    assert resizing.story == ["stop", "resize", "start", "back", "start"]
    assert "is running again" in resizing.outcome.reason


def test_a_failed_stop_changes_no_size_and_starts_what_ran() -> None:
    resizing = Resizing(powers={Verb.STOP: [NO]})
    assert resizing.story == ["stop", "start"]
    assert "Nothing was changed: ml1 is running again" in resizing.outcome.reason


def test_if_the_old_size_cannot_be_put_back_nothing_is_started_and_that_is_said() -> None:
    resizing = Resizing(puts=[NO, NO])
    assert resizing.story == ["stop", "resize", "back"]
    assert "The old size could not be put back" in resizing.outcome.reason


def test_if_the_start_fails_again_that_is_said() -> None:
    resizing = Resizing(powers={Verb.START: [NO, NO]})
    assert resizing.story == ["stop", "resize", "start", "back", "start"]
    assert "ml1 could not be started again." in resizing.outcome.reason
