"""The stop of a whole environment whose GPU pool sleeps on: when it is due, and what prevents it. Pure."""

from dataclasses import replace

from dormouse.clock import MINUTE, moment_text
from dormouse.idle.clusters.node_pool import NodePool
from dormouse.idle.evidence import Evaluation
from dormouse.idle.policy import Action
from dormouse.idle.schedules.schedule import is_on
from dormouse.idle.sources.activity import activity_of
from dormouse.idle.sources.registry import source_of
from dormouse.idle.tracking import ActionReason
from dormouse.idle.verdict import Verdict
from dormouse.idle.warning import Decision, NextAction, warn_then_act
from dormouse.lifecycle import State

# Whatever the lead of its policy: a stop of everything is announced at least so long before.
STOP_LEAD = 15 * MINUTE
STOPPED_TOGETHER = "stopped with its whole cluster and all VMs of the environment {name}"
STAYS = "Its environment is not stopped while {why}."
AHEAD = "If it sleeps on, the whole environment {name} is stopped at {at}, after a warning."


def pool_rests(case: Evaluation) -> bool:
    """Whether this is a GPU pool without nodes in a cluster that runs."""
    pool = case.machine
    return isinstance(pool, NodePool) and pool.state is State.STOPPED and (pool.scales or pool.forced)


def counts_to_stop(case: Evaluation) -> bool:
    """Whether the time runs after which the environment of this target is stopped."""
    policy, stages = case.policy, case.stages
    wanted = stages.leads and stages.stop_after > 0 and policy.enabled and policy.action is not Action.NOTIFY
    return wanted and pool_rests(case)


def stop_due(case: Evaluation) -> float:
    """When the environment of a pool that sleeps is to be stopped, as far as that is known of the pool alone.

    The time counts from the last of these: the pool lost its nodes, sweeps began to see no work, someone asked for it.
    """
    tracked = case.tracked
    since = max(tracked.state_since, tracked.free_since or case.now, tracked.sleep.asked_at)
    return since + case.stages.stop_after * MINUTE


def stop_lead(case: Evaluation) -> float:
    """How long before the stop of an environment its users are warned, in seconds."""
    return max(case.policy.lead * MINUTE, STOP_LEAD)


def stop_sleeping_environment(case: Evaluation, verdict: Verdict) -> Decision | None:
    """The stop of a whole environment whose GPU pool has slept for `stop_after`; None: it is not asked for, or not asleep.

    Work is no matter of this rule: it wakes the pool.
    """
    sleep = case.sleep
    if sleep is None or not counts_to_stop(case) or case.nodes.work:
        return None
    name = case.machine.environment
    if why := next(iter(case.nodes.others), "") or own_reason(case) or sleep.why_not:
        return Decision(NextAction.NOTHING, STAYS.format(why=why))
    due = max(stop_due(case), sleep.since + case.stages.stop_after * MINUTE)
    words = STOPPED_TOGETHER.format(name=name)
    act = warn_then_act(case, ActionReason.STOP_AFTER, due, NextAction.STOP_ENVIRONMENT, words, stop_lead(case))
    return act or Decision(NextAction.NOTHING, AHEAD.format(name=name, at=moment_text(due)), due)


def own_reason(case: Evaluation) -> str:
    """Why the leading target itself keeps the environment as it is, in a phrase; "" if it does not."""
    lease = case.tracked.lease
    if case.schedule is not None and is_on(case.schedule, case.clock):
        return "its scheduled hours last"
    return f"it has a lease until {moment_text(lease.until)}" if lease else ""


def with_use(case: Evaluation) -> Evaluation:
    """The evaluation of a target that remembers when it was last in use, if its spec asks for a later stage of sleep.

    What is reported busy from outside is in use, also while it sleeps.
    """
    if not (case.stages.stop_after or case.stages.forget_after) or case.unreadable:
        return case
    runs = case.machine.state is State.RUNNING
    works = case.nodes.work or case.nodes.others or (runs and source_of(case.machine).uses(case))
    in_use = bool(case.stages.stop_after and works) or (not runs and bool(activity_of(case)))
    return replace(case, tracked=replace(case.tracked, sleep=case.tracked.sleep.asked(case.now))) if in_use else case
