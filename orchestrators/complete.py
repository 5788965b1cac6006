"""Every operation needs its lock and is completed: its outcome is written, its lock released, and people are notified."""

from dataclasses import dataclass
from typing import Any

from activities.records import close_operation
from dormouse import serialization
from dormouse.environments.operations import Completion
from dormouse.environments.results import Outcome
from dormouse.ids import verb_of
from dormouse.notifications.notification import end_of_operation
from orchestrators.durable import LONG_RETRY, Context, Orchestration, RetriesExhausted, run
from orchestrators.lock_check import lost_lock
from orchestrators.notify import notify
from orchestrators.progress import ProgressTracker


@dataclass(frozen=True, slots=True)
class CompletionDetails:
    """The outcome of an operation, and whether to delete the record of its environment."""

    outcome: Outcome
    forget: bool = False


def run_operation(
    context: Context, operation: str, environment: str, tracker: ProgressTracker, work: Orchestration[Outcome]
) -> Orchestration[Any]:
    """Do the work of an operation if it still holds its lock, and complete it, also if the work ends without an answer."""
    try:
        outcome = (yield from lost_lock(context, operation, environment)) or (yield from work)
    except RetriesExhausted as gave_up:
        outcome = Outcome.failed([gave_up.refusal])
    return (yield from complete(context, operation, environment, tracker, CompletionDetails(outcome)))


def complete(
    context: Context, operation: str, environment: str, tracker: ProgressTracker, details: CompletionDetails
) -> Orchestration[Any]:
    """Write the outcome, release the lock, notify people if configured, and return the outcome."""
    tracker.close()
    closing = Completion(
        operation=operation,
        environment=environment,
        outcome=details.outcome,
        began_at=tracker.began_at,
        ended_at=tracker.now,
        steps=tracker.reports,
        forget_environment=details.forget,
    )
    yield from run(context, close_operation, closing, LONG_RETRY)
    notification = end_of_operation(
        verb_of(operation), environment, details.outcome, context.current_utc_datetime.timestamp()
    )
    if notification:
        yield from notify(context, [notification])
    return serialization.encode(details.outcome)
