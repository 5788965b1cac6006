"""Starts of a sweep for which Azure has no capacity: each goes on with the other sizes of its spec, on its own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from activities.idle.complete import close_sweep_operation
from activities.idle.hand_over import recheck_refused_start
from dormouse import serialization
from dormouse.environments.fallback import lacks_capacity
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.idle.sweep import RefusedStart, SweepClosing
from dormouse.ids import child_of
from dormouse.lifecycle import Verb
from orchestrators.durable import LONG_RETRY, Context, Orchestration, RetriesExhausted, begin_apart, run
from orchestrators.environments.power import verify_power
from orchestrators.environments.start_fallback import start_resized
from orchestrators.environments.suspend import resume_all
from orchestrators.idle.jobs import RUNS, Job, closing_notice, now_of
from orchestrators.notify import notify
from orchestrators.progress import REFUSED, ProgressTracker

NOT_TRIED = "No other size was tried. {why}"
FALLBACK = "fallback"


def may_go_on(job: Job) -> bool:
    """Whether a start was refused for a lack of capacity, and its spec allows another size."""
    return job.planned.resizes and job.outcome is not None and lacks_capacity(job.outcome.refusals)


def begin_fallbacks(context: Context, jobs: Sequence[Job]) -> Orchestration[None]:
    """Start an orchestration for each of these refused starts, without waiting for it: a sweep ends within minutes."""
    tasks = []
    for job in jobs:
        assert job.outcome is not None
        instance_id = child_of(job.claim.operation, FALLBACK)
        request = RefusedStart(job.claim, job.outcome.refusals, job.locked_at, instance_id)
        job.handed_over = True
        encoded = serialization.encode(request)
        tasks.append(context.call_sub_orchestrator(start_with_other_size.__name__, encoded, instance_id))
    yield from begin_apart(context, tasks)


def start_with_other_size(context: Context) -> Orchestration[Any]:
    """Start a machine with another size as the command does, if it is still to be started; else it keeps its size."""
    request = serialization.decode(RefusedStart, context.get_input())
    tracker = ProgressTracker(context)
    try:
        outcome = yield from _start(context, request, tracker)
    except RetriesExhausted as gave_up:
        outcome = Outcome.failed([gave_up.refusal])
    tracker.close()
    operation, planned = request.claim.operation, request.claim.planned
    closing = SweepClosing(operation, planned, outcome, request.locked_at, now_of(context), tracker.reports)
    notifies = yield from run(context, close_sweep_operation, closing, LONG_RETRY)
    if outcome.status is OutcomeStatus.SUCCEEDED:
        yield from resume_all(context, planned.suspended)
    yield from notify(context, [closing_notice(closing)] if notifies else [])
    return operation


def _start(context: Context, request: RefusedStart, tracker: ProgressTracker) -> Orchestration[Outcome]:
    found = yield from run(context, recheck_refused_start, request)
    if found.change is None:
        return Outcome.failed(request.refusals, undone=NOT_TRIED.format(why=found.why))
    change = found.change
    (name,), (refusal, *_) = change.only, request.refusals
    step = f"{Verb.START} {name}"
    tracker.begin(step)
    tracker.end(step, REFUSED)
    started = yield from start_resized(context, change, {name: replace(refusal, step=step)}, tracker)
    refusals = list(started.refusals) or (yield from verify_power(context, change, tracker))
    if refusals:
        return Outcome.failed(refusals).after(started.attempts, started.done)
    words = f"{request.claim.planned.verdict_reason} {RUNS}"
    return Outcome(OutcomeStatus.SUCCEEDED, words).after(started.attempts, started.done)
