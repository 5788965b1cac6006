"""What sweeps write down about the sleep of a target whose spec asks for later stages. Pure."""

from dataclasses import replace

from dormouse.idle.evidence import Evaluation
from dormouse.idle.stages.forget import counts_to_forget, is_dormant
from dormouse.idle.stages.sleep import PlannedStage
from dormouse.idle.stages.stop import counts_to_stop, with_use
from dormouse.idle.tracking import ActionReason, TrackedMachine
from dormouse.idle.warning import Decision


def with_sleep_record(case: Evaluation) -> Evaluation:
    """The evaluation of a target that remembers when it was last in use, and since when nothing of it computes."""
    seen = with_use(case)
    if not seen.stages.forget_after or seen.unreadable:
        return seen
    sleep = seen.tracked.sleep
    since = (sleep.dormant_since or seen.now) if is_dormant(seen) else 0.0
    return replace(seen, tracked=replace(seen.tracked, sleep=replace(sleep, dormant_since=since)))


def with_planned(case: Evaluation, decision: Decision) -> TrackedMachine:
    """The tracked state of a target with what is planned for its environment, as callers see it."""
    tracked, planned = case.tracked, _planned(case, decision)
    return tracked if tracked.sleep.planned == planned else replace(tracked, sleep=replace(tracked.sleep, planned=planned))


def _planned(case: Evaluation, decision: Decision) -> PlannedStage | None:
    held = case.hold is not None and case.hold.until > case.now
    if case.sleep is None or held or not decision.then:
        return None
    if counts_to_stop(case) and decision.reason in (ActionReason.STOP_AFTER, None):
        return PlannedStage("stop", decision.at, decision.then)
    if counts_to_forget(case) and decision.reason in (ActionReason.FORGET_AFTER, None):
        return PlannedStage("delete", decision.due or decision.at, decision.then)
    return None
