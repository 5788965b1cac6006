"""The end of every operation: write the trail, release the lock, answer."""

from dataclasses import dataclass
from typing import Any

from activities.records import close_operation
from dormouse import serialization
from dormouse.environments.operations import Completion
from dormouse.environments.results import Outcome
from dormouse.ids import verb_of
from dormouse.notifications.notification import end_of_operation
from orchestrators.durable import LONG_RETRY, Context, Orchestration, run
from orchestrators.notify import notify
from orchestrators.progress import ProgressTracker


@dataclass(frozen=True, slots=True)
class CompletionDetails:
    """How an operation ended, and whether the environment is to be forgotten because nothing of it is left."""

    outcome: Outcome
    forget: bool = False


def complete(
    context: Context, operation: str, environment: str, board: ProgressTracker, ending: CompletionDetails
) -> Orchestration[Any]:
    """Write the outcome down, release the environment, tell people if it is news to them, and answer the outcome."""
    board.close()
    closing = Completion(
        operation=operation,
        environment=environment,
        outcome=ending.outcome,
        began_at=board.began_at,
        ended_at=board.now,
        steps=board.reports,
        forget_environment=ending.forget,
    )
    yield from run(context, close_operation, closing, LONG_RETRY)
    notice = end_of_operation(verb_of(operation), environment, ending.outcome, context.current_utc_datetime.timestamp())
    if notice:
        yield from notify(context, [notice])
    return serialization.encode(ending.outcome)
