"""Warnings: an action is announced one lead before it, and done when the lead after a delivered warning has passed."""

from dataclasses import dataclass, replace
from enum import StrEnum

from dormouse.clock import MINUTE, moment_text
from dormouse.idle.evidence import Evaluation
from dormouse.idle.heartbeats.agent_record import AgentRecord
from dormouse.idle.tracking import ActionReason, PendingWarning, TrackedMachine

# A warning that was not followed by a stop expires, and a new one is sent.
WARNING_EXPIRY = 30 * MINUTE
CAUSES = {
    ActionReason.IDLE: "",
    ActionReason.SCHEDULE: " by its schedule",
    ActionReason.LEASE: " because its lease ends",
    ActionReason.STOP_AFTER: ", because its GPU pool sleeps on",
    ActionReason.FORGET_AFTER: ", because it sleeps on and no one starts it,",
    ActionReason.BUDGET: ", because its budget for this month is used up,",
}
CONDITIONS = {
    ActionReason.IDLE: " unless it is used or held",
    ActionReason.SCHEDULE: " unless it is held",
    ActionReason.LEASE: " unless the lease is extended or it is held",
    ActionReason.STOP_AFTER: " unless work comes or it is held. Nothing wakes a stopped cluster: it has to be started",
    ActionReason.FORGET_AFTER: " unless it is started or held",
    ActionReason.BUDGET: " unless it is used or held",
}


class NextAction(StrEnum):
    """What a sweep does about a machine."""

    NOTHING = "nothing"
    WARN = "warn"
    WITHDRAW = "withdraw"
    STOP = "stop"
    START = "start"
    DELETE = "delete"
    STOP_ENVIRONMENT = "stop_environment"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the sweep does now, or plans for the moment `at` (seconds since 1970; 0.0: no plan), with reason and text.

    `blocked` says why an action that has been due since the moment `due` cannot be carried out.
    """

    action: NextAction
    then: str = ""
    at: float = 0.0
    reason: ActionReason | None = None
    blocked: str = ""
    due: float = 0.0


def warn_then_act(
    case: Evaluation, reason: ActionReason, due_at: float, act: NextAction, words: str, least_lead: float = 0.0
) -> Decision | None:
    """Warn one lead before `due_at` (at once if that has passed), act when the lead is over; None: too early to warn.

    With `least_lead` (in seconds), the lead is at least so long, and without a delivered warning nothing is ever done.
    """
    now, lead, warned = case.now, max(case.policy.lead * MINUTE, least_lead), case.tracked.warning
    cause, condition = CAUSES[reason], CONDITIONS[reason]
    if now < due_at - lead:
        return None
    if warned is None or warned.reason is not reason or now > max(warned.stop_at, case.tracked.retry_at) + WARNING_EXPIRY:
        if not lead:
            return Decision(act, f"It is being {words} now{cause}.", now, reason, due=due_at)
        stop_at = now + lead  # never before `due_at`, which is at most one lead away
        then = f"It will be {words} at {moment_text(stop_at)}{cause}{condition}."
        return Decision(NextAction.WARN, then, stop_at, reason, due=due_at)
    lead_ends = _end_of_lead(warned, lead, proceeds=not least_lead and case.policy.undeliverable == "proceed")
    if lead_ends is None:
        why = warned.undelivered or "no webhook and no terminal has accepted it"
        text = f"Not {words} yet, because the warning was not delivered ({why}). It is sent again now."
        return Decision(NextAction.WARN, text, now + lead, reason, due=due_at)
    at = max(lead_ends, warned.stop_at, due_at, now)
    step = act if at == now else NextAction.NOTHING
    text = f"A warning was sent. It will be {words} at {moment_text(at)}{cause}{condition}."
    return Decision(step, text, at, reason, due=due_at)


def _end_of_lead(warned: PendingWarning, lead: float, *, proceeds: bool) -> float | None:
    """When the lead of a warning ends; None while it is undelivered, unless the policy proceeds without delivery."""
    if warned.delivered_at:
        return warned.delivered_at + lead
    return warned.given_at + lead if proceeds else None


def with_delivered_warning(tracked: TrackedMachine, record: AgentRecord) -> TrackedMachine:
    """The tracked state with the delivery of the warning, if the agent reports that it was shown."""
    warned = tracked.warning
    if warned is None or warned.delivered_at or warned.id not in record.shown:
        return tracked
    return replace(tracked, warning=replace(warned, delivered_at=record.shown[warned.id], undelivered=""))
