"""Durable Functions primitives: run, fan out, poll, sleep, cancel."""

import json
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import cache
from typing import Any, TypeAlias, TypeVar, get_type_hints

import azure.durable_functions as df

from activities.operations import poll_operation
from dormouse import serialization
from dormouse.environments.answers import Answer, Checked, Done, Pending, Refused
from dormouse.environments.operations import Cancellation
from dormouse.environments.requests import PollRequest
from dormouse.environments.results import Refusal, RefusalReason, RefusedRead
from dormouse.resources.plan import Resource

T = TypeVar("T")
Ended: TypeAlias = Done | Checked | Refused
Context: TypeAlias = df.DurableOrchestrationContext
Orchestration = Generator[Any, Any, T]
Activity = Callable[[Any, Any], Awaitable[T]]

# The SDK sends no back-off coefficient to the host: retries are evenly spaced.
TRANSIENT = df.RetryOptions(5_000, 24)
LONG_RETRY = df.RetryOptions(15_000, 240)

LONGEST_OPERATION = timedelta(minutes=45)
POLL_SECONDS = 5.0  # Compute allows 15 polls per minute and operation
CANCEL = "cancel"
REFUSED_READ = {field.name for field in fields(RefusedRead)}


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """How a task has failed, in the words of Durable Functions."""

    detail: str


class RetriesExhausted(Exception):
    """An activity has no result: it failed in all of its attempts, or Azure rejected a read and a retry would not help."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal

    @property
    def refused(self) -> bool:
        """Whether Azure rejected a read, so that there were no retries."""
        return self.refusal.reason is not RefusalReason.GAVE_UP


def began_before(context: Context, version: str) -> bool:
    """Whether the orchestration was started by a release before this version, which has numbers only (`1.2`).

    An orchestration keeps the version of its start (`defaultVersion` in host.json); one without a version is the oldest.
    """
    return _numbers(context.version) < _numbers(version)


def _numbers(version: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if version else ()


def run(context: Context, activity: Activity[T], request: Any, retries: df.RetryOptions = TRANSIENT) -> Orchestration[T]:
    """Run an activity, with retries; raises RetriesExhausted when all attempts failed, or at once for a refused read."""
    return (yield from _result_of(activity, _call(context, activity, request, retries)))


def run_all(context: Context, requests: Sequence[tuple[Activity[T], Any]]) -> Orchestration[list[T]]:
    """Run activities in parallel and wait for all; raises RetriesExhausted if one failed in all attempts."""
    answers = yield from run_each(context, requests)
    for answer in answers:
        if isinstance(answer, RetriesExhausted):
            raise answer
    return [answer for answer in answers if not isinstance(answer, RetriesExhausted)]


def run_each(
    context: Context, requests: Sequence[tuple[Activity[T], Any]], retries: df.RetryOptions = TRANSIENT
) -> Orchestration[list[T | RetriesExhausted]]:
    """Run activities in parallel and wait for all; returns the result or the RetriesExhausted of each."""
    if not requests:
        return []
    tasks = [_call(context, activity, request, retries) for activity, request in requests]
    yield from settled(context.task_all(tasks))
    answers: list[T | RetriesExhausted] = []
    for (activity, _), task in zip(requests, tasks, strict=True):
        try:
            answers.append((yield from _result_of(activity, task)))
        except RetriesExhausted as gave_up:
            answers.append(gave_up)
    return answers


def settled(task: Any) -> Orchestration[Any]:
    """Wait for a task, and return its result, or TaskFailed instead of raising.

    `task_all` fails with the first of its tasks: each of them is then awaited again, which does not schedule it again.
    """
    try:
        return (yield task)
    except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception with text, whatever the task has raised
        return TaskFailed(str(error).strip().partition("\n")[0].rstrip())


def begin_apart(context: Context, tasks: Sequence[Any]) -> Orchestration[None]:
    """Begin sub-orchestrations without waiting for their ends: the SDK schedules tasks only when something is awaited."""
    if tasks:
        yield context.task_any([*tasks, context.create_timer(context.current_utc_datetime)])


def poll(
    context: Context,
    begin: Activity[Answer | Checked],
    request: Any,
    *,
    ask: Activity[Any] = poll_operation,
    probed: Resource | None = None,
    cancel: Any = None,
    within: timedelta = LONGEST_OPERATION,
    repetition: Any = None,
) -> Orchestration[Ended]:
    """Make an Azure request and poll it until it ends, with durable timers that block no thread.

    After `cancel`, a request that Azure accepted is still polled until it ends; one that it did not accept is not repeated.
    `repetition` is made once, if Azure accepted the request and it failed for a reason for which that helps (None: never).
    """
    began = context.current_utc_datetime
    answer: Answer | Checked = yield from run(context, begin, request)
    while isinstance(answer, Pending):
        if context.current_utc_datetime >= began + within:
            return Refused(_too_late(within))
        if answer.url:
            yield from sleep(context, _pause(answer, (context.current_utc_datetime - began).total_seconds()))
            answer = yield from run(context, ask, PollRequest(answer.url, probed, may_repeat=repetition is not None))
            if isinstance(answer, Pending) and answer.repeats:
                request, repetition = repetition, None
        else:
            yield from sleep(context, answer.retry_after, cancel)
            if is_cancelled(cancel):
                return Refused(Refusal(RefusalReason.CANCELLED, "This step was not started."))
            answer = yield from run(context, begin, request)
    return answer


def poll_to_end(context: Context, begin: Activity[Answer], request: Any, **options: Any) -> Orchestration[Ended]:
    """Poll like `poll`; a request that failed in all attempts is refused, too."""
    try:
        return (yield from poll(context, begin, request, **options))
    except RetriesExhausted as gave_up:
        return Refused(gave_up.refusal)


def poll_all(
    context: Context, begin: Activity[Answer], requests: Sequence[Any], within: timedelta = LONGEST_OPERATION
) -> Orchestration[list[Ended]]:
    """Make Azure requests in parallel and poll each until it ends; a request that failed in all attempts is refused."""
    began = context.current_utc_datetime
    answers: list[Answer] = [Pending(0.0)] * len(requests)
    while waiting := [place for place, answer in enumerate(answers) if isinstance(answer, Pending)]:
        calls = [_next_call(answers[place], begin, requests[place]) for place in waiting]
        found = yield from run_each(context, calls)
        for place, answer in zip(waiting, found, strict=True):
            answers[place] = Refused(answer.refusal) if isinstance(answer, RetriesExhausted) else answer
        pending = [answer for answer in answers if isinstance(answer, Pending)]
        if context.current_utc_datetime >= began + within:
            return [Refused(_too_late(within)) if isinstance(answer, Pending) else answer for answer in answers]
        if pending:
            waited = (context.current_utc_datetime - began).total_seconds()
            yield from sleep(context, max(_pause(answer, waited) for answer in pending))
    return [answer for answer in answers if not isinstance(answer, Pending)]


def _next_call(answer: Answer, begin: Activity[Answer], request: Any) -> tuple[Activity[Any], Any]:
    """Poll where Azure said, or make the request, again if it was not accepted."""
    return (poll_operation, PollRequest(answer.url)) if isinstance(answer, Pending) and answer.url else (begin, request)


def _pause(answer: Pending, waited: float) -> float:
    """The seconds until the next poll: Azure's Retry-After, but at most a tenth of the time since the start.

    Azure's first responses say up to 30 seconds for operations that take 20 (recorded). Retry-After of a 429 is honoured.
    """
    return answer.retry_after if answer.held_up else min(answer.retry_after, max(POLL_SECONDS, waited / 10))


def _too_late(within: timedelta) -> Refusal:
    return Refusal(RefusalReason.GAVE_UP, f"Azure did not finish within {within.total_seconds() / 60:.0f} minutes.")


def sleep(context: Context, seconds: float, cancel: Any = None) -> Orchestration[None]:
    """Sleep with a durable timer, at most until `cancel` is raised."""
    if is_cancelled(cancel):
        return
    alarm = context.create_timer(context.current_utc_datetime + timedelta(seconds=seconds))
    yield alarm if cancel is None else context.task_any([alarm, cancel])
    if is_cancelled(cancel) and not alarm.is_completed:
        alarm.cancel()


def listen_for_cancellation(context: Context) -> Orchestration[Any]:
    """A task that completes when the operation is cancelled; see `is_cancelled`."""
    cancel = context.wait_for_external_event(CANCEL)
    # An event is only received after the task was yielded once.
    yield context.task_any([cancel, context.create_timer(context.current_utc_datetime)])
    return cancel


def is_cancelled(cancel: Any) -> bool:
    """Whether the operation was cancelled."""
    return cancel is not None and bool(cancel.is_completed)


def cancelled_by(cancel: Any) -> str:
    """Who cancelled the operation; event data sent by a client arrives as JSON text."""
    told = cancel.result
    return serialization.decode(Cancellation, json.loads(told) if isinstance(told, str) else told).by


def refusal_in(answer: Ended, step: str) -> Refusal | None:
    """The refusal in an answer, with the name of its step, or None."""
    return replace(answer.refusal, step=step) if isinstance(answer, Refused) else None


def _call(context: Context, activity: Activity[Any], request: Any, retries: df.RetryOptions) -> Any:
    return context.call_activity_with_retry(activity.__name__, retries, serialization.encode(request))


def _result_of(activity: Activity[T], task: Any) -> Orchestration[T]:
    answer = yield from settled(task)
    if isinstance(answer, TaskFailed):
        raise RetriesExhausted(Refusal(RefusalReason.GAVE_UP, answer.detail))
    if isinstance(answer, dict) and answer.keys() == REFUSED_READ:
        raise RetriesExhausted(serialization.decode(RefusedRead, answer).refused_by_azure)
    return serialization.decode(_result_type(activity), answer)  # type: ignore[no-any-return]


@cache
def _result_type(activity: Activity[Any]) -> Any:
    return get_type_hints(activity)["return"]
