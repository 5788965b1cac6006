"""The guard: the data that must be available before a machine may be stopped.

Every decision to stop a machine calls it, and so does the recheck immediately before the stop.
"""

from dormouse.idle.evidence import Evaluation
from dormouse.idle.heartbeats.agent_evidence import unreported
from dormouse.idle.sources.registry import source_of
from dormouse.idle.tracking import ActionReason


def unknowns(case: Evaluation, reason: ActionReason) -> list[str]:
    """The data that a stop for this reason requires and that is missing, one phrase each.

    A stop for idleness, by schedule or because of a budget requires evidence that the machine is not in use. The end of a
    lease stops even a busy machine, but never one with a hold, and a hold set on the machine is known only while its agent
    reports. What is not interruptible is not stopped while in use, whatever the reason. The stop and the deletion of a whole
    environment also require that the rest of it could be looked at. What an agent has not reported yet may be use.
    """
    if case.fault:
        return [f"its configuration is invalid: {case.fault}"]
    source = source_of(case.machine)
    if reason in (ActionReason.IDLE, ActionReason.SCHEDULE, ActionReason.BUDGET):
        return [*source.missing(case), *unreported(case)]
    if reason in (ActionReason.STOP_AFTER, ActionReason.FORGET_AFTER):
        # What is stopped has no evidence of use.
        own = source.missing(case) if reason is ActionReason.STOP_AFTER else []
        return [*own, *(case.sleep.unread if case.sleep else ("its environment was not looked at",))]
    if reason is not ActionReason.LEASE:
        return []
    return source.unknown_holds(case) if case.machine.interruptible else source.missing(case)
