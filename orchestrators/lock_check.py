"""Lock check: an orchestration changes nothing unless its operation still holds its lock.

An orchestration may start long after its request. By then its lock may have been taken over as stale by another operation.
"""

from activities.records import holds_lock
from dormouse.environments.requests import LockQuestion
from dormouse.environments.results import Outcome, OutcomeStatus
from orchestrators.durable import Context, Orchestration, run


def lost_lock(context: Context, operation: str, environment: str) -> Orchestration[Outcome | None]:
    """The outcome of an operation that no longer holds the lock of its environment, or None if it holds it."""
    if (yield from run(context, holds_lock, LockQuestion(operation, environment))):
        return None
    return Outcome(OutcomeStatus.CANCELLED, f"Nothing was changed: another operation took over the lock of {environment}.")
