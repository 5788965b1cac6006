"""The actions of a sweep: warn, stop, start, delete, within Azure's rate limits.

Each machine is unlocked as soon as its action has ended; a failed one does not delay the others.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from activities.idle.execute import claim_machines
from dormouse import serialization
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.idle.decision import NextAction
from dormouse.idle.sweep import (
    ActionClaim,
    ClaimBatch,
    LeaseEnd,
    PageRequest,
    PlannedAction,
    SweepClosing,
)
from dormouse.ids import operation_id_at
from orchestrators.durable import Context, Orchestration, begin_apart, run, settled
from orchestrators.environments.delete import delete_at_lease_end
from orchestrators.environments.suspend import resume_all, suspend_all
from orchestrators.idle.jobs import TARGET_STATES, Job, close_ended, closing_notice, now_of
from orchestrators.idle.power import SHORT_RETRY, change_power_of
from orchestrators.idle.stages import begin_stops
from orchestrators.notify import notify

# Less than the five minutes for which a decision is valid.
SUSPENSION = timedelta(minutes=3)


def execute_actions(context: Context, planned: Sequence[PlannedAction], page: PageRequest) -> Orchestration[tuple[str, ...]]:
    """Carry out the actions for the machines of one page, each independent of the others; returns the problems.

    The machines of one environment share a lock, so they come one after the other.
    """
    warnings = [plan for plan in planned if plan.action is NextAction.WARN]
    problems: list[str] = []
    closings: list[SweepClosing] = []
    for actions in rounds([plan for plan in planned if plan.action is not NextAction.WARN]) or [[]]:
        jobs, found = yield from _claim(context, actions)
        problems += found
        yield from _delete(context, [job for job in jobs if job.planned.action is NextAction.DELETE])
        yield from begin_stops(context, [job for job in jobs if job.planned.action is NextAction.STOP_ENVIRONMENT])
        powered = [job for job in jobs if job.planned.action in TARGET_STATES]
        apart = _with_suspension(context, [job for job in powered if job.planned.suspended])
        together = [job for job in powered if not job.planned.suspended]
        closings += yield from change_power_of(context, together, warnings, page)
        warnings = []
        if apart:
            yield from settled(context.task_all(apart))
    yield from notify(context, [closing_notice(closing) for closing in closings])
    return tuple(problems)


def rounds(planned: Sequence[PlannedAction]) -> list[list[PlannedAction]]:
    """The actions in rounds, so that each round has at most one for each lock; their order is kept."""
    found: list[list[PlannedAction]] = []
    count: Counter[str] = Counter()
    for plan in planned:
        number = count[plan.lock]
        count[plan.lock] += 1
        if number == len(found):
            found.append([])
        found[number].append(plan)
    return found


def _with_suspension(context: Context, jobs: Sequence[Job]) -> list[Any]:
    """Start an orchestration for each machine in which something is suspended first, so that it delays no other."""
    name = act_with_suspension.__name__
    return [context.call_sub_orchestrator(name, serialization.encode(job.claim), job.claim.operation) for job in jobs]


def act_with_suspension(context: Context) -> Orchestration[Any]:
    """Suspend what runs inside a machine and stop it, or start it and resume what was suspended.

    A machine in which something cannot be suspended in time is not stopped.
    """
    claim = serialization.decode(ActionClaim, context.get_input())
    job, suspended = Job(claim, claim.accepted_at), claim.planned.suspended
    stops = claim.planned.action is NextAction.STOP
    refusals = (yield from suspend_all(context, suspended, within=SUSPENSION)) if stops else {}
    if refusals:
        words = " ".join(refusal.explained() for refusal in refusals.values())
        job.outcome = Outcome(OutcomeStatus.CANCELLED, f"Nothing was stopped. {words}")
        closings = yield from close_ended(context, [job])
    else:
        closings = yield from change_power_of(context, [job], [], PageRequest("", 0, 1, dry_run=False))
    good = job.outcome is not None and job.outcome.status is OutcomeStatus.SUCCEEDED
    if stops != good:  # it keeps running, or is running again
        yield from resume_all(context, suspended)
    yield from notify(context, [closing_notice(closing) for closing in closings])
    return claim.operation


def _claim(context: Context, planned: Sequence[PlannedAction]) -> Orchestration[tuple[list[Job], tuple[str, ...]]]:
    if not planned:
        return [], ()
    now, carrier = now_of(context), str(context.instance_id)
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
    """Start the deletion of environments whose lease has ended, or that sleep on; each is an orchestration of its own."""
    name = delete_at_lease_end.__name__
    tasks = [
        context.call_sub_orchestrator(name, serialization.encode(LeaseEnd(job.claim)), job.claim.operation) for job in jobs
    ]
    yield from begin_apart(context, tasks)
