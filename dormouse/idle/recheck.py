"""The recheck: right before something is done to a machine, the decision is made once more from what is true by then."""

from dormouse.clock import MINUTE, minutes_text
from dormouse.idle.decision import Decision, NextAction, decide
from dormouse.idle.evidence import Evaluation
from dormouse.idle.sweep import PlannedAction
from dormouse.idle.tracking import ActionReason
from dormouse.idle.verdict import Verdict, evaluate
from dormouse.lifecycle import State

# Seconds after which a decision is not carried out any more, whatever has delayed it.
VERDICT_LIVES = 5 * MINUTE
# The states of a machine that is on its way already: the same activity may have run before.
ON_ITS_WAY = {
    NextAction.STOP: frozenset({State.STOPPING, State.STOPPED}),
    NextAction.START: frozenset({State.STARTING, State.RUNNING}),
}


def is_on_its_way(planned: PlannedAction, case: Evaluation) -> bool:
    """Whether Azure is doing, or has done, what was planned."""
    return case.machine.state in ON_ITS_WAY.get(planned.action, frozenset())


def recheck(planned: PlannedAction, case: Evaluation) -> str:
    """Why what was planned would be wrong now, or "".

    `case` is the machine as a fresh look shows it. The whole decision is made again, so that everything it depends on
    counts: tags, policy, schedule, holds, leases, evidence.
    """
    age = case.now - planned.judged_at
    if age > VERDICT_LIVES:
        return f"The verdict is {minutes_text(age)} old; the next sweep judges the machine again."
    if planned.machine.vm_id and case.machine.vm_id and planned.machine.vm_id != case.machine.vm_id:
        return "Another machine has its name now."
    verdict = evaluate(case)
    decision = decide(case, verdict)
    if (decision.action, decision.reason) == (planned.action, planned.reason):
        return ""
    return _difference(planned, case, verdict, decision)


def _difference(planned: PlannedAction, case: Evaluation, verdict: Verdict, decision: Decision) -> str:
    """What has changed since the decision, in a sentence."""
    if case.machine.state is not planned.machine.state:
        return f"It is {case.machine.state} now."
    if case.hands_off:
        return case.hands_off
    if case.hold is not None and case.hold.until > case.now:
        return f"{case.hold.by} wants it awake now."
    if decision.blocked:
        return f"It stays as it is, because {decision.blocked}."
    if planned.reason is ActionReason.LEASE:
        return "Its lease has been changed."
    if planned.reason is ActionReason.SCHEDULE and decision.then:
        return decision.then
    return verdict.reason
