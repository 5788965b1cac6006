"""Stops of whole environments by a sweep: each is an operation of its own, which ends after the sweep."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from activities.idle.complete import close_sweep_operation
from activities.idle.hand_over import recheck_environment_stop
from dormouse import serialization
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.idle.sweep import ActionClaim, SweepClosing
from orchestrators.durable import LONG_RETRY, Context, Orchestration, RetriesExhausted, begin_apart, run
from orchestrators.environments.power import carry_out
from orchestrators.idle.jobs import Job, closing_notice, now_of
from orchestrators.notify import notify
from orchestrators.progress import ProgressTracker

START_IT = "Nothing starts it by itself, not even work: start {name} when it is needed (`dormouse start {name}`)."


def begin_stops(context: Context, jobs: Sequence[Job]) -> Orchestration[None]:
    """Start an orchestration for each of these stops, without waiting for it: a sweep ends within minutes."""
    name = stop_whole_environment.__name__
    tasks = [context.call_sub_orchestrator(name, serialization.encode(job.claim), job.claim.operation) for job in jobs]
    yield from begin_apart(context, tasks)


def stop_whole_environment(context: Context) -> Orchestration[Any]:
    """Stop an environment that sleeps on as the command does, after checking again that it does."""
    claim = serialization.decode(ActionClaim, context.get_input())
    tracker = ProgressTracker(context)
    try:
        outcome = yield from _stop(context, claim, tracker)
    except RetriesExhausted as gave_up:
        outcome = Outcome.failed([gave_up.refusal])
    tracker.close()
    closing = SweepClosing(claim.operation, claim.planned, outcome, claim.accepted_at, now_of(context), tracker.reports)
    notifies = yield from run(context, close_sweep_operation, closing, LONG_RETRY)
    yield from notify(context, [closing_notice(closing)] if notifies else [])
    return serialization.encode(outcome)


def _stop(context: Context, claim: ActionClaim, tracker: ProgressTracker) -> Orchestration[Outcome]:
    found = yield from run(context, recheck_environment_stop, claim)
    if found.change is None:
        return Outcome(OutcomeStatus.CANCELLED, f"Nothing was stopped. {found.why}")
    outcome = yield from carry_out(context, found.change, tracker)
    if outcome.status is not OutcomeStatus.SUCCEEDED:
        return outcome
    words = START_IT.format(name=found.change.environment)
    return replace(outcome, reason=f"{claim.planned.verdict_reason} {outcome.reason} {words}")
