"""What a sweep does: warn, stop, start, delete. Orders go out at a measured pace; each machine is free when it is done.

Whatever becomes of one machine, the others do not wait for it.
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
    BURST,
    EVERY,
    EVERY_SECONDS,
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

# One deallocation in ten takes less than 15 seconds (recorded), none less than four: each is seen ten seconds later at most.
FIRST_LOOK, BETWEEN_LOOKS = 14.0, 9.3
LOOKED_FOR = 300.0
# Tries for a machine that cannot be looked at, or that Azure cannot take an order for at the moment.
TRIES, LONGEST_PAUSE = 4, 60.0
SOON = df.RetryOptions(5_000, 3)

WANTED_STATES = {NextAction.STOP: State.STOPPED, NextAction.START: State.RUNNING}
CONFIRMED_TEXTS = {
    NextAction.STOP: "It is deallocated; Azure shows it so.",
    NextAction.START: "It is running; Azure shows it so.",
}


@dataclass(slots=True)
class Job:
    """One machine that the sweep has taken, and what has come of that so far."""

    claim: ActionClaim
    taken_at: float
    tries: int = 0
    not_before: float = 0.0
    ordered_at: float = 0.0
    url: str = ""
    outcome: Outcome | None = None

    @property
    def planned(self) -> PlannedAction:
        """What the machine was taken for."""
        return self.claim.planned

    @property
    def is_done_in_state(self) -> State:
        """The state in which Azure shows that it is done."""
        return WANTED_STATES[self.planned.action]


def execute_actions(context: Context, planned: Sequence[PlannedAction], page: PageRequest) -> Orchestration[tuple[str, ...]]:
    """Do what is planned for the machines of one page; whatever goes wrong with one of them leaves the others alone."""
    jobs, problems = yield from _claim(context, [plan for plan in planned if plan.action is not NextAction.WARN])
    yield from _delete(context, [job for job in jobs if job.planned.action is NextAction.DELETE])
    warnings = [plan for plan in planned if plan.action is NextAction.WARN]
    closings = yield from _order(context, [job for job in jobs if job.planned.action in WANTED_STATES], warnings, page)
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
    answers = yield from run(context, claim_machines, ClaimBatch(claims), SOON)
    jobs, problems = [], []
    for claim, answer in zip(claims, answers, strict=True):
        name = claim.planned.machine.name
        if answer.holder == claim.operation:
            jobs.append(Job(claim, now))
        elif answer.holder:
            problems.append(f"{name} is held by operation {answer.holder}")
        else:
            problems.append(f"{name} could not be taken: {answer.problem}")
    return jobs, tuple(problems)


def _delete(context: Context, jobs: Sequence[Job]) -> Orchestration[None]:
    """Begin to delete environments whose lease has run out: each looks again, closes its trail, and is not waited for."""
    if jobs:
        name = delete_at_lease_end.__name__
        tasks = [
            context.call_sub_orchestrator(name, serialization.encode(LeaseEnd(job.claim)), job.claim.operation)
            for job in jobs
        ]
        yield context.task_any([*tasks, context.create_timer(context.current_utc_datetime)])


def _order(
    context: Context, jobs: Sequence[Job], warnings: Sequence[PlannedAction], page: PageRequest
) -> Orchestration[list[SweepClosing]]:
    """Begin job after job at the pace of all pages together, look whether they are done, and close each that is.

    Warnings are given as soon as the first orders are out. What people should be told of is the answer.
    """
    waiting, sizes = list(jobs), _sizes(page.pages)
    ordered: list[Job] = []
    order_at = look_at = _now(context)
    news: list[SweepClosing] = []
    while waiting or ordered:
        now = _now(context)
        if waiting and now >= order_at:
            group = [job for job in waiting if job.not_before <= now][: next(sizes)]
            yield from _begin(context, group)
            look_at = look_at if ordered else now + FIRST_LOOK
            ordered += [job for job in group if job.outcome is None and job.ordered_at]
            waiting = [job for job in waiting if job.outcome is None and not job.ordered_at]
            order_at = max(now + EVERY_SECONDS, min((job.not_before for job in waiting), default=0.0))
            news += yield from _close(context, group)
            yield from run_each(context, [(warn_machine, plan) for plan in warnings])
            warnings = []
        if ordered and _now(context) >= look_at:
            look_at = _now(context) + BETWEEN_LOOKS
            yield from _look(context, ordered)
            news += yield from _close(context, ordered)
            ordered = [job for job in ordered if job.outcome is None]
        moments = [*([order_at] if waiting else []), *([look_at] if ordered else [])]
        if moments:
            yield from sleep(context, max(min(moments) - _now(context), 0.0))
    yield from run_each(context, [(warn_machine, plan) for plan in warnings])
    return news


def _sizes(pages: int) -> Iterator[int]:
    """How many orders may go out at once: a first lot, then some every few seconds, shared with the other pages."""
    yield max(BURST // max(pages, 1), 1)
    while True:
        yield max(EVERY // max(pages, 1), 1)


def _begin(context: Context, group: Sequence[Job]) -> Orchestration[None]:
    """Look again and begin; whatever cannot be looked at is tried again by the next group, a few times."""
    try:
        answers = yield from run(context, begin_claims, ClaimBatch(tuple(job.claim for job in group)), SOON)
    except RetriesExhausted as gave_up:
        answers = [ActionStarted(why=gave_up.refusal.detail, again=True)] * len(group)
    for job, answer in zip(group, answers, strict=True):
        job.tries += 1
        if answer.again and job.tries < TRIES and answer.after <= LONGEST_PAUSE:
            job.not_before = _now(context) + answer.after
            continue
        job.outcome = _outcome(answer)
        if job.outcome is None and answer.progress is not None:
            job.ordered_at, job.url = _now(context), answer.progress.url


def _outcome(answer: ActionStarted) -> Outcome | None:
    """How a job ends that was not begun, or None if it was."""
    if answer.progress is None:
        again = " The next sweep tries again." if answer.again else ""
        return Outcome(OutcomeStatus.CANCELLED, f"Nothing was done. {answer.why}{again}")
    return Outcome.failed([answer.progress.refusal]) if answer.progress.refusal is not None else None


def _look(context: Context, jobs: Sequence[Job]) -> Orchestration[None]:
    """See which jobs are done: one question for all of them. What is not done in minutes is asked of the machine itself."""
    try:
        states = yield from run(context, confirm_states, [job.planned.machine.id for job in jobs], SOON)
    except RetriesExhausted:
        states = {}
    for job in jobs:
        if states.get(job.planned.machine.id.lower()) is job.is_done_in_state:
            job.outcome = Outcome(
                OutcomeStatus.SUCCEEDED, f"{job.planned.verdict_reason} {CONFIRMED_TEXTS[job.planned.action]}"
            )
    late = [job for job in jobs if job.outcome is None and _now(context) - job.ordered_at > LOOKED_FOR]
    yield from _ask_one_by_one(context, late)


def _ask_one_by_one(context: Context, jobs: Sequence[Job]) -> Orchestration[None]:
    """What is not confirmed in time is asked of each machine, and of the operation that Azure began."""
    views = yield from run_each(context, [(read_machine, job.claim.power) for job in jobs], SOON)
    asked = [job for job in jobs if job.url]
    answers = yield from run_each(context, [(poll_operation, PollRequest(job.url)) for job in asked], SOON)
    refusals = {
        job.claim.operation: said.refusal for job, said in zip(asked, answers, strict=True) if isinstance(said, Progress)
    }
    for job, view in zip(jobs, views, strict=True):
        if isinstance(view, RetriesExhausted):
            job.outcome = Outcome.failed([view.refusal])
        elif view.state is job.is_done_in_state:
            job.outcome = Outcome(
                OutcomeStatus.SUCCEEDED, f"{job.planned.verdict_reason} {CONFIRMED_TEXTS[job.planned.action]}"
            )
        else:
            words = f"{job.planned.action.upper()} NOT CONFIRMED: Azure shows it as {view.state}. {view.problem}".strip()
            refusal = refusals.get(job.claim.operation) or Refusal(RefusalReason.FAILED_LATE, words, step="verify")
            job.outcome = Outcome.failed([refusal], undone=words)


def _close(context: Context, jobs: Sequence[Job]) -> Orchestration[list[SweepClosing]]:
    """Write down what has ended, and release each machine; the answer is what people should be told of."""
    ended = _now(context)
    closings = [
        SweepClosing(job.claim.operation, job.planned, job.outcome, job.taken_at, ended)
        for job in jobs
        if job.outcome is not None
    ]
    told = yield from run_each(context, [(close_sweep_operation, closing) for closing in closings], TRANSIENT)
    return [closing for closing, news in zip(closings, told, strict=True) if news is True]


def _notice(closing: SweepClosing) -> Notification:
    plan, outcome = closing.planned, closing.outcome
    good = outcome.status is OutcomeStatus.SUCCEEDED
    event = (
        {NextAction.STOP: "stopped", NextAction.START: "started"}[plan.action] if good else f"{plan.action} not confirmed"
    )
    return Notification(event, plan.machine.id, plan.machine.name, outcome.reason, closing.ended_at)


def _now(context: Context) -> float:
    return float(context.current_utc_datetime.timestamp())
