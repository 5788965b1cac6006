"""The sweep: every machine in scope is judged, a thousand of them at a time, and what follows is done."""

import math
from contextlib import suppress
from dataclasses import replace
from typing import Any

import wire
from activities.acting import finish_sweep
from activities.judging import count_machines, judge_page
from environments.fleet import PAGE
from environments.notices import Notice
from environments.reports import Tally
from environments.sweeps import Alarm, PageRequest, SweepEnd, SweepRequest
from orchestrators.acting import act
from orchestrators.steps import STUBBORN, Context, GaveUp, Story, run, sleep
from orchestrators.telling import tell

# A page is one question to Resource Graph, which takes 15 in 5 seconds: more than half of that would be unfair to others.
AT_ONCE, APART = 8, 5.0


def sweep(context: Context) -> Story[Any]:
    """Judge every machine in scope and act on it; one page that fails leaves the others alone."""
    request = wire.decode(SweepRequest, context.get_input())
    began = context.current_utc_datetime.timestamp()
    pages = 0
    try:
        count = yield from run(context, count_machines, "")
        pages = math.ceil(count / PAGE)
        tally = yield from _sweep_pages(context, request, pages)
    except GaveUp as gave_up:
        tally = Tally(problems=(f"The machines cannot be listed: {gave_up.refusal.detail}",))
    ended = context.current_utc_datetime.timestamp()
    yield from run(context, finish_sweep, SweepEnd(request, began, ended, pages, tally), STUBBORN)
    return wire.encode(tally)


def _sweep_pages(context: Context, request: SweepRequest, pages: int) -> Story[Tally]:
    tasks = []
    for number in range(pages):
        page = PageRequest(request.id, number, pages, request.dry_run)
        tasks.append(context.call_sub_orchestrator(sweep_page.__name__, wire.encode(page), f"{request.id}:{number}"))
    if tasks:
        with suppress(Exception):  # told apart below, page by page
            yield context.task_all(tasks)
    tally = Tally()
    for number, task in enumerate(tasks):
        try:
            found = wire.decode(Tally, (yield task))
        except Exception as error:  # noqa: BLE001 - what a sub-orchestration fails with arrives as a bare Exception
            words = str(error).strip().partition("\n")[0]
            found = Tally(problems=(f"Page {number} could not be swept: {words}",))
        tally = tally.plus(found)
    return tally


def sweep_page(context: Context) -> Story[Any]:
    """Judge the machines of one page, tell of those that need people, and do what is to be done."""
    request = wire.decode(PageRequest, context.get_input())
    if request.number >= AT_ONCE:
        yield from sleep(context, request.number // AT_ONCE * APART)
    now = context.current_utc_datetime.timestamp()
    found = yield from run(context, judge_page, replace(request, now=now))
    if request.dry_run:
        return wire.encode(found.tally)
    yield from tell(context, [_notice(alarm, now) for alarm in found.alarms])
    problems = yield from act(context, found.planned, request)
    return wire.encode(found.tally.plus(Tally(problems=problems)))


def _notice(alarm: Alarm, now: float) -> Notice:
    return Notice("attention", alarm.machine, alarm.name, alarm.text, now)
