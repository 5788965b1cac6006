"""The few words orchestrators are written in."""

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

# The SDK sends no back-off to the host: tries are evenly spaced.
TRANSIENT = df.RetryOptions(5_000, 24)
LONG_RETRY = df.RetryOptions(15_000, 240)

LONGEST_OPERATION = timedelta(minutes=45)
POLL_SECONDS = 5.0  # seconds; Compute allows 15 polls a minute of one operation
CANCEL = "cancel"


class RetriesExhausted(Exception):
    """An activity went on failing until its tries were used up."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


def run(context: Context, activity: Activity[T], request: Any, retries: df.RetryOptions = TRANSIENT) -> Orchestration[T]:
    """Run an activity, again while it raises; raises RetriesExhausted when its tries are used up."""
    return (yield from _answered(activity, _call(context, activity, request, retries)))


def run_all(context: Context, requests: Sequence[tuple[Activity[T], Any]]) -> Orchestration[list[T]]:
    """Run activities side by side and wait for every one of them; raises RetriesExhausted if one of them gave up."""
    answers = yield from run_each(context, requests)
    for answer in answers:
        if isinstance(answer, RetriesExhausted):
            raise answer
    return [answer for answer in answers if not isinstance(answer, RetriesExhausted)]


def run_each(
    context: Context, requests: Sequence[tuple[Activity[T], Any]], retries: df.RetryOptions = TRANSIENT
) -> Orchestration[list[T | RetriesExhausted]]:
    """Run activities side by side and wait for every one of them; the answer of each, or how it gave up."""
    if not requests:
        return []
    tasks = [_call(context, activity, request, retries) for activity, request in requests]
    with contextlib.suppress(Exception):  # told apart below, task by task
        yield context.task_all(tasks)
    answers: list[T | RetriesExhausted] = []
    for (activity, _), task in zip(requests, tasks, strict=True):
        try:
            # Each task has been waited for already, if only until the first failed: nothing is scheduled twice.
            answers.append((yield from _answered(activity, task)))
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
    """Make a request of Azure and follow it to its end, sleeping durably in between: no thread waits.

    What Azure has accepted is followed to its end even if `cancel` is heard; what it has not is not asked for again.
    """
    began = context.current_utc_datetime
    deadline = began + LONGEST_OPERATION
    progress = yield from run(context, begin, request)
    while progress.stage is Stage.WAITING:
        if context.current_utc_datetime >= deadline:
            detail = f"Azure has not finished within {LONGEST_OPERATION.total_seconds() / 60:.0f} minutes."
            return Progress.refused(Refusal(RefusalReason.GAVE_UP, detail))
        if progress.url:
            yield from sleep(context, _pause(progress, (context.current_utc_datetime - began).total_seconds()))
            progress = yield from run(context, ask, PollRequest(progress.url, machine))
        else:
            yield from sleep(context, progress.retry_after, cancel)
            if is_cancelled(cancel):
                return Progress.refused(Refusal(RefusalReason.CANCELLED, "It was not begun."))
            progress = yield from run(context, begin, request)
    return progress


def _pause(progress: Progress, waited: float) -> float:
    """The seconds until an operation is asked for again: what Azure says, but no more than a tenth of what it has taken.

    Azure's first answers say up to 30 seconds for what takes 20 (recorded). Who asks too much is told by 429, and obeys.
    """
    return progress.retry_after if progress.held_up else min(progress.retry_after, max(POLL_SECONDS, waited / 10))


def sleep(context: Context, seconds: float, cancel: Any = None) -> Orchestration[None]:
    """Sleep durably, but no longer than until `cancel` is heard."""
    if is_cancelled(cancel):
        return
    alarm = context.create_timer(context.current_utc_datetime + timedelta(seconds=seconds))
    yield alarm if cancel is None else context.task_any([alarm, cancel])
    if is_cancelled(cancel) and not alarm.is_completed:
        alarm.cancel()


def listen_for_cancellation(context: Context) -> Orchestration[Any]:
    """A task that ends when somebody cancels; see `is_cancelled`."""
    cancel = context.wait_for_external_event(CANCEL)
    # Only what has been waited for once is heard: wait for a moment.
    yield context.task_any([cancel, context.create_timer(context.current_utc_datetime)])
    return cancel


def is_cancelled(cancel: Any) -> bool:
    """Whether somebody has cancelled."""
    return cancel is not None and bool(cancel.is_completed)


def cancelled_by(cancel: Any) -> str:
    """Who has cancelled; what a client tells arrives as the text that it sent."""
    told = cancel.result
    return serialization.decode(Cancellation, json.loads(told) if isinstance(told, str) else told).by


def refusal_in(progress: Progress, step: str) -> Refusal | None:
    """The refusal of a step, if it was refused."""
    said = progress.refusal
    return None if said is None else replace(said, step=step)


def _call(context: Context, activity: Activity[Any], request: Any, retries: df.RetryOptions) -> Any:
    return context.call_activity_with_retry(activity.__name__, retries, serialization.encode(request))


def _answered(activity: Activity[T], task: Any) -> Orchestration[T]:
    try:
        answer = yield task
    except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception when the retries are used up
        raise RetriesExhausted(_gave_up(error)) from None
    return serialization.decode(_answer_type(activity), answer)  # type: ignore[no-any-return]


def _gave_up(error: Exception) -> Refusal:
    first_line = str(error).strip().partition("\n")[0]
    return Refusal(RefusalReason.GAVE_UP, first_line)


@cache
def _answer_type(activity: Activity[Any]) -> Any:
    return get_type_hints(activity)["return"]
