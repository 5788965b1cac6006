"""Azure requests in parallel, each followed to its end, and the result of a task: a value, a failure, or a refused read."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from activities.operations import poll_operation
from activities.resources.generic import delete_resource, observe_resource
from dormouse import serialization
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.results import Refusal, RefusalReason, RefusedRead, ResourceStatus
from dormouse.resources.plan import Resource
from orchestrators.durable import (
    POLL_SECONDS,
    Orchestration,
    RetriesExhausted,
    TaskFailed,
    poll,
    poll_all,
    run,
    run_each,
    settled,
)
from tests.unit.durable import DurableContext, Story

URL = "https://management.azure.com/operations/"
FORBIDDEN = Refused(Refusal(RefusalReason.FORBIDDEN, "no"))
Answers = dict[str, list[Answer | OSError]]


def resource(name: str) -> Resource:
    return Resource(name, "disk", f"/{name}")


def said(answers: Answers, key_of: Callable[[Any], str]) -> Callable[[Any], Answer]:
    """What an activity answers to each request, call by call; the last answer stays."""

    def answer(request: Any) -> Answer:
        left = answers[key_of(request)]
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, OSError):
            raise found
        return found

    return answer


def context(begun: Answers, polled: Answers | None = None) -> DurableContext:
    """A context in which deletions are answered by the name of the resource, and polls by the last part of the URL."""
    return DurableContext(
        {
            delete_resource: said(begun, lambda request: str(request.name)),
            poll_operation: said(polled or {}, lambda request: str(request.url.removeprefix(URL))),
        }
    )


def all_of(there: DurableContext, *names: str, within: timedelta = timedelta(minutes=45)) -> list[Any]:
    found: list[Any] = there.run(poll_all(there, delete_resource, [resource(name) for name in names], within))
    return found


def test_requests_are_made_at_once_and_the_answers_keep_their_order() -> None:
    there = context({"a": [Done()], "b": [FORBIDDEN], "c": [Done({"x": "y"})]})
    assert all_of(there, "a", "b", "c") == [Done(), FORBIDDEN, Done({"x": "y"})]
    assert (there.times(delete_resource), there.seconds) == ([0.0, 0.0, 0.0], 0.0)


def test_no_requests_have_no_answers() -> None:
    assert all_of(context({})) == []


def test_a_pending_request_with_a_url_is_polled_there_and_not_made_again() -> None:
    polled: Answers = {"1": [Pending(4.0, f"{URL}1"), Pending(4.0, f"{URL}2")], "2": [Done()]}
    there = context({"a": [Pending(4.0, f"{URL}1")], "b": [Done()]}, polled)
    assert all_of(there, "a", "b") == [Done(), Done()]
    assert [request.name for request in there.requests(delete_resource)] == ["a", "b"]
    assert [request.url for request in there.requests(poll_operation)] == [f"{URL}1", f"{URL}1", f"{URL}2"]
    assert there.times(poll_operation) == [4.0, 8.0, 12.0]


def test_a_pending_request_without_a_url_is_made_again() -> None:
    there = context({"a": [Pending(5.0), Pending(5.0), Done()], "b": [Done()]})
    assert all_of(there, "a", "b") == [Done(), Done()]
    assert [request.name for request in there.requests(delete_resource)] == ["a", "b", "a", "a"]


def test_requests_are_waited_for_in_parallel() -> None:
    names = [f"n{number}" for number in range(10)]
    polled: Answers = {name: [*[Pending(4.0, URL + name)] * 5, Done()] for name in names}
    there = context({name: [Pending(4.0, URL + name)] for name in names}, polled)
    assert all_of(there, *names) == [Done()] * 10
    assert there.seconds == 24.0


def test_one_that_has_ended_is_not_polled_any_more() -> None:
    there = context({"a": [Pending(4.0, f"{URL}a")], "b": [Pending(4.0, f"{URL}b")]}, {
        "a": [FORBIDDEN], "b": [Pending(4.0, f"{URL}b"), Done()],
    })  # fmt: skip
    assert all_of(there, "a", "b") == [FORBIDDEN, Done()]
    assert [request.url.removeprefix(URL) for request in there.requests(poll_operation)] == ["a", "b", "b"]


def test_a_request_that_failed_in_all_attempts_is_refused_and_the_others_go_on() -> None:
    there = context({"a": [OSError("connection refused\ntraceback")], "b": [Pending(4.0, f"{URL}b")]}, {"b": [Done()]})
    first, second = all_of(there, "a", "b")
    assert first == Refused(Refusal(RefusalReason.GAVE_UP, "connection refused"))
    assert second == Done()


def test_a_poll_that_failed_in_all_attempts_is_refused() -> None:
    there = context({"a": [Pending(4.0, f"{URL}a")]}, {"a": [OSError("connection refused")]})
    (answer,) = all_of(there, "a")
    assert answer == Refused(Refusal(RefusalReason.GAVE_UP, "connection refused"))


def test_what_does_not_end_in_time_is_refused_and_what_has_ended_keeps_its_answer() -> None:
    there = context({"a": [Pending(60.0, f"{URL}a")], "b": [Pending(5.0)], "c": [Done()]}, {"a": [Pending(60.0, f"{URL}a")]})
    answers = all_of(there, "a", "b", "c", within=timedelta(minutes=5))
    late = Refused(Refusal(RefusalReason.GAVE_UP, "Azure did not finish within 5 minutes."))
    assert answers == [late, late, Done()]
    assert 300.0 <= there.seconds < 400.0


def test_polls_become_rarer_with_time_and_a_throttled_one_waits_in_full() -> None:
    there = context({"a": [Pending(30.0, f"{URL}a")]}, {"a": [*[Pending(30.0, f"{URL}a")] * 20, Done()]})
    all_of(there, "a")
    times = [0.0, *there.times(poll_operation)]
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses[0] == POLL_SECONDS
    assert pauses == sorted(pauses)
    assert max(pauses) <= 30.0
    throttled = context({"a": [Pending(90.0, held_up=True), Done()]})
    all_of(throttled, "a")
    assert throttled.times(delete_resource) == [0.0, 90.0]


def test_a_single_request_raises_what_many_requests_return() -> None:
    there = context({"a": [OSError("connection refused")]})
    with pytest.raises(RetriesExhausted, match="connection refused"):
        there.run(poll(there, delete_resource, resource("a")))


def test_after_a_failure_the_siblings_are_still_waited_for() -> None:
    there = context({"a": [OSError("no")], "b": [Done()]})
    there.seconds_of = lambda name, request: 60.0 if request.name == "b" else 1.0
    first, second = there.run(run_each(there, [(delete_resource, resource(name)) for name in "ab"]))
    assert isinstance(first, RetriesExhausted)
    assert (second, there.seconds) == (Done(), 60.0)


@pytest.mark.parametrize("accepted", [True, False])
def test_a_cancellation_ends_only_a_request_that_azure_has_not_accepted(accepted: bool) -> None:
    begun: Answers = {"a": [Pending(60.0, f"{URL}a") if accepted else Pending(60.0), Done()]}
    there = context(begun, {"a": [Pending(60.0, f"{URL}a"), Done()]})
    there.events = {"cancel": (7.0, None)}

    def story() -> Story:
        cancel = there.wait_for_external_event("cancel")
        return (yield from poll(there, delete_resource, resource("a"), cancel=cancel))

    answer = there.run(story())
    cancelled = Refused(Refusal(RefusalReason.CANCELLED, "This step was not started."))
    assert answer == (Done() if accepted else cancelled)
    assert len(there.requests(delete_resource)) == 1


NO_RIGHT = Refusal(RefusalReason.FORBIDDEN, "no right", "AuthorizationFailed", azure=True)
REFUSED_READ = serialization.encode(RefusedRead(NO_RIGHT))
FAILED = Exception("Activity function 'observe_resource' failed: CloudUnavailable \n at line 1 \n at line 2")
OBSERVED = serialization.encode(ResourceStatus("group", exists=True))


class Tasks:
    """A durable context whose tasks end like this, in the order in which they are scheduled."""

    def __init__(self, *ends: Any) -> None:
        self._ends = iter(ends)

    def call_activity_with_retry(self, *_: Any) -> Any:
        return next(self._ends)

    def task_all(self, tasks: list[Any]) -> Any:
        return next((task for task in tasks if isinstance(task, Exception)), tasks)


def driven(orchestration: Orchestration[Any]) -> Any:
    """What an orchestration returns."""
    try:
        task = next(orchestration)
        while True:
            task = orchestration.throw(task) if isinstance(task, Exception) else orchestration.send(task)
    except StopIteration as ended:
        return ended.value


def run_with(end: Any) -> Any:
    """The result of an activity whose task ends like this."""
    context: Any = Tasks(end)
    return driven(run(context, observe_resource, resource("vm")))


def test_a_task_that_failed_is_a_value_with_the_first_line_of_what_was_said() -> None:
    assert driven(settled(OBSERVED)) == OBSERVED
    assert driven(settled(FAILED)) == TaskFailed("Activity function 'observe_resource' failed: CloudUnavailable")


def test_the_result_of_an_activity_has_its_type() -> None:
    assert run_with(OBSERVED) == ResourceStatus("group", exists=True)


def test_an_activity_that_failed_in_all_attempts_has_given_up() -> None:
    with pytest.raises(RetriesExhausted, match="CloudUnavailable") as gave_up:
        run_with(FAILED)
    assert (gave_up.value.refusal.reason, gave_up.value.refused) == (RefusalReason.GAVE_UP, False)


def test_a_refused_read_keeps_its_reason_and_azures_words() -> None:
    with pytest.raises(RetriesExhausted, match="no right") as refused:
        run_with(REFUSED_READ)
    assert (refused.value.refusal, refused.value.refused) == (NO_RIGHT, True)


def test_one_activity_that_fails_or_is_refused_hides_no_result_of_the_others() -> None:
    context: Any = Tasks(FAILED, OBSERVED, REFUSED_READ)
    failed, done, refused = driven(run_each(context, [(observe_resource, resource("vm"))] * 3))
    assert done == ResourceStatus("group", exists=True)
    assert isinstance(failed, RetriesExhausted)
    assert isinstance(refused, RetriesExhausted)
    assert (failed.refused, refused.refused) == (False, True)
