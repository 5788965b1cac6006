"""The sweep: every machine in scope is judged, a thousand of them at a time, and what follows is done."""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import azure.durable_functions as df

from activities.idle.complete import finish_sweep
from activities.idle.evaluate import count_machines, evaluate_missing, evaluate_page
from dormouse import serialization
from dormouse.idle.report import SweepSummary
from dormouse.idle.sweep import Alarm, PageFound, PageRequest, SweepEnd, SweepRequest
from dormouse.ids import page_id
from dormouse.notifications.notification import Notification
from dormouse.resources.machines import ROWS_PER_PAGE
from orchestrators.durable import LONG_RETRY, Activity, Context, Orchestration, RetriesExhausted, run, sleep
from orchestrators.idle.execute import execute_actions
from orchestrators.notify import notify

# A page is one question to Resource Graph, which takes 15 in 5 seconds: more than half of that would be unfair to others.
AT_ONCE, APART = 8, 5.0
# What cannot be asked for two minutes is left to the next sweep.
SOON = df.RetryOptions(5_000, 24)
HUNG = (
    "The sweep {sweep} did not end in time and was ended. The machines that it had taken are free again, and the next sweep "
    "judges them. If this happens again, look at the log of the control plane."
)


def sweep(context: Context) -> Orchestration[Any]:
    """Judge every machine in scope and act on it; one page that fails leaves the others alone."""
    request = serialization.decode(SweepRequest, context.get_input())
    began = context.current_utc_datetime.timestamp()
    if request.ended_before:
        yield from notify(
            context, [Notification("sweep ended", "", "sweep", HUNG.format(sweep=request.ended_before), began)]
        )
    pages = 0
    failed: tuple[str, ...] = ()
    try:
        count = yield from run(context, count_machines, "", SOON)
        pages = math.ceil(count / ROWS_PER_PAGE)
        # Published, so that all of it can be ended from outside.
        context.set_custom_status({"pages": pages + 1})
        tally, failed, pages = yield from _sweep_pages(context, request, pages)
    except RetriesExhausted as gave_up:
        failed = (f"The machines cannot be listed: {gave_up.refusal.detail}",)
        tally = SweepSummary(problems=failed)
    ended = context.current_utc_datetime.timestamp()
    end = SweepEnd(request, began, ended, pages, tally, failed)
    notices = yield from run(context, finish_sweep, end, LONG_RETRY)
    yield from notify(context, notices)
    return serialization.encode(tally)


def _sweep_pages(
    context: Context, request: SweepRequest, pages: int
) -> Orchestration[tuple[SweepSummary, tuple[str, ...], int]]:
    """Every page at once, and after them the environments of which none has shown a machine.

    The answer is what was found, what failed, and of how many pages the report is.
    """
    found = yield from _swept(context, [_page(request, number, pages) for number in range(pages)], sweep_page)
    (missing,) = yield from _swept(context, [_page(request, pages, pages)], sweep_missing)
    found += [missing]
    tally = SweepSummary()
    for one in found:
        tally = tally.plus(one if isinstance(one, SweepSummary) else SweepSummary(problems=(one,)))
    written = pages + (isinstance(missing, SweepSummary) and missing.machines > 0)
    return tally, tuple(one for one in found if not isinstance(one, SweepSummary)), written


def _page(request: SweepRequest, number: int, pages: int) -> PageRequest:
    return PageRequest(request.id, number, pages, request.dry_run)


def _swept(
    context: Context, pages: Sequence[PageRequest], orchestrator: Callable[[Context], Any]
) -> Orchestration[list[SweepSummary | str]]:
    """What was found on each page, or why it could not be swept."""
    name = orchestrator.__name__
    tasks = [
        context.call_sub_orchestrator(name, serialization.encode(page), page_id(page.sweep, page.number)) for page in pages
    ]
    if tasks:
        with suppress(Exception):  # told apart below, page by page
            yield context.task_all(tasks)
    found: list[SweepSummary | str] = []
    for page, task in zip(pages, tasks, strict=True):
        try:
            found.append(serialization.decode(SweepSummary, (yield task)))
        except Exception as error:  # noqa: BLE001 - what a sub-orchestration fails with arrives as a bare Exception
            words = str(error).strip().partition("\n")[0]
            found.append(f"Page {page.number} could not be swept: {words}")
    return found


def sweep_page(context: Context) -> Orchestration[Any]:
    """Judge the machines of one page, tell of those that need people, and do what is to be done."""
    request = serialization.decode(PageRequest, context.get_input())
    if request.number >= AT_ONCE:
        yield from sleep(context, request.number // AT_ONCE * APART)
    return (yield from _judge_and_act(context, request, evaluate_page))


def sweep_missing(context: Context) -> Orchestration[Any]:
    """Judge the environments whose machine is nowhere to be seen: what was agreed for their end is done all the same."""
    return (yield from _judge_and_act(context, serialization.decode(PageRequest, context.get_input()), evaluate_missing))


def _judge_and_act(context: Context, request: PageRequest, judge: Activity[PageFound]) -> Orchestration[Any]:
    now = context.current_utc_datetime.timestamp()
    found = yield from run(context, judge, replace(request, now=now), SOON)
    if request.dry_run:
        return serialization.encode(found.summary)
    yield from notify(context, [_notice(alarm, now) for alarm in found.alarms])
    problems = yield from execute_actions(context, found.planned, request)
    return serialization.encode(found.summary.plus(SweepSummary(problems=problems)))


def _notice(alarm: Alarm, now: float) -> Notification:
    return Notification("attention", alarm.machine, alarm.name, alarm.text, now)
