"""The stop of machines whose budget for the month is used up, and the starts that wait for the next month. Pure."""

from dataclasses import replace

from dormouse.clock import HOUR, MINUTE
from dormouse.idle.evidence import Evaluation
from dormouse.idle.power.history import month_of
from dormouse.idle.sources.registry import source_of
from dormouse.idle.tracking import ActionReason
from dormouse.idle.verdict import Verdict, busy
from dormouse.idle.warning import Decision, NextAction, warn_then_act
from dormouse.lifecycle import State

# Whatever the lead of its policy, and never without delivery: people may not expect this stop.
BUDGET_LEAD = 15 * MINUTE
# Sweeps start nothing while a budget is used up: who started a machine then wants it, for so long at least.
GRACE = 4 * HOUR
WHEN_FREE = "It is {words} when it is no longer in use. {why}"
NOT_STARTED = "Sweeps do not start it in this month; start it if it is needed. {why}"
STARTS = (ActionReason.SCHEDULE, ActionReason.EVICTION, ActionReason.JOBS)


def budget_due(case: Evaluation) -> float:
    """When a machine is to be stopped because its budget is used up; infinitely late if none is."""
    over, since = case.overspent, case.tracked.state_since
    if over is None:
        return float("inf")
    return over.since if since <= over.since else since + GRACE


def keep_to_budget(case: Evaluation, verdict: Verdict) -> Decision | None:
    """The stop of a machine that runs although its budget is used up; None: none is, or it is too early to warn."""
    over, target = case.overspent, case.machine
    if over is None or target.state is not State.RUNNING or target.ephemeral_disk:
        return None
    words = source_of(target).words.stopped
    act = warn_then_act(case, ActionReason.BUDGET, budget_due(case), NextAction.STOP, words, BUDGET_LEAD)
    if act is None:
        return None
    if busy(case) is not None:
        return Decision(NextAction.NOTHING, WHEN_FREE.format(words=words, why=over.text))
    return replace(act, then=f"{act.then} {over.text}")


def without_starts(case: Evaluation, decision: Decision | None) -> Decision | None:
    """The decision of a rule, without a start in this month if its budget is used up; None: the next rule decides.

    Sweeps then start it neither by its schedule, nor for a job, nor after an eviction.
    """
    over = case.overspent
    if over is None or decision is None:
        return decision
    planned = case.machine.state is State.STOPPED and decision.reason in STARTS and decision.at > 0.0
    if not planned and decision.action is not NextAction.START:
        return decision
    if month_of(max(decision.at, case.now)) != month_of(case.now):
        return decision
    if case.machine.state is State.STOPPED_BILLED:  # it is to be deallocated instead
        return None
    return Decision(NextAction.NOTHING, NOT_STARTED.format(why=over.text), 0.0, decision.reason)
