"""The fence: an orchestration changes nothing unless the lock that it was started under is still its own.

An orchestration may begin long after it was asked for. By then its lock may have been taken for abandoned, and another
operation may be at work.
"""

from activities.records import holds_lock
from dormouse.environments.operations import LockQuestion
from dormouse.environments.results import Outcome, OutcomeStatus
from orchestrators.durable import Context, Orchestration, run


def lost_lock(context: Context, operation: str, environment: str) -> Orchestration[Outcome | None]:
    """How an operation ends that does not hold the lock of its environment any more, or None if it does."""
    if (yield from run(context, holds_lock, LockQuestion(operation, environment))):
        return None
    return Outcome(OutcomeStatus.CANCELLED, f"Nothing was done: another operation has taken {environment} over.")
