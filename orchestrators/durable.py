"""Durable Functions primitives: run, fan out, poll, sleep, cancel."""

import contextlib
import json
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any, TypeAlias, TypeVar, get_type_hints

import azure.durable_functions as df

from activities.operations import poll_operation
from dormouse import serialization
from dormouse.environments.operations import Cancellation, PollRequest
from dormouse.environments.results import Progress, Refusal, RefusalReason, Stage
from dormouse.resources.plan import PlannedMachine

T = TypeVar("T")
Context: TypeAlias = df.DurableOrchestrationContext
Orchestration = Generator[Any, Any, T]
Activity = Callable[[Any, Any], Awaitable[T]]

# The SDK sends no back-off coefficient to the host: retries are evenly spaced.
TRANSIENT = df.RetryOptions(5_000, 24)
LONG_RETRY = df.RetryOptions(15_000, 240)

LONGEST_OPERATION = timedelta(minutes=45)
POLL_SECONDS = 5.0  # Compute allows 15 polls per minute and operation
CANCEL = "cancel"


class RetriesExhausted(Exception):
    """An activity failed in all of its attempts."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


def run(context: Context, activity: Activity[T], request: Any, retries: df.RetryOptions = TRANSIENT) -> Orchestration[T]:
    """Run an activity, with retries; raises RetriesExhausted when all attempts failed."""
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
    with contextlib.suppress(Exception):  # handled below for each task
        yield context.task_all(tasks)
    answers: list[T | RetriesExhausted] = []
    for (activity, _), task in zip(requests, tasks, strict=True):
        try:
            # The tasks were scheduled by task_all; yielding one again only waits for it.
            answers.append((yield from _result_of(activity, task)))
        except RetriesExhausted as gave_up:
            answers.append(gave_up)
    return answers


def poll(
    context: Context,
    begin: Activity[Progress],
    request: Any,
    *,
    ask: Activity[Progress] = poll_operation,
    machine: PlannedMachine | None = None,
    cancel: Any = None,
) -> Orchestration[Progress]:
    """Make an Azure request and poll it until it ends, with durable timers that block no thread.

    After `cancel`, a request that Azure accepted is still polled until it ends; one that it did not accept is not repeated.
    """
    began = context.current_utc_datetime
    deadline = began + LONGEST_OPERATION
    progress = yield from run(context, begin, request)
    while progress.stage is Stage.WAITING:
        if context.current_utc_datetime >= deadline:
            detail = f"Azure did not finish within {LONGEST_OPERATION.total_seconds() / 60:.0f} minutes."
            return Progress.refused(Refusal(RefusalReason.GAVE_UP, detail))
        if progress.url:
            yield from sleep(context, _pause(progress, (context.current_utc_datetime - began).total_seconds()))
            progress = yield from run(context, ask, PollRequest(progress.url, machine))
        else:
            yield from sleep(context, progress.retry_after, cancel)
            if is_cancelled(cancel):
                return Progress.refused(Refusal(RefusalReason.CANCELLED, "This step was not started."))
            progress = yield from run(context, begin, request)
    return progress


def _pause(progress: Progress, waited: float) -> float:
    """The seconds until the next poll: Azure's Retry-After, but at most a tenth of the time since the start.

    Azure's first responses say up to 30 seconds for operations that take 20 (recorded). Retry-After of a 429 is honoured.
    """
    return progress.retry_after if progress.held_up else min(progress.retry_after, max(POLL_SECONDS, waited / 10))


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


def refusal_in(progress: Progress, step: str) -> Refusal | None:
    """The refusal in a progress, with the name of its step, or None."""
    said = progress.refusal
    return None if said is None else replace(said, step=step)


def _call(context: Context, activity: Activity[Any], request: Any, retries: df.RetryOptions) -> Any:
    return context.call_activity_with_retry(activity.__name__, retries, serialization.encode(request))


def _result_of(activity: Activity[T], task: Any) -> Orchestration[T]:
    try:
        answer = yield task
    except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception when the retries are used up
        raise RetriesExhausted(_refusal_of(error)) from None
    return serialization.decode(_result_type(activity), answer)  # type: ignore[no-any-return]


def _refusal_of(error: Exception) -> Refusal:
    first_line = str(error).strip().partition("\n")[0]
    return Refusal(RefusalReason.GAVE_UP, first_line)


@cache
def _result_type(activity: Activity[Any]) -> Any:
    return get_type_hints(activity)["return"]
