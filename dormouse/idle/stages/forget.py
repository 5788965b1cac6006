"""The deletion of an environment that sleeps on and that no one starts: when it is due, and what prevents it. Pure."""

from dataclasses import replace

from dormouse.clock import DAY, MINUTE, moment_text
from dormouse.idle.clusters.node_pool import NodePool
from dormouse.idle.evidence import Evaluation
from dormouse.idle.stages.stop import own_reason
from dormouse.idle.tracking import ActionReason, PendingWarning
from dormouse.idle.verdict import Verdict
from dormouse.idle.warning import CAUSES, CONDITIONS, Decision, NextAction, warn_then_act
from dormouse.lifecycle import State
from dormouse.resources.compute.machines import VirtualMachine

# The first warning comes a week before, or halfway if that is later; the last one a day before.
FIRST_LEAD, LAST_LEAD = 7 * DAY, DAY
DELETED = "deleted with everything in the environment {name}"
STAYS = "Its environment is not deleted while {why}."
AHEAD = "If no one starts or holds it, the environment {name} is deleted at {at}, after two warnings."
FIRST = "It will be {words} at {at}{cause}{condition}. {losses}"
SENT = "A first warning was sent; the last one follows at {last}. {first}"
UNDELIVERED = "The warning was not delivered ({why}); without it, nothing is deleted. It is sent again now. {first}"


def is_dormant(case: Evaluation) -> bool:
    """Whether nothing of a target computes: a deallocated VM, or a GPU pool whose whole cluster is stopped."""
    target = case.machine
    if isinstance(target, NodePool):
        return target.state is State.STOPPED and not (target.scales or target.forced)
    return isinstance(target, VirtualMachine) and target.state is State.STOPPED


def counts_to_forget(case: Evaluation) -> bool:
    """Whether the time runs after which the environment of this target is deleted."""
    return case.stages.leads and case.stages.forget_after > 0 and is_dormant(case)


def forget_due(case: Evaluation) -> float:
    """When an environment that sleeps is to be deleted, as far as that is known of its leading target alone.

    The time counts from the first sweep that saw it asleep with such a spec, or from the last request for it.
    """
    sleep = case.tracked.sleep
    return max(sleep.dormant_since or case.now, sleep.asked_at) + case.stages.forget_after * MINUTE


def first_lead(case: Evaluation) -> float:
    """How long before the deletion people are warned for the first time, in seconds."""
    return max(min(FIRST_LEAD, case.stages.forget_after * MINUTE / 2), LAST_LEAD)


def forget_sleeping_environment(case: Evaluation, verdict: Verdict) -> Decision | None:
    """The deletion of an environment that has slept for `forget_after`; None: it is not asked for, or not asleep."""
    sleep = case.sleep
    if sleep is None or not counts_to_forget(case):
        return None
    if why := own_reason(case) or sleep.why_not:
        return Decision(NextAction.NOTHING, STAYS.format(why=why))
    due = max(forget_due(case), sleep.since + case.stages.forget_after * MINUTE)
    if case.now < due - first_lead(case):
        return Decision(NextAction.NOTHING, AHEAD.format(name=case.machine.environment, at=moment_text(due)), due)
    warned = case.tracked.warning
    if case.now < due - LAST_LEAD:
        return _first(case, due, warned if warned and warned.reason is ActionReason.FORGET_AFTER else None)
    return _last(case, due)


def _first(case: Evaluation, due: float, warned: PendingWarning | None) -> Decision:
    """The first warning, whose time ends with the last one."""
    assert case.sleep is not None
    reason, last = ActionReason.FORGET_AFTER, due - LAST_LEAD
    text = FIRST.format(
        words=DELETED.format(name=case.machine.environment),
        at=moment_text(due),
        cause=CAUSES[reason],
        condition=CONDITIONS[reason],
        losses=case.sleep.losses,
    ).rstrip()
    if warned is None:
        return Decision(NextAction.WARN, text, last, reason, due=due)
    if not warned.delivered_at:
        why = warned.undelivered or "no webhook has accepted it"
        return Decision(NextAction.WARN, UNDELIVERED.format(why=why, first=text), last, reason, due=due)
    return Decision(NextAction.NOTHING, SENT.format(last=moment_text(last), first=text), due, reason, due=due)


def _last(case: Evaluation, due: float) -> Decision | None:
    """The last warning, and the deletion a day after its delivery; the first warning does not stand for it."""
    assert case.sleep is not None
    tracked, warned = case.tracked, case.tracked.warning
    was_first = warned is not None and warned.reason is ActionReason.FORGET_AFTER and warned.stop_at <= due - LAST_LEAD
    seen = replace(case, tracked=replace(tracked, warning=None)) if was_first else case
    words = DELETED.format(name=case.machine.environment)
    act = warn_then_act(seen, ActionReason.FORGET_AFTER, due, NextAction.DELETE, words, LAST_LEAD)
    return replace(act, then=f"{act.then} {case.sleep.losses}".rstrip()) if act else None
