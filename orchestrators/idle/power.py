"""Power changes of a sweep: machines are started and stopped in batches, within Azure's rate limits, and confirmed.

Each machine is unlocked as soon as its action has ended; a failed one does not delay the others.
"""

from collections.abc import Iterator, Sequence

import azure.durable_functions as df

from activities.idle.confirm import confirm_states
from activities.idle.execute import begin_claims
from activities.machines import read_machine
from activities.notifications import warn_machine
from activities.operations import poll_operation
from dormouse.environments.answers import Pending, Refused
from dormouse.environments.requests import PollRequest
from dormouse.environments.results import Outcome, OutcomeStatus, Refusal, RefusalReason
from dormouse.idle.sweep import (
    BATCH,
    BATCH_SECONDS,
    BURST,
    ActionStarted,
    ClaimBatch,
    PageRequest,
    PlannedAction,
    SweepClosing,
)
from dormouse.lifecycle import State
from orchestrators.durable import Context, Orchestration, RetriesExhausted, run, run_each, sleep
from orchestrators.idle.fallback import begin_fallbacks, may_go_on
from orchestrators.idle.jobs import Job, close_ended, now_of

# One deallocation in ten takes less than 15 seconds (recorded): each is confirmed at most ten seconds after its end.
FIRST_CHECK, CHECK_INTERVAL = 14.0, 9.3
CHECK_TIMEOUT = 300.0
# Attempts for a machine that cannot be read, or whose power Azure cannot change at the moment.
TRIES, LONGEST_PAUSE = 4, 60.0
SHORT_RETRY = df.RetryOptions(5_000, 3)
# Azure's operations that are asked about between two checks.
POLLED_AT_ONCE = 30


def change_power_of(
    context: Context, jobs: Sequence[Job], warnings: Sequence[PlannedAction], page: PageRequest
) -> Orchestration[list[SweepClosing]]:
    """Start and stop machines in batches, within the rate limit of all pages, confirm the results and complete the jobs.

    Warnings are sent after the first batch. Returns the completions that need a notification.
    """
    waiting, sizes = list(jobs), _sizes(page.pages)
    started: list[Job] = []
    start_at = check_at = now_of(context)
    news: list[SweepClosing] = []
    while waiting or started:
        now = now_of(context)
        if waiting and now >= start_at:
            group = [job for job in waiting if job.not_before <= now][: next(sizes)]
            yield from _begin(context, group)
            yield from begin_fallbacks(context, [job for job in group if may_go_on(job)])
            check_at = check_at if started else now + FIRST_CHECK
            started += [job for job in group if job.outcome is None and job.started_at]
            waiting = [job for job in waiting if job.outcome is None and not job.started_at]
            start_at = max(now + BATCH_SECONDS, min((job.not_before for job in waiting), default=0.0))
            news += yield from close_ended(context, group)
            yield from run_each(context, [(warn_machine, plan) for plan in warnings])
            warnings = []
        if started and now_of(context) >= check_at:
            check_at = now_of(context) + CHECK_INTERVAL
            yield from _check(context, started)
            yield from begin_fallbacks(context, [job for job in started if may_go_on(job)])
            news += yield from close_ended(context, started)
            started = [job for job in started if job.outcome is None]
        moments = [*([start_at] if waiting else []), *([check_at] if started else [])]
        if moments:
            yield from sleep(context, max(min(moments) - now_of(context), 0.0))
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
            job.not_before = now_of(context) + answer.after
            continue
        job.outcome = _outcome(answer)
        if job.outcome is None:
            job.started_at = now_of(context)
            job.url = answer.begun.url if isinstance(answer.begun, Pending) else ""


def _outcome(answer: ActionStarted) -> Outcome | None:
    """The outcome of a job whose action was not started; None if it was."""
    if answer.begun is None:
        again = " The next sweep retries." if answer.again else ""
        return Outcome(OutcomeStatus.CANCELLED, f"Nothing was done. {answer.why}{again}")
    return Outcome.failed([answer.begun.refusal]) if isinstance(answer.begun, Refused) else None


def _check(context: Context, jobs: Sequence[Job]) -> Orchestration[None]:
    """Check all jobs with one query; those that are not confirmed within minutes are checked one by one."""
    try:
        states = yield from run(context, confirm_states, [job.planned.machine.id for job in jobs], SHORT_RETRY)
    except RetriesExhausted:
        states = {}
    for job in jobs:
        if states.get(job.planned.machine.id.lower()) is job.target_state:
            job.confirm()
    yield from _find_refused(context, [job for job in jobs if states.get(job.planned.machine.id.lower()) is State.STOPPED])
    late = [job for job in jobs if job.outcome is None and now_of(context) - job.started_at > CHECK_TIMEOUT]
    yield from _check_one_by_one(context, late)


def _find_refused(context: Context, stopped: Sequence[Job]) -> Orchestration[None]:
    """End the starts of machines that are stopped again because Azure has refused them, a few at a time."""
    asked = [job for job in stopped if job.outcome is None and job.url and job.planned.resizes][:POLLED_AT_ONCE]
    answers = yield from run_each(context, [(poll_operation, PollRequest(job.url)) for job in asked], SHORT_RETRY)
    for job, answer in zip(asked, answers, strict=True):
        if isinstance(answer, Refused):
            job.outcome = Outcome.failed([answer.refusal])


def _check_one_by_one(context: Context, jobs: Sequence[Job]) -> Orchestration[None]:
    """Read the machine of each job and its Azure operation, and end the job with what they say."""
    views = yield from run_each(context, [(read_machine, job.planned.machine.id) for job in jobs], SHORT_RETRY)
    polled = [job for job in jobs if job.url]
    answers = yield from run_each(context, [(poll_operation, PollRequest(job.url)) for job in polled], SHORT_RETRY)
    refusals = {
        job.claim.operation: answer.refusal
        for job, answer in zip(polled, answers, strict=True)
        if isinstance(answer, Refused)
    }
    for job, view in zip(jobs, views, strict=True):
        if isinstance(view, RetriesExhausted):
            job.outcome = Outcome.failed([view.refusal])
        elif view.state is job.target_state:
            job.confirm()
        else:
            words = f"{job.planned.action.upper()} NOT CONFIRMED: Azure reports it as {view.state}. {view.problem}".strip()
            refusal = refusals.get(job.claim.operation) or Refusal(RefusalReason.FAILED_LATE, words, step="verify")
            job.outcome = Outcome.failed([refusal], undone=words)
