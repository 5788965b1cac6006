"""Decisions: what the sweep does about a machine, when, and the text that explains it to users.

A machine is stopped only after a warning: the lead counts from the delivery of the warning.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from dormouse.clock import MINUTE, moment_text
from dormouse.idle.budgets.rule import keep_to_budget, without_starts
from dormouse.idle.eviction import restart_of
from dormouse.idle.evidence import Evaluation
from dormouse.idle.guard import unknowns
from dormouse.idle.jobs.keeping import kept_text, kept_until
from dormouse.idle.jobs.waking import why_not_woken
from dormouse.idle.policy import Action
from dormouse.idle.schedules.schedule import due, next_transition
from dormouse.idle.sources.registry import source_of
from dormouse.idle.stages.forget import forget_sleeping_environment
from dormouse.idle.stages.stop import stop_sleeping_environment
from dormouse.idle.tracking import ActionReason, LeaseAction
from dormouse.idle.verdict import Verdict, VerdictKind, busy
from dormouse.idle.warning import Decision as Decision
from dormouse.idle.warning import NextAction as NextAction
from dormouse.idle.warning import warn_then_act
from dormouse.lifecycle import SHUT_DOWN, State

# A machine that was shut down from inside is seen by two sweeps before it is deallocated.
BILLED_DELAY = 10 * MINUTE
WHEN_FREE = "Its {what} ended at {at}; it is {words} when it is no longer in use."
BLOCKED = {
    ActionReason.IDLE: "Not stopped for idleness",
    ActionReason.SCHEDULE: "Not stopped or started by its schedule",
    ActionReason.LEASE: "Not stopped or deleted at the end of its lease",
    ActionReason.BILLED: "Not deallocated after its shutdown from inside",
    ActionReason.EVICTION: "Not started again after its eviction",
    ActionReason.JOBS: "Not started for a waiting job",
    ActionReason.STOP_AFTER: "Its environment is not stopped",
    ActionReason.FORGET_AFTER: "Its environment is not deleted",
    ActionReason.BUDGET: "Not stopped although its budget is used up",
}
ACTING = frozenset({NextAction.STOP, NextAction.START, NextAction.DELETE, NextAction.STOP_ENVIRONMENT})
NOTHING = Decision(NextAction.NOTHING)


def decide(case: Evaluation, verdict: Verdict) -> Decision:
    """The action for a machine: the first that applies of lease, budget, schedule, billed shutdown and idleness."""
    if case.unreadable:  # the record may contain a hold or a lease
        return NOTHING
    decision = NOTHING
    if case.hold is not None and case.hold.until > case.now:  # also without idle shutdown
        text = f"Not stopped or started before its hold ends at {moment_text(case.hold.until)}."
        decision = Decision(NextAction.NOTHING, text, case.hold.until)
    elif not case.hands_off:
        decisions = (without_starts(case, rule(case, verdict)) for rule in RULES)
        decision = _require_data(case, next((each for each in decisions if each is not None), NOTHING))
    until = case.tracked.retry_at
    if decision.action in ACTING and case.now < until:
        return replace(
            decision,
            action=NextAction.NOTHING,
            at=until,
            then=f"The last attempt failed; it is repeated at {moment_text(until)}.",
        )
    warned = case.tracked.warning
    if (
        warned
        and warned.reason is ActionReason.IDLE
        and verdict.kind is VerdictKind.UNKNOWN
        and decision.action is NextAction.NOTHING
    ):
        # A minute without data is no evidence of use: the machine is not stopped, and the warning is not withdrawn.
        words = "A warning was sent; it is not stopped while data about its use is missing."
        why = "; ".join(unknowns(case, ActionReason.IDLE))
        return Decision(NextAction.NOTHING, words, 0.0, ActionReason.IDLE, why, warned.stop_at)
    if warned and decision.action in (NextAction.NOTHING, NextAction.START) and decision.reason is not warned.reason:
        return Decision(
            NextAction.WITHDRAW, f"The warning is withdrawn. {decision.then}".strip(), decision.at, warned.reason
        )
    return decision


def _require_data(case: Evaluation, decision: Decision) -> Decision:
    """The decision, or no action while data that it requires is missing."""
    if decision.reason is None or decision.action is NextAction.NOTHING:
        return decision
    if decision.action is NextAction.START:
        why = [f"its configuration is invalid: {case.fault}"] if case.fault else []
    else:
        why = unknowns(case, decision.reason)
    if not why:
        return decision
    because = "; ".join(why)
    words = f"{BLOCKED[decision.reason]}, because {because}."
    return Decision(NextAction.NOTHING, words, 0.0, decision.reason, because, decision.due)


def _end_lease(case: Evaluation, verdict: Verdict) -> Decision | None:
    lease, state = case.tracked.lease, case.machine.state
    if lease is None or (lease.then is LeaseAction.STOP and state not in (State.RUNNING, State.STOPPED_BILLED)):
        return None
    if lease.then is LeaseAction.DELETE:  # only machines of our environments are deleted
        act = warn_then_act(case, ActionReason.LEASE, lease.until, NextAction.DELETE, "deleted")
        return act if case.machine.environment else None
    words = source_of(case.machine).words.stopped
    if lease.until <= case.now and not case.machine.interruptible and busy(case) is not None:
        return Decision(NextAction.NOTHING, WHEN_FREE.format(what="lease", at=moment_text(lease.until), words=words))
    return warn_then_act(case, ActionReason.LEASE, lease.until, NextAction.STOP, words)


def _follow_schedule(case: Evaluation, verdict: Verdict) -> Decision | None:
    if case.schedule is None:
        return None
    tracked, state = case.tracked, case.machine.state
    since = datetime.fromtimestamp(max(tracked.state_since, tracked.schedule_since, tracked.first_seen), UTC)
    missed, following = due(case.schedule, since, case.clock), next_transition(case.schedule, case.clock)
    starts, words = not case.machine.starts_by_itself, source_of(case.machine).words.stopped
    if missed and missed.on and state in SHUT_DOWN and starts:
        due_at = missed.at.timestamp()
        return Decision(NextAction.START, "Its schedule starts it now.", case.now, ActionReason.SCHEDULE, due=due_at)
    if state is State.STOPPED and following and following.on and starts:
        at = following.at.timestamp()
        return Decision(NextAction.NOTHING, f"Its schedule starts it at {moment_text(at)}.", at, ActionReason.SCHEDULE)
    if state is not State.RUNNING:
        return None
    if missed and not missed.on:
        if busy(case) is not None:  # also without idle shutdown
            ended = moment_text(missed.at.timestamp())
            return Decision(NextAction.NOTHING, WHEN_FREE.format(what="scheduled hours", at=ended, words=words))
        return warn_then_act(case, ActionReason.SCHEDULE, missed.at.timestamp(), NextAction.STOP, words)
    if following and not following.on:
        return warn_then_act(case, ActionReason.SCHEDULE, following.at.timestamp(), NextAction.STOP, words)
    return None


def _restart_evicted(case: Evaluation, verdict: Verdict) -> Decision | None:
    restart = restart_of(case) if verdict.kind is VerdictKind.EVICTED else None
    if restart is None or (not restart.at and case.stages.forget_after):  # then it is like any other that sleeps
        return None
    step = NextAction.START if 0.0 < restart.at <= case.now else NextAction.NOTHING
    return Decision(step, restart.text, restart.at, ActionReason.EVICTION, due=restart.at)


def _wake_for_job(case: Evaluation, verdict: Verdict) -> Decision | None:
    if case.job is None or not case.job.wakes or case.machine.state is not State.STOPPED:
        return None
    why = why_not_woken(case)
    if why:
        return Decision(NextAction.NOTHING, why, 0.0, ActionReason.JOBS)
    return Decision(NextAction.START, "A waiting job starts it now.", case.now, ActionReason.JOBS, due=case.now)


def _deallocate_billed(case: Evaluation, verdict: Verdict) -> Decision | None:
    if verdict.kind is not VerdictKind.STOPPED_BILLED:
        return None
    if case.machine.ephemeral_disk or case.policy.action is Action.NOTIFY:
        text = "Not deallocated automatically: start or delete it."
        return Decision(NextAction.NOTHING, text, 0.0, ActionReason.BILLED)
    at = max(case.tracked.state_since + BILLED_DELAY, case.now)
    step = NextAction.STOP if at == case.now else NextAction.NOTHING
    return Decision(step, f"It will be deallocated at {moment_text(at)}.", at, ActionReason.BILLED, due=at)


def _stop_idle(case: Evaluation, verdict: Verdict) -> Decision | None:
    if verdict.kind is not VerdictKind.IDLE:
        return None
    if case.policy.action is Action.NOTIFY:
        step = NextAction.NOTHING if case.tracked.warning else NextAction.WARN
        return Decision(step, "Not stopped: its policy has action=notify.", 0.0, ActionReason.IDLE)
    words = "hibernated" if case.hibernates else source_of(case.machine).words.put_to_sleep
    grace_ends = case.tracked.first_seen + case.policy.grace * MINUTE
    if case.now < grace_ends:
        text = f"First seen recently; not stopped before {moment_text(grace_ends)}."
        return Decision(NextAction.NOTHING, text, grace_ends)
    if case.now < kept_until(case):
        return Decision(NextAction.NOTHING, kept_text(case), kept_until(case))
    return warn_then_act(case, ActionReason.IDLE, case.now, NextAction.STOP, words)


RULES: tuple[Callable[[Evaluation, Verdict], Decision | None], ...] = (
    _end_lease,
    keep_to_budget,
    _follow_schedule,
    _restart_evicted,
    _wake_for_job,
    stop_sleeping_environment,
    forget_sleeping_environment,
    _deallocate_billed,
    _stop_idle,
)
