"""Alarms: when people are told that an expected action does not happen, at most once a day, and once about each job."""

from dataclasses import replace

from dormouse.clock import DAY, MINUTE, moment_text
from dormouse.idle.decision import Decision
from dormouse.idle.evidence import Evaluation
from dormouse.idle.jobs.keeping import kept_until
from dormouse.idle.jobs.waking import with_told_of
from dormouse.idle.tracking import TrackedMachine
from dormouse.idle.verdict import Verdict, VerdictKind

IDLE_WINDOWS_BEFORE_ALARM = 4
UNKNOWN_BEFORE_ALARM = DAY
BLOCKED_BEFORE_ALARM = 30 * MINUTE
ALARM_INTERVAL = DAY


def alarm(case: Evaluation, verdict: Verdict, decision: Decision) -> str:
    """The text of the notification that an expected action does not happen; "" if none is due, at most one a day."""
    tracked, now = case.tracked, case.now
    if tracked.alarmed_at != now and now - tracked.alarmed_at < ALARM_INTERVAL:  # equal: this sweep, run again
        return ""
    if case.fault:
        return f"It is neither stopped nor started while its configuration is invalid: {case.fault}."
    if decision.blocked and now - decision.due > BLOCKED_BEFORE_ALARM:
        return f"An action that was due at {moment_text(decision.due)} is blocked. {decision.then}"
    idle_limit = IDLE_WINDOWS_BEFORE_ALARM * case.policy.window * MINUTE + case.policy.lead * MINUTE
    since = tracked.since(verdict.kind) or now
    if verdict.kind is VerdictKind.IDLE and now - max(since, kept_until(case)) > idle_limit:
        undelivered = tracked.warning.undelivered if tracked.warning else ""
        why = f"The warning was not delivered: {undelivered}." if undelivered else decision.then
        return f"Idle since {moment_text(since)}, but still running. {why}"
    if verdict.kind is VerdictKind.UNKNOWN and now - since > UNKNOWN_BEFORE_ALARM:
        return f"It has not been known since {moment_text(since)} whether it is in use. {verdict.reason}"
    if verdict.kind is VerdictKind.BLOCKED and now - since > BLOCKED_BEFORE_ALARM:
        return verdict.reason
    return case.job.text if case.job is not None and not case.job.wakes and not _was_told(case, case.job.request) else ""


def with_alarm(case: Evaluation, text: str) -> TrackedMachine:
    """The tracked state of a machine after this notification about it; "": there is none."""
    if not text:
        return case.tracked
    tracked = replace(case.tracked, alarmed_at=case.now)
    return with_told_of(tracked, case.job.request) if case.job is not None and text == case.job.text else tracked


def _was_told(case: Evaluation, request: int) -> bool:
    """Whether an earlier sweep has told the owner of a job that waits."""
    return request in case.tracked.told_of and case.tracked.alarmed_at != case.now  # equal: this sweep, run again
