"""The guard: the data that must be available before a machine may be stopped.

Every decision to stop a machine calls it, and so does the recheck immediately before the stop.
"""

from collections.abc import Iterator

from dormouse.clock import minutes_text
from dormouse.idle.evidence import STALE, Evaluation, missing
from dormouse.idle.tracking import ActionReason
from dormouse.lifecycle import State


def unknowns(case: Evaluation, reason: ActionReason) -> list[str]:
    """The data that a stop for this reason requires and that is missing, one phrase each.

    A stop for idleness or by schedule requires evidence that the machine is not in use. The end of a lease stops even a busy
    machine, but never one with a hold, and a hold set on the machine is known only while its agent reports.
    """
    if case.fault:
        return [f"its configuration is invalid: {case.fault}"]
    if reason in (ActionReason.IDLE, ActionReason.SCHEDULE):
        return missing(case)
    return list(_unknown_holds(case)) if reason is ActionReason.LEASE else []


def _unknown_holds(case: Evaluation) -> Iterator[str]:
    evidence = case.evidence
    silent_for = case.now - evidence.heard_at
    if case.machine.state is State.RUNNING and evidence.inside is not None and silent_for > STALE:
        yield f"its agent last reported {minutes_text(silent_for)} ago, so a hold set on the machine would not be noticed"
