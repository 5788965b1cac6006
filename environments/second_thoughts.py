"""Second thoughts: what may have changed between a verdict and what follows from it."""

from environments.decisions import Step
from environments.evidence import STALE, Case
from environments.idle import busy
from environments.lifecycle import State
from environments.memory import Ending, Reason
from environments.sweeps import Planned


def second_thoughts(planned: Planned, case: Case) -> str:
    """Why what was planned would be wrong now, or ""."""
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
    if planned.reason is Reason.IDLE and case.evidence.inside is not None and case.now - case.evidence.heard_at > STALE:
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
