"""Second thoughts: what may have changed between a verdict and what follows from it."""

from environments.decisions import Step
from environments.evidence import STALE, Case
from environments.idle import busy
from environments.lifecycle import State
from environments.memory import Ending, Reason
from environments.moments import MINUTE, minutes_text
from environments.sweeps import Planned

# Seconds after which a verdict says nothing any more, whatever has kept it from being carried out.
VERDICT_LIVES = 5 * MINUTE
# Where a machine is that is on its way already: the same activity may have run before.
ON_ITS_WAY = {
    Step.STOP: frozenset({State.STOPPING, State.STOPPED}),
    Step.START: frozenset({State.STARTING, State.RUNNING}),
}


def is_on_its_way(planned: Planned, case: Case) -> bool:
    """Whether Azure is doing, or has done, what was planned."""
    return case.machine.state in ON_ITS_WAY.get(planned.step, frozenset())


def second_thoughts(planned: Planned, case: Case) -> str:
    """Why what was planned would be wrong now, or ""."""
    age = case.now - planned.judged_at
    if age > VERDICT_LIVES:
        return f"The verdict is {minutes_text(age)} old; the next sweep judges anew."
    if case.machine.state not in _expected(planned):
        return f"It is {case.machine.state} meanwhile."
    if case.hands_off:
        return case.hands_off
    if planned.step is Step.START:
        return ""
    if case.hold is not None:
        return f"{case.hold.by} wants it awake now."
    if planned.reason is Reason.LEASE:
        return _lease_is_over(planned, case)
    if (
        planned.reason in (Reason.IDLE, Reason.SCHEDULE)
        and case.evidence.inside is not None
        and case.now - case.evidence.heard_at > STALE
    ):
        return "Its agent has fallen silent."
    found = busy(case) if planned.reason in (Reason.IDLE, Reason.SCHEDULE) else None
    return found.sentence if found else ""


def _lease_is_over(planned: Planned, case: Case) -> str:
    lease, ending = case.memory.lease, Ending.DELETE if planned.step is Step.DELETE else Ending.STOP
    over = lease is not None and lease.then is ending and lease.until <= case.now
    return "" if over else "Its lease has been changed meanwhile."


def _expected(planned: Planned) -> frozenset[State]:
    """The states in which what is planned makes sense."""
    if planned.step is Step.START:
        return frozenset({State.STOPPED, State.STOPPED_BILLED})
    if planned.step is Step.DELETE:
        return frozenset(State)
    if planned.reason is Reason.LEASE:
        return frozenset({State.RUNNING, State.STOPPED_BILLED})
    return frozenset({State.STOPPED_BILLED if planned.reason is Reason.BILLED else State.RUNNING})
