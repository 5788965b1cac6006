"""The sweep: evaluates every machine in scope, page by page, and carries out the resulting actions."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import azure.durable_functions as df

from activities.idle.complete import finish_sweep
from activities.idle.evaluate import count_machines, evaluate_page
from activities.idle.missing import evaluate_missing
from activities.idle.waiting import find_waiting_jobs
from dormouse import serialization
from dormouse.idle.report import SweepSummary
from dormouse.idle.sweep import Alarm, JobSearch, JobsFound, PageFound, PageRequest, SweepEnd, SweepRequest
from dormouse.ids import page_id
from dormouse.notifications.notification import Notification
from dormouse.resources.compute.machines import ROWS_PER_PAGE
from orchestrators.durable import (
    LONG_RETRY,
    Activity,
    Context,
    Orchestration,
    RetriesExhausted,
    TaskFailed,
    run,
    run_each,
    settled,
    sleep,
)
from orchestrators.idle.execute import execute_actions
from orchestrators.notify import notify

# A page is one query of Resource Graph, which allows 15 in 5 seconds; the sweep uses about half of that.
PAGES_PER_BATCH, BATCH_SECONDS = 8, 5.0
# After two minutes without an answer, a page is left to the next sweep.
SHORT_RETRY = df.RetryOptions(5_000, 24)
TERMINATED = (
    "The sweep {sweep} did not finish in time and was terminated. Its locks on machines are released, and the next sweep "
    "evaluates them. If this happens again, check the log of the control plane."
)


def sweep(context: Context) -> Orchestration[Any]:
    """Evaluate every machine in scope and carry out the actions; a failed page does not affect the others."""
    request = serialization.decode(SweepRequest, context.get_input())
    began = context.current_utc_datetime.timestamp()
    if request.ended_before:
        yield from notify(
            context, [Notification("sweep ended", "", "sweep", TERMINATED.format(sweep=request.ended_before), began)]
        )
    pages, agents = 0, True
    failed: tuple[str, ...] = ()
    try:
        count, found = yield from _count_and_find_jobs(context, request, began)
        pages = math.ceil(count / ROWS_PER_PAGE)
        # The termination of a sweep finds its sub-orchestrations by this number.
        context.set_custom_status({"pages": pages + 1})
        summary, failed, pages = yield from _sweep_pages(context, request, pages, found)
        agents = bool(failed) or summary.agents > 0
    except RetriesExhausted as gave_up:
        failed = (f"cannot list the machines: {gave_up.refusal.detail}",)
        summary = SweepSummary(problems=failed)
    ended = context.current_utc_datetime.timestamp()
    end = SweepEnd(request, began, ended, pages, summary, failed, agents)
    notices = yield from run(context, finish_sweep, end, LONG_RETRY)
    yield from notify(context, notices)
    return serialization.encode(summary)


def _sweep_pages(
    context: Context, request: SweepRequest, pages: int, waiting: JobsFound
) -> Orchestration[tuple[SweepSummary, tuple[str, ...], int]]:
    """Sweep all pages in parallel, then the environments whose machine is on no page.

    Returns the summary, the failures, and the number of pages of the report.
    """
    every = [replace(_page(request, number, pages), jobs=waiting.jobs) for number in range(pages)]
    found = yield from _run_pages(context, every, sweep_page)
    (missing,) = yield from _run_pages(context, [_page(request, pages, pages)], sweep_missing)
    found += [missing]
    summary = SweepSummary(problems=waiting.problems)
    for one in found:
        summary = summary.plus(one if isinstance(one, SweepSummary) else SweepSummary(problems=(one,)))
    written = pages + (isinstance(missing, SweepSummary) and missing.machines > 0)
    return summary, tuple(one for one in found if not isinstance(one, SweepSummary)), written


def _count_and_find_jobs(context: Context, request: SweepRequest, now: float) -> Orchestration[tuple[int, JobsFound]]:
    """The number of machines, and the jobs that wait for agents on ours, both at once; raises RetriesExhausted.

    A search that fails is a problem of the report, and wakes nothing. Without agents, there is none.
    """
    search: list[tuple[Activity[Any], Any]] = [(find_waiting_jobs, JobSearch(now))] if request.agents else []
    counted, *others = yield from run_each(context, [(count_machines, ""), *search], SHORT_RETRY)
    if isinstance(counted, RetriesExhausted):
        raise counted
    found = others[0] if others else JobsFound()
    if isinstance(found, RetriesExhausted):
        found = JobsFound(problems=(f"Waiting jobs could not be looked for: {found.refusal.detail}",))
    return counted, found


def _page(request: SweepRequest, number: int, pages: int) -> PageRequest:
    return PageRequest(request.id, number, pages, request.dry_run)


def _run_pages(
    context: Context, pages: Sequence[PageRequest], orchestrator: Callable[[Context], Any]
) -> Orchestration[list[SweepSummary | str]]:
    """The summary of each page, or why it could not be swept."""
    name = orchestrator.__name__
    tasks = [
        context.call_sub_orchestrator(name, serialization.encode(page), page_id(page.sweep, page.number)) for page in pages
    ]
    if tasks:
        yield from settled(context.task_all(tasks))
    found: list[SweepSummary | str] = []
    for page, task in zip(pages, tasks, strict=True):
        answer = yield from settled(task)
        if isinstance(answer, TaskFailed):
            found.append(f"page {page.number} could not be evaluated: {answer.detail}")
        else:
            found.append(serialization.decode(SweepSummary, answer))
    return found


def sweep_page(context: Context) -> Orchestration[Any]:
    """Evaluate the machines of one page, send alarms, and carry out the actions."""
    request = serialization.decode(PageRequest, context.get_input())
    if request.number >= PAGES_PER_BATCH:
        yield from sleep(context, request.number // PAGES_PER_BATCH * BATCH_SECONDS)
    return (yield from _evaluate_and_act(context, request, evaluate_page))


def sweep_missing(context: Context) -> Orchestration[Any]:
    """Evaluate the environments whose machine no longer exists, so that their leases still take effect."""
    return (yield from _evaluate_and_act(context, serialization.decode(PageRequest, context.get_input()), evaluate_missing))


def _evaluate_and_act(context: Context, request: PageRequest, evaluate: Activity[PageFound]) -> Orchestration[Any]:
    now = context.current_utc_datetime.timestamp()
    found = yield from run(context, evaluate, replace(request, now=now), SHORT_RETRY)
    if request.dry_run:
        return serialization.encode(found.summary)
    yield from notify(context, [_notice(alarm, now) for alarm in found.alarms])
    problems = yield from execute_actions(context, found.planned, request)
    return serialization.encode(found.summary.plus(SweepSummary(problems=problems)))


def _notice(alarm: Alarm, now: float) -> Notification:
    return Notification(alarm.event, alarm.machine, alarm.name, alarm.text, now)
