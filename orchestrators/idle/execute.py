"""The actions of a sweep: warn, stop, start, delete, within Azure's rate limits.

Each machine is unlocked as soon as its action has ended; a failed one does not delay the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import azure.durable_functions as df

from activities.idle.complete import close_sweep_operation
from activities.idle.execute import begin_claims, claim_machines, confirm_states
from activities.notifications import warn_machine
from activities.operations import poll_operation
from activities.resources.compute import read_machine
from dormouse import serialization
from dormouse.environments.operations import PollRequest
from dormouse.environments.results import Outcome, OutcomeStatus, Progress, Refusal, RefusalReason
from dormouse.idle.decision import NextAction
from dormouse.idle.sweep import (
    BATCH,
    BATCH_SECONDS,
    BURST,
    ActionClaim,
    ActionStarted,
    ClaimBatch,
    LeaseEnd,
    PageRequest,
    PlannedAction,
    SweepClosing,
)
from dormouse.ids import operation_id_at
from dormouse.lifecycle import State
from dormouse.notifications.notification import Notification
from orchestrators.durable import TRANSIENT, Context, Orchestration, RetriesExhausted, run, run_each, sleep
from orchestrators.environments.delete import delete_at_lease_end
from orchestrators.notify import notify

# One deallocation in ten takes less than 15 seconds (recorded): each is confirmed at most ten seconds after its end.
FIRST_CHECK, CHECK_INTERVAL = 14.0, 9.3
CHECK_TIMEOUT = 300.0
# Attempts for a machine that cannot be read, or whose power Azure cannot change at the moment.
TRIES, LONGEST_PAUSE = 4, 60.0
SHORT_RETRY = df.RetryOptions(5_000, 3)

TARGET_STATES = {NextAction.STOP: State.STOPPED, NextAction.START: State.RUNNING}
CONFIRMED_TEXTS = {
    NextAction.STOP: "Azure confirms that it is deallocated.",
    NextAction.START: "Azure confirms that it is running.",
}


@dataclass(slots=True)
class Job:
    """One machine that the sweep has locked, and the progress of its action."""

    claim: ActionClaim
    locked_at: float
    tries: int = 0
    not_before: float = 0.0
    started_at: float = 0.0
    url: str = ""
    outcome: Outcome | None = None

    @property
    def planned(self) -> PlannedAction:
        """The action for the machine."""
        return self.claim.planned

    @property
    def target_state(self) -> State:
        """The state that confirms the action."""
        return TARGET_STATES[self.planned.action]


def execute_actions(context: Context, planned: Sequence[PlannedAction], page: PageRequest) -> Orchestration[tuple[str, ...]]:
    """Carry out the actions for the machines of one page, each independent of the others; returns the problems."""
    jobs, problems = yield from _claim(context, [plan for plan in planned if plan.action is not NextAction.WARN])
    yield from _delete(context, [job for job in jobs if job.planned.action is NextAction.DELETE])
    warnings = [plan for plan in planned if plan.action is NextAction.WARN]
    closings = yield from _power(context, [job for job in jobs if job.planned.action in TARGET_STATES], warnings, page)
    yield from notify(context, [_notice(closing) for closing in closings])
    return problems


def _claim(context: Context, planned: Sequence[PlannedAction]) -> Orchestration[tuple[list[Job], tuple[str, ...]]]:
    if not planned:
        return [], ()
    now, carrier = _now(context), str(context.instance_id)
    claims = tuple(
        ActionClaim(operation_id_at(plan.lock, plan.verb, now, f"{carrier}|{plan.machine.key}"), plan, carrier, now)
        for plan in planned
    )
    answers = yield from run(context, claim_machines, ClaimBatch(claims), SHORT_RETRY)
    jobs, problems = [], []
    for claim, answer in zip(claims, answers, strict=True):
        name = claim.planned.machine.name
        if answer.holder == claim.operation:
            jobs.append(Job(claim, now))
        elif answer.holder:
            problems.append(f"{name} is locked by operation {answer.holder}")
        else:
            problems.append(f"{name} could not be locked: {answer.problem}")
    return jobs, tuple(problems)


def _delete(context: Context, jobs: Sequence[Job]) -> Orchestration[None]:
    """Start the deletion of environments whose lease has expired; each is a separate orchestration, not awaited here."""
    if jobs:
        name = delete_at_lease_end.__name__
        tasks = [
            context.call_sub_orchestrator(name, serialization.encode(LeaseEnd(job.claim)), job.claim.operation)
            for job in jobs
        ]
        yield context.task_any([*tasks, context.create_timer(context.current_utc_datetime)])


def _power(
    context: Context, jobs: Sequence[Job], warnings: Sequence[PlannedAction], page: PageRequest
) -> Orchestration[list[SweepClosing]]:
    """Start and stop machines in batches, within the rate limit of all pages, confirm the results and complete the jobs.

    Warnings are sent after the first batch. Returns the completions that need a notification.
    """
    waiting, sizes = list(jobs), _sizes(page.pages)
    started: list[Job] = []
    start_at = check_at = _now(context)
    news: list[SweepClosing] = []
    while waiting or started:
        now = _now(context)
        if waiting and now >= start_at:
            group = [job for job in waiting if job.not_before <= now][: next(sizes)]
            yield from _begin(context, group)
            check_at = check_at if started else now + FIRST_CHECK
            started += [job for job in group if job.outcome is None and job.started_at]
            waiting = [job for job in waiting if job.outcome is None and not job.started_at]
            start_at = max(now + BATCH_SECONDS, min((job.not_before for job in waiting), default=0.0))
            news += yield from _close(context, group)
            yield from run_each(context, [(warn_machine, plan) for plan in warnings])
            warnings = []
        if started and _now(context) >= check_at:
            check_at = _now(context) + CHECK_INTERVAL
            yield from _check(context, started)
            news += yield from _close(context, started)
            started = [job for job in started if job.outcome is None]
        moments = [*([start_at] if waiting else []), *([check_at] if started else [])]
        if moments:
            yield from sleep(context, max(min(moments) - _now(context), 0.0))
    yield from run_each(context, [(warn_machine, plan) for plan in warnings])
    return news


def _sizes(pages: int) -> Iterator[int]:
    """The sizes of the batches of this page: a burst first, then one batch every few seconds."""
    yield max(BURST // max(pages, 1), 1)
    while True:
        yield max(BATCH // max(pages, 1), 1)


def _begin(context: Context, group: Sequence[Job]) -> Orchestration[None]:
    """Recheck a batch and start its actions; machines that cannot be read are retried with a later batch, a few times."""
    try:
        answers = yield from run(context, begin_claims, ClaimBatch(tuple(job.claim for job in group)), SHORT_RETRY)
    except RetriesExhausted as gave_up:
        answers = [ActionStarted(why=gave_up.refusal.detail, again=True)] * len(group)
    for job, answer in zip(group, answers, strict=True):
        job.tries += 1
        if answer.again and job.tries < TRIES and answer.after <= LONGEST_PAUSE:
            job.not_before = _now(context) + answer.after
            continue
        job.outcome = _outcome(answer)
        if job.outcome is None and answer.progress is not None:
            job.started_at, job.url = _now(context), answer.progress.url


def _outcome(answer: ActionStarted) -> Outcome | None:
    """The outcome of a job whose action was not started; None if it was."""
    if answer.progress is None:
        again = " The next sweep retries." if answer.again else ""
        return Outcome(OutcomeStatus.CANCELLED, f"Nothing was done. {answer.why}{again}")
    return Outcome.failed([answer.progress.refusal]) if answer.progress.refusal is not None else None


def _check(context: Context, jobs: Sequence[Job]) -> Orchestration[None]:
    """Check all jobs with one query; those that are not confirmed within minutes are checked one by one."""
    try:
        states = yield from run(context, confirm_states, [job.planned.machine.id for job in jobs], SHORT_RETRY)
    except RetriesExhausted:
        states = {}
    for job in jobs:
        if states.get(job.planned.machine.id.lower()) is job.target_state:
            job.outcome = Outcome(
                OutcomeStatus.SUCCEEDED, f"{job.planned.verdict_reason} {CONFIRMED_TEXTS[job.planned.action]}"
            )
    late = [job for job in jobs if job.outcome is None and _now(context) - job.started_at > CHECK_TIMEOUT]
    yield from _check_one_by_one(context, late)


def _check_one_by_one(context: Context, jobs: Sequence[Job]) -> Orchestration[None]:
    """Read the machine of each job and its Azure operation, and end the job with what they say."""
    views = yield from run_each(context, [(read_machine, job.claim.power) for job in jobs], SHORT_RETRY)
    polled = [job for job in jobs if job.url]
    answers = yield from run_each(context, [(poll_operation, PollRequest(job.url)) for job in polled], SHORT_RETRY)
    refusals = {
        job.claim.operation: answer.refusal
        for job, answer in zip(polled, answers, strict=True)
        if isinstance(answer, Progress)
    }
    for job, view in zip(jobs, views, strict=True):
        if isinstance(view, RetriesExhausted):
            job.outcome = Outcome.failed([view.refusal])
        elif view.state is job.target_state:
            job.outcome = Outcome(
                OutcomeStatus.SUCCEEDED, f"{job.planned.verdict_reason} {CONFIRMED_TEXTS[job.planned.action]}"
            )
        else:
            words = f"{job.planned.action.upper()} NOT CONFIRMED: Azure reports it as {view.state}. {view.problem}".strip()
            refusal = refusals.get(job.claim.operation) or Refusal(RefusalReason.FAILED_LATE, words, step="verify")
            job.outcome = Outcome.failed([refusal], undone=words)


def _close(context: Context, jobs: Sequence[Job]) -> Orchestration[list[SweepClosing]]:
    """Record the outcome of each ended job and unlock its machine; returns the completions that need a notification."""
    ended = _now(context)
    closings = [
        SweepClosing(job.claim.operation, job.planned, job.outcome, job.locked_at, ended)
        for job in jobs
        if job.outcome is not None
    ]
    notifies = yield from run_each(context, [(close_sweep_operation, closing) for closing in closings], TRANSIENT)
    return [closing for closing, answer in zip(closings, notifies, strict=True) if answer is True]


def _notice(closing: SweepClosing) -> Notification:
    plan, outcome = closing.planned, closing.outcome
    good = outcome.status is OutcomeStatus.SUCCEEDED
    event = (
        {NextAction.STOP: "stopped", NextAction.START: "started"}[plan.action] if good else f"{plan.action} not confirmed"
    )
    return Notification(event, plan.machine.id, plan.machine.name, outcome.reason, closing.ended_at)


def _now(context: Context) -> float:
    return float(context.current_utc_datetime.timestamp())
