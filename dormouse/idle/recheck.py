"""The recheck: immediately before an action, the decision is made again from fresh data."""

from dormouse.clock import MINUTE, minutes_text, moment_text
from dormouse.idle.budgets.rule import budget_due
from dormouse.idle.decision import Decision, NextAction, decide
from dormouse.idle.evidence import Evaluation
from dormouse.idle.jobs.waking import why_not_woken
from dormouse.idle.policy import Action
from dormouse.idle.schedules.schedule import is_on
from dormouse.idle.stages.forget import is_dormant
from dormouse.idle.sweep import PlannedAction
from dormouse.idle.tracking import ActionReason, LeaseAction
from dormouse.idle.verdict import TRANSITIONS, Verdict, VerdictKind, busy, evaluate
from dormouse.lifecycle import State

# An older decision is not carried out.
LONGEST_AGE = 5 * MINUTE
# States that show that an action has begun: the same activity may have run before.
STATES_AFTER = {
    NextAction.STOP: frozenset({State.STOPPING, State.STOPPED}),
    NextAction.START: frozenset({State.STARTING, State.RUNNING}),
}
COMES_FIRST: dict[ActionReason | None, str] = {
    ActionReason.LEASE: "The end of its lease",
    ActionReason.SCHEDULE: "Its schedule",
    ActionReason.BUDGET: "A stop because of its budget",
}
STATE_WORDS = {**TRANSITIONS, State.STOPPED_BILLED: "shut down from inside"}


def has_begun(planned: PlannedAction, case: Evaluation) -> bool:
    """Whether Azure is carrying out the planned action, or has carried it out."""
    return case.machine.state in STATES_AFTER.get(planned.action, frozenset())


def recheck(planned: PlannedAction, case: Evaluation) -> str:
    """Why the planned action must not be carried out now, or "".

    `case` has freshly read data. The whole decision is made again, so that everything that it depends on counts: tags,
    policy, schedule, holds, leases, evidence.
    """
    age = case.now - planned.judged_at
    if age > LONGEST_AGE:
        return f"The verdict is {minutes_text(age)} old; the next sweep evaluates the machine again."
    if planned.machine.vm_id and case.machine.vm_id and planned.machine.vm_id != case.machine.vm_id:
        return "Another VM now has this name."
    verdict = evaluate(case)
    decision = decide(case, verdict)
    if (decision.action, decision.reason) == (planned.action, planned.reason):
        return ""
    return _difference(planned, case, verdict, decision)


def _difference(planned: PlannedAction, case: Evaluation, verdict: Verdict, decision: Decision) -> str:
    """What has changed since the decision, as a sentence.

    The first that applies: a veto, another state, missing data, a change of what the action was planned for, a warning or
    another action that is due first.
    """
    blocked = decision.blocked if decision.reason is planned.reason else ""
    return (
        _veto(case)
        or _other_state(planned, case)
        or (f"It is left unchanged, because {blocked}." if blocked else "")
        or _changed_cause(planned, case, verdict)
        or _not_due(planned, decision)
    )


def _veto(case: Evaluation) -> str:
    """What forbids every action, in the order in which `decide` asks."""
    if case.unreadable:
        return f"{case.unreadable}."
    if case.hold is not None and case.hold.until > case.now:
        return f"It is now on hold by {case.hold.by}."
    if case.hands_off:
        return case.hands_off
    return f"It is left unchanged, because its configuration is invalid: {case.fault}." if case.fault else ""


def _other_state(planned: PlannedAction, case: Evaluation) -> str:
    """That the machine is in another state, or no longer in an environment."""
    state = case.machine.state
    if planned.action is NextAction.DELETE:  # in any state
        return "" if case.machine.environment else "It no longer belongs to an environment."
    if state is planned.machine.state:
        return ""
    if state is State.UNKNOWN:
        return "Azure does not report whether it is running."
    return f"It is {STATE_WORDS.get(state, state)} now."


def _changed_cause(planned: PlannedAction, case: Evaluation, verdict: Verdict) -> str:
    """What has changed in the lease, schedule, shutdown or idleness for which the action was planned."""
    if planned.reason is ActionReason.LEASE:
        return _changed_lease(planned, case)
    if planned.reason is ActionReason.SCHEDULE:
        return _changed_schedule(planned, case)
    if planned.reason is ActionReason.BUDGET:
        return _changed_budget(case)
    if planned.reason is ActionReason.EVICTION:
        return _changed_eviction(case, verdict)
    if planned.reason is ActionReason.JOBS:
        return why_not_woken(case)
    if planned.reason is ActionReason.FORGET_AFTER:
        return "" if is_dormant(case) else f"It is {STATE_WORDS.get(case.machine.state, case.machine.state)} now."
    if planned.reason is ActionReason.STOP_AFTER:
        return f"There is work for it: {'; '.join(case.nodes.work)}." if case.nodes.work else ""
    kind = VerdictKind.IDLE if planned.reason is ActionReason.IDLE else VerdictKind.STOPPED_BILLED
    if verdict.kind is not kind:
        return verdict.reason
    return "Its policy now has action=notify." if case.policy.action is Action.NOTIFY else ""


def _changed_budget(case: Evaluation) -> str:
    if case.overspent is None:
        return "Its budget is no longer known to be used up."
    if budget_due(case) > case.now:
        return "It has been started since its budget was used up."
    in_use = busy(case)
    return in_use.reason if in_use else ""


def _changed_eviction(case: Evaluation, verdict: Verdict) -> str:
    if case.tracked.evicted is None:
        return verdict.reason
    if case.tracked.evicted.settled:
        return "Someone has stopped it since it was evicted."
    return "" if case.restarts_evicted else "Its spec no longer has on_eviction=restart."


def _changed_lease(planned: PlannedAction, case: Evaluation) -> str:
    lease = case.tracked.lease
    if lease is None:
        return "Its lease has been removed."
    if lease.until > case.now:
        return f"Its lease now ends at {moment_text(lease.until)}."
    if lease.then is LeaseAction.DELETE:
        return "" if planned.action is NextAction.DELETE else "Its lease now deletes it."
    return "Its lease no longer deletes it." if planned.action is NextAction.DELETE else ""


def _changed_schedule(planned: PlannedAction, case: Evaluation) -> str:
    if case.schedule is None:
        return "Its schedule has been removed."
    if case.tracked.schedule_since > planned.judged_at:
        return "Its schedule has been changed."
    if case.tracked.state_since > planned.judged_at:
        return "It has been started or stopped since the decision."
    stops = planned.action is NextAction.STOP
    if stops is is_on(case.schedule, case.clock):
        return "Its scheduled hours have begun." if stops else "Its scheduled hours have ended."
    in_use = busy(case) if stops else None
    return in_use.reason if in_use else ""


def _not_due(planned: PlannedAction, decision: Decision) -> str:
    """That a warning, another action or nothing is due, although what the action was planned for has not changed."""
    if decision.reason is planned.reason and decision.action is NextAction.WARN:
        return "Its users must be warned first."
    if decision.reason is not planned.reason and decision.reason in COMES_FIRST:
        return f"{COMES_FIRST[decision.reason]} comes first now; the next sweep acts on it."
    return f"The action is not due now. {decision.then}"
