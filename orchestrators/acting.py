"""What a sweep does: warn, put to sleep, wake, delete. Many machines are begun at a measured pace and confirmed together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import wire
from activities.acting import (
    begin_if_still_right,
    claim_machine,
    close_sweep_operation,
    confirm_states,
    warn_machine,
)
from activities.machine import read_machine
from activities.operation import check_operation
from environments.decisions import Step
from environments.identifiers import operation_id_at
from environments.lifecycle import State
from environments.notices import Notice
from environments.operations import PollRequest, Teardown
from environments.outcomes import Outcome, Progress, Refusal, RefusalReason, Stage, Verdict
from environments.sweeps import Claim, PageRequest, Planned, SweepClosing
from orchestrators.steps import STUBBORN, Context, GaveUp, Story, run, run_each, sleep
from orchestrators.teardown import delete_environment
from orchestrators.telling import tell

# Resource Manager takes 200 writes at once and 10 a second after that; six of ten are ours, whatever page they come from.
# https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
BURST, EVERY, EVERY_SECONDS = 120, 30, 5.0
# A deallocation takes half a minute; Resource Graph hears of it some seconds later.
FIRST_LOOK, BETWEEN_LOOKS, LOOKS = 40.0, 20.0, 12
APART = 0.6  # pages ask one after the other

WANTED = {Step.STOP: State.STOPPED, Step.START: State.RUNNING}
DONE = {Step.STOP: "It is deallocated; Azure shows it so.", Step.START: "It is running; Azure shows it so."}


@dataclass(slots=True)
class Job:
    """One machine that the sweep has taken, and what has come of that so far."""

    claim: Claim
    began_at: float
    url: str = ""
    outcome: Outcome | None = None

    @property
    def planned(self) -> Planned:
        """What the machine was taken for."""
        return self.claim.planned

    @property
    def operation(self) -> str:
        """The operation that has taken it."""
        return self.claim.operation


def act(context: Context, planned: Sequence[Planned], page: PageRequest) -> Story[tuple[str, ...]]:
    """Do what is planned for the machines of one page; whatever goes wrong with one of them leaves the others alone."""
    yield from run_each(context, [(warn_machine, plan) for plan in planned if plan.step is Step.WARN])
    jobs, problems = yield from _claim(context, [plan for plan in planned if plan.step is not Step.WARN])
    first = True
    for group in _paced(jobs, page.pages):
        if not first:
            yield from sleep(context, EVERY_SECONDS)
        first = False
        yield from _begin(context, group)
    yield from _delete(context, [job for job in jobs if job.outcome is None and job.planned.step is Step.DELETE])
    yield from _confirm(context, [job for job in jobs if job.outcome is None and job.planned.step in WANTED], page)
    yield from _close(context, [job for job in jobs if job.outcome is not None])
    return problems


def _claim(context: Context, planned: Sequence[Planned]) -> Story[tuple[list[Job], tuple[str, ...]]]:
    now = context.current_utc_datetime.timestamp()
    carrier = str(context.instance_id)
    claims = [
        Claim(
            operation_id_at(plan.subject, plan.verb, now, f"{carrier}|{plan.machine.key}"),
            plan,
            "" if plan.step is Step.DELETE else carrier,
            now,
        )
        for plan in planned
    ]
    holders = yield from run_each(context, [(claim_machine, claim) for claim in claims])
    jobs, problems = [], []
    for claim, holder in zip(claims, holders, strict=True):
        if holder == claim.operation:
            jobs.append(Job(claim, now))
        elif isinstance(holder, GaveUp):
            problems.append(f"{claim.planned.machine.name} could not be taken: {holder.refusal.detail}")
        else:
            problems.append(f"{claim.planned.machine.name} is held by operation {holder}")
    return jobs, tuple(problems)


def _paced(jobs: Sequence[Job], pages: int) -> Iterator[list[Job]]:
    """The jobs in groups: a first one, and then as many as may go out every some seconds, shared with the other pages."""
    begin, count = 0, max(BURST // max(pages, 1), 1)
    while begin < len(jobs):
        yield list(jobs[begin : begin + count])
        begin, count = begin + count, max(EVERY // max(pages, 1), 1)


def _begin(context: Context, jobs: Sequence[Job]) -> Story[None]:
    """Look again and begin, machine by machine: whoever comes to work meanwhile is seen by the next try."""
    begun = yield from run_each(context, [(begin_if_still_right, job.claim) for job in jobs])
    for job, answer in zip(jobs, begun, strict=True):
        if isinstance(answer, GaveUp):
            job.outcome = Outcome.failed([answer.refusal])
        elif answer.progress is None:
            job.outcome = Outcome(Verdict.CANCELLED, f"Nothing was done. {answer.why}")
        elif answer.progress.refusal is not None:
            job.outcome = Outcome.failed([answer.progress.refusal])
        elif answer.progress.stage is Stage.WAITING and not answer.progress.url:
            words = "Azure was asked too much at once; the next sweep tries again."
            job.outcome = Outcome.failed([Refusal(RefusalReason.GAVE_UP, words, step=job.planned.step)])
        else:
            job.url = answer.progress.url


def _confirm(context: Context, jobs: Sequence[Job], page: PageRequest) -> Story[None]:
    """Look until Azure shows what was asked for: one question for all machines at a time."""
    open_ = list(jobs)
    for look in range(LOOKS if jobs else 0):
        yield from sleep(context, (BETWEEN_LOOKS if look else FIRST_LOOK + page.number * APART))
        try:
            states = yield from run(context, confirm_states, [job.planned.machine.id for job in open_])
        except GaveUp:
            continue
        for job in open_:
            if states.get(job.planned.machine.id.lower()) is WANTED[job.planned.step]:
                job.outcome = Outcome(Verdict.SUCCEEDED, f"{job.planned.sentence} {DONE[job.planned.step]}")
        open_ = [job for job in open_ if job.outcome is None]
        if not open_:
            return
    yield from _ask_one_by_one(context, open_)


def _ask_one_by_one(context: Context, jobs: Sequence[Job]) -> Story[None]:
    """What Resource Graph does not confirm is asked of each machine, and of the operation that Azure began."""
    views = yield from run_each(context, [(read_machine, job.claim.power) for job in jobs])
    asked = [job for job in jobs if job.url]
    answers = yield from run_each(context, [(check_operation, PollRequest(job.url)) for job in asked])
    refusals = {job.operation: said.refusal for job, said in zip(asked, answers, strict=True) if isinstance(said, Progress)}
    for job, view in zip(jobs, views, strict=True):
        if isinstance(view, GaveUp):
            job.outcome = Outcome.failed([view.refusal])
        elif view.state is WANTED[job.planned.step]:
            job.outcome = Outcome(Verdict.SUCCEEDED, f"{job.planned.sentence} {DONE[job.planned.step]}")
        else:
            words = f"{job.planned.step.upper()} NOT CONFIRMED: Azure shows it as {view.state}. {view.problem}".strip()
            refusal = refusals.get(job.operation) or Refusal(RefusalReason.FAILED_LATE, words, step="verify")
            job.outcome = Outcome.failed([refusal], undone=words)


def _delete(context: Context, jobs: Sequence[Job]) -> Story[None]:
    """Begin to delete environments whose lease has run out, as people do; each closes its own trail, and nobody waits."""
    if jobs:
        requests = [Teardown(job.operation, job.planned.machine.environment, job.planned.machine.group) for job in jobs]
        name = delete_environment.__name__
        tasks = [context.call_sub_orchestrator(name, wire.encode(request), request.operation) for request in requests]
        yield context.task_any([*tasks, context.create_timer(context.current_utc_datetime)])


def _close(context: Context, jobs: Sequence[Job]) -> Story[None]:
    ended = context.current_utc_datetime.timestamp()
    closings = [
        SweepClosing(job.operation, job.planned, job.outcome, job.began_at, ended) for job in jobs if job.outcome is not None
    ]
    told = yield from run_each(context, [(close_sweep_operation, closing) for closing in closings], STUBBORN)
    worth = [closing for closing, tell in zip(closings, told, strict=True) if tell is True]
    yield from tell(context, [_notice(closing) for closing in worth])


def _notice(closing: SweepClosing) -> Notice:
    plan, outcome = closing.planned, closing.outcome
    good = outcome.verdict is Verdict.SUCCEEDED
    event = {Step.STOP: "stopped", Step.START: "started"}[plan.step] if good else f"{plan.step} not confirmed"
    return Notice(event, plan.machine.id, plan.machine.name, outcome.explanation, closing.ended_at)
