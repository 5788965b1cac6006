"""Decisions: what is done about a machine, when, and what its owner is told about it.

Nobody is put to sleep unwarned: a warning has a lead, which counts from when it reached somebody.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from dormouse.clock import DAY, MINUTE, moment_text
from dormouse.idle.evidence import Evaluation
from dormouse.idle.guard import unknowns
from dormouse.idle.policy import Action
from dormouse.idle.schedule import due, next_transition
from dormouse.idle.tracking import ActionReason, LeaseAction, PendingWarning
from dormouse.idle.verdict import REASONS_TOLD, Verdict, VerdictKind, busy
from dormouse.lifecycle import State

# What was shut down from inside is seen twice before it is deallocated.
BILLED_FOR = 10 * MINUTE
WINDOWS_BEFORE_ALARM = 4
UNKNOWN_BEFORE_ALARM = DAY
# A warning that led to no stop is given again after so long.
FORGOTTEN = 30 * MINUTE
BETWEEN_ALARMS = DAY
# What is due and cannot be done for so long is reported.
BLOCKED_BEFORE_ALARM = 30 * MINUTE
# Hibernation that failed so often counts as impossible on this machine.
HIBERNATION_TRIES = 3
UNLESS = {
    ActionReason.IDLE: " unless somebody uses it or keeps it awake",
    ActionReason.SCHEDULE: " unless somebody keeps it awake",
    ActionReason.LEASE: " unless somebody extends it",
}
SUBJECT = {
    ActionReason.IDLE: "Its idleness",
    ActionReason.SCHEDULE: "Its schedule",
    ActionReason.LEASE: "Its lease",
    ActionReason.BILLED: "Its shutdown from inside",
}
AT_REST = frozenset({State.STOPPED, State.STOPPED_BILLED})


class NextAction(StrEnum):
    """What a sweep does about a machine."""

    NOTHING = "nothing"
    WARN = "warn"
    WITHDRAW = "withdraw"
    STOP = "stop"
    START = "start"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done now, or planned for a moment (`at`, seconds since 1970, 0.0 when nothing is), why, and in which words.

    `blocked` says why something that is due since the moment `due` cannot be done.
    """

    action: NextAction
    then: str = ""
    at: float = 0.0
    reason: ActionReason | None = None
    blocked: str = ""
    due: float = 0.0


NOTHING = Decision(NextAction.NOTHING)


def decide(case: Evaluation, verdict: Verdict) -> Decision:
    """What is done about a machine: the first of lease, schedule, billed sleep and idleness that has anything to say."""
    if case.unreadable:  # a hold or a lease may be in it
        return NOTHING
    decision = NOTHING
    if case.hold is not None and case.hold.until > case.now:  # also where idleness is not watched for
        decision = Decision(NextAction.NOTHING, f"It is left alone until {moment_text(case.hold.until)}.", case.hold.until)
    elif not case.hands_off:
        found = (rule(case, verdict) for rule in RULES)
        decision = _guarded(case, next((said for said in found if said is not None), NOTHING))
    until = case.tracked.retry_at
    if decision.action in (NextAction.STOP, NextAction.START, NextAction.DELETE) and case.now < until:
        return replace(
            decision,
            action=NextAction.NOTHING,
            at=until,
            then=f"It failed a while ago; tried again at {moment_text(until)}.",
        )
    warned = case.tracked.warning
    if (
        warned
        and warned.reason is ActionReason.IDLE
        and verdict.kind is VerdictKind.UNKNOWN
        and decision.action is NextAction.NOTHING
    ):
        # A minute without data is no sign of life: the machine is not stopped, and the warning is not withdrawn.
        words = "It was warned, and is not stopped while it is unknown whether it works."
        why = "; ".join(unknowns(case, ActionReason.IDLE)[:REASONS_TOLD])
        return Decision(NextAction.NOTHING, words, 0.0, ActionReason.IDLE, why, warned.stop_at)
    if warned and decision.action in (NextAction.NOTHING, NextAction.START) and decision.reason is not warned.reason:
        return Decision(
            NextAction.WITHDRAW, f"The warning is withdrawn. {decision.then}".strip(), decision.at, warned.reason
        )
    return decision


def _guarded(case: Evaluation, decision: Decision) -> Decision:
    """The decision, or nothing at all while something that must be known for it is not."""
    if decision.reason is None or decision.action in (NextAction.NOTHING, NextAction.WITHDRAW):
        return decision
    if decision.action is NextAction.START:
        why = [f"what is written about it cannot be read: {case.fault}"] if case.fault else []
    else:
        why = unknowns(case, decision.reason)
    if not why:
        return decision
    told = "; ".join(why[:REASONS_TOLD])
    words = f"{SUBJECT[decision.reason]} leads to nothing as long as this is so: {told}."
    return Decision(NextAction.NOTHING, words, 0.0, decision.reason, told, decision.due or case.now)


def hibernates(case: Evaluation) -> bool:
    """Whether the machine is hibernated, which only a running machine can be.

    A machine whose hibernation has failed several times is deallocated instead where its policy declares that fallback.
    """
    policy, machine = case.policy, case.machine
    if policy.action is not Action.HIBERNATE or not machine.can_hibernate or machine.state is not State.RUNNING:
        return False
    return policy.hibernate_fallback == "keep" or case.tracked.hibernation_failures < HIBERNATION_TRIES


def alarm(case: Evaluation, verdict: Verdict, decision: Decision) -> str:
    """What people should be told because what should happen does not, or "" (also if they were told within a day)."""
    memory, now = case.tracked, case.now
    if memory.alarmed_at != now and now - memory.alarmed_at < BETWEEN_ALARMS:  # at this very moment: judged once more
        return ""
    if case.fault:
        return f"It is neither stopped nor started, because what is written about it cannot be read: {case.fault}."
    if decision.blocked and now - decision.due > BLOCKED_BEFORE_ALARM:
        return f"What was due at {moment_text(decision.due)} could not be done. {decision.then}"
    patience = WINDOWS_BEFORE_ALARM * case.policy.window * MINUTE + case.policy.lead * MINUTE
    since = memory.since(verdict.kind) or now
    if verdict.kind is VerdictKind.IDLE and now - since > patience:
        why = memory.warning.undelivered if memory.warning and memory.warning.undelivered else decision.then
        return f"It has been idle since {moment_text(since)} and still runs. {why}".strip()
    if verdict.kind is VerdictKind.UNKNOWN and now - since > UNKNOWN_BEFORE_ALARM:
        return f"Since {moment_text(since)} it is unknown whether it is used. {verdict.reason}"
    return ""


def _lease(case: Evaluation, verdict: Verdict) -> Decision | None:
    lease, state = case.tracked.lease, case.machine.state
    if lease is None or (lease.then is LeaseAction.STOP and state not in (State.RUNNING, State.STOPPED_BILLED)):
        return None
    if lease.then is LeaseAction.DELETE and not case.machine.environment:
        return None  # what others have made, others delete
    deletes = lease.then is LeaseAction.DELETE
    act, words = (NextAction.DELETE, "deleted") if deletes else (NextAction.STOP, "stopped")
    return _in_time(case, ActionReason.LEASE, lease.until, act, f"{words}, because its lease has run out")


def _schedule(case: Evaluation, verdict: Verdict) -> Decision | None:
    if case.schedule is None:
        return None
    memory, state = case.tracked, case.machine.state
    since = datetime.fromtimestamp(max(memory.state_since, memory.schedule_since, memory.first_seen), UTC)
    missed, following = due(case.schedule, since, case.clock), next_transition(case.schedule, case.clock)
    if missed and missed.on and state in AT_REST:
        due_at = missed.at.timestamp()
        return Decision(NextAction.START, "Its schedule starts it now.", case.now, ActionReason.SCHEDULE, due=due_at)
    if state is State.STOPPED and following and following.on:
        at = following.at.timestamp()
        return Decision(NextAction.NOTHING, f"Its schedule starts it at {moment_text(at)}.", at, ActionReason.SCHEDULE)
    if state is not State.RUNNING:
        return None
    if missed and not missed.on:
        if busy(case) is not None:  # also where idleness is not watched for
            return Decision(
                NextAction.NOTHING, f"Its schedule wants it off since {moment_text(missed.at.timestamp())}: when it is done."
            )
        return _in_time(case, ActionReason.SCHEDULE, missed.at.timestamp(), NextAction.STOP, "stopped by its schedule")
    if following and not following.on:
        return _in_time(case, ActionReason.SCHEDULE, following.at.timestamp(), NextAction.STOP, "stopped by its schedule")
    return None


def _billed(case: Evaluation, verdict: Verdict) -> Decision | None:
    if verdict.kind is not VerdictKind.STOPPED_BILLED:
        return None
    if case.machine.ephemeral_disk or case.policy.action is Action.NOTIFY:
        return Decision(NextAction.NOTHING, "Nothing is done about it: start it, or delete it.", 0.0, ActionReason.BILLED)
    at = max(case.tracked.state_since + BILLED_FOR, case.now)
    step = NextAction.STOP if at == case.now else NextAction.NOTHING
    return Decision(step, f"It is deallocated at {moment_text(at)}.", at, ActionReason.BILLED, due=at)


def _idle(case: Evaluation, verdict: Verdict) -> Decision | None:
    if verdict.kind is not VerdictKind.IDLE:
        return None
    if case.policy.action is Action.NOTIFY:
        step = NextAction.NOTHING if case.tracked.warning else NextAction.WARN
        return Decision(step, "Its policy only notifies: nobody stops it.", 0.0, ActionReason.IDLE)
    words = "hibernated" if hibernates(case) else "deallocated"
    # Who has just been noticed is left alone for a while, however idle.
    known_since = case.tracked.first_seen + case.policy.grace * MINUTE
    if case.now < known_since:
        return Decision(
            NextAction.NOTHING,
            f"It was first seen a moment ago, and is left alone until {moment_text(known_since)}.",
            known_since,
        )
    return _in_time(case, ActionReason.IDLE, case.now, NextAction.STOP, words)


def _in_time(case: Evaluation, reason: ActionReason, due_at: float, act: NextAction, words: str) -> Decision | None:
    """Warn a lead before the moment that is due, or now; act when the lead is over; None while it is too early to warn."""
    now, lead, warned = case.now, case.policy.lead * MINUTE, case.tracked.warning
    if now < due_at - lead:
        return None
    if warned is None or warned.reason is not reason or now > max(warned.stop_at, case.tracked.retry_at) + FORGOTTEN:
        if not lead:
            return Decision(act, f"It is {words} now.", now, reason, due=due_at)
        stop_at = max(due_at, now + lead)
        then = f"It is going to be {words} at {moment_text(stop_at)}{UNLESS[reason]}."
        return Decision(NextAction.WARN, then, stop_at, reason, due=due_at)
    ready = _ready(case, warned)
    if ready is None:
        why = warned.undelivered or "no one has seen the warning yet"
        return Decision(
            NextAction.WARN, f"It is not {words} yet: {why}. It is warned again.", now + lead, reason, due=due_at
        )
    at = max(ready, warned.stop_at, due_at, now)
    step = act if at == now else NextAction.NOTHING
    return Decision(
        step, f"It was warned, and is going to be {words} at {moment_text(at)}{UNLESS[reason]}.", at, reason, due=due_at
    )


def _ready(case: Evaluation, warned: PendingWarning) -> float | None:
    """From when on a warning allows to act, or None while it has reached nobody and the policy wants it to."""
    lead = case.policy.lead * MINUTE
    if warned.delivered_at:
        return warned.delivered_at + lead
    return warned.given_at + lead if case.policy.undeliverable == "proceed" else None


RULES: tuple[Callable[[Evaluation, Verdict], Decision | None], ...] = (_lease, _schedule, _billed, _idle)
