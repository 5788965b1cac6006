"""Environments that depend on others, in words. Pure."""

from collections.abc import Sequence

from dormouse.environments.operations import EnvironmentRecord
from dormouse.ids import is_operation_id, verb_of
from dormouse.lifecycle import Verb

MOST_NAMED = 10


def dependents_text(name: str, dependents: Sequence[str]) -> str:
    """Why an environment cannot be deleted: others depend on it."""
    more = f" and {len(dependents) - MOST_NAMED} more" if len(dependents) > MOST_NAMED else ""
    named = f"{', '.join(dependents[:MOST_NAMED])}{more}"
    return f"{name} cannot be deleted while other environments depend on it: {named}."


def parent_problem(parent: str, record: EnvironmentRecord | None, holder: str = "") -> str:
    """Why an environment cannot depend on another, or ""; `holder` is the operation that holds the lock of the parent."""
    if record is None:
        return f"It depends on the environment {parent!r}, which does not exist."
    if is_operation_id(holder) and verb_of(holder) is Verb.DELETE:
        return f"It depends on the environment {parent!r}, which is being deleted."
    return "" if record.ready else f"It depends on the environment {parent!r}, which is not ready."
