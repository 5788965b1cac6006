"""The recheck: immediately before an action, the decision is made again from fresh data."""

from dormouse.clock import MINUTE, minutes_text
from dormouse.idle.decision import Decision, NextAction, decide
from dormouse.idle.evidence import Evaluation
from dormouse.idle.sweep import PlannedAction
from dormouse.idle.tracking import ActionReason
from dormouse.idle.verdict import Verdict, evaluate
from dormouse.lifecycle import State

# An older decision is not carried out.
LONGEST_AGE = 5 * MINUTE
# States that show that an action has begun: the same activity may have run before.
STATES_AFTER = {
    NextAction.STOP: frozenset({State.STOPPING, State.STOPPED}),
    NextAction.START: frozenset({State.STARTING, State.RUNNING}),
}


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
    """What has changed since the decision, as a sentence."""
    if case.machine.state is not planned.machine.state:
        return f"It is {case.machine.state} now."
    if case.hands_off:
        return case.hands_off
    if case.hold is not None and case.hold.until > case.now:
        return f"It is now on hold by {case.hold.by}."
    if decision.blocked:
        return f"It is left unchanged, because {decision.blocked}."
    if planned.reason is ActionReason.LEASE:
        return "Its lease has been changed."
    if planned.reason is ActionReason.SCHEDULE and decision.then:
        return decision.then
    return verdict.reason
