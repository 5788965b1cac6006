"""The guard: what must be known before a machine may be stopped.

Every decision to stop a machine asks it, and so does the recheck right before the stop.
"""

from collections.abc import Iterator

from dormouse.clock import minutes_text
from dormouse.idle.evidence import STALE, Evaluation, missing
from dormouse.idle.tracking import ActionReason
from dormouse.lifecycle import State


def unknowns(case: Evaluation, reason: ActionReason) -> list[str]:
    """Everything that must be known before the machine is stopped for this reason, and is not.

    A stop for idleness or by schedule needs proof that the machine does no work. A lease stops a working machine as well,
    but never one that is on hold, and a hold made on the machine is known only while its agent reports.
    """
    if case.fault:
        return [f"what is written about it cannot be read: {case.fault}"]
    if reason in (ActionReason.IDLE, ActionReason.SCHEDULE):
        return missing(case)
    return list(_holds_unseen(case)) if reason is ActionReason.LEASE else []


def _holds_unseen(case: Evaluation) -> Iterator[str]:
    evidence = case.evidence
    silent_for = case.now - evidence.heard_at
    if case.machine.state is State.RUNNING and evidence.inside is not None and silent_for > STALE:
        yield f"its agent was last heard {minutes_text(silent_for)} ago, so a hold made on the machine would not be seen"
