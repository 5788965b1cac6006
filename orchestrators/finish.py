"""The end of every operation: write the trail, release the lock, answer."""

from dataclasses import dataclass
from typing import Any

import wire
from activities.records import close_operation
from environments.operations import Closing
from environments.outcomes import Outcome
from orchestrators.board import Board
from orchestrators.steps import STUBBORN, Context, Story, run


@dataclass(frozen=True, slots=True)
class Ending:
    """How an operation ended, and whether the environment is to be forgotten because nothing of it is left."""

    outcome: Outcome
    forget: bool = False


def finish(context: Context, operation: str, environment: str, board: Board, ending: Ending) -> Story[Any]:
    """Write the outcome down, release the environment, and answer the outcome."""
    board.close()
    closing = Closing(
        operation=operation,
        environment=environment,
        outcome=ending.outcome,
        began_at=board.began_at,
        ended_at=board.now,
        steps=board.reports,
        forget_environment=ending.forget,
    )
    yield from run(context, close_operation, closing, STUBBORN)
    return wire.encode(ending.outcome)
