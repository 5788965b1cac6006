"""The sweep and its search for waiting jobs: what the pages are given, and what becomes of a search that fails."""

from collections.abc import Callable
from typing import Any

from activities.idle.complete import finish_sweep
from activities.idle.evaluate import count_machines, evaluate_missing, evaluate_page
from activities.idle.waiting import find_waiting_jobs
from dormouse import serialization
from dormouse.idle.jobs.waiting import WaitingJob
from dormouse.idle.report import SweepSummary
from dormouse.idle.sweep import JobsFound, PageFound, PageRequest, SweepRequest
from orchestrators.idle.sweep import sweep, sweep_missing, sweep_page
from tests.unit.durable import DurableContext

JOB = WaitingJob("/vm-1", 90, "A job has waited.", wakes=True)


def unreachable(_: Any) -> JobsFound:
    raise OSError("Table Storage did not answer")


def swept(search: Callable[[Any], JobsFound]) -> tuple[SweepSummary, list[PageRequest]]:
    """The summary of a dry run over two pages, and what each was given."""
    there = DurableContext(
        {
            count_machines: lambda _: 1500,
            find_waiting_jobs: search,
            evaluate_page: lambda _: PageFound(SweepSummary(machines=1)),
            evaluate_missing: lambda _: PageFound(SweepSummary()),
            finish_sweep: lambda _: [],
        },
        children=(sweep_page, sweep_missing),
        request=SweepRequest("sweep-1", dry_run=True),
    )
    summary = serialization.decode(SweepSummary, there.run(sweep(there)))
    return summary, there.requests(evaluate_page)


def test_every_page_is_given_the_jobs_that_one_search_has_found() -> None:
    summary, pages = swept(lambda _: JobsFound((JOB,), ("The pool gpu could not be read.",)))
    assert [page.jobs for page in pages] == [(JOB,), (JOB,)]
    assert (summary.machines, summary.problems) == (2, ("The pool gpu could not be read.",))


def test_a_search_that_fails_is_a_problem_and_the_machines_are_swept_all_the_same() -> None:
    summary, pages = swept(unreachable)
    assert [page.jobs for page in pages] == [(), ()]
    assert summary.machines == 2
    (problem,) = summary.problems
    assert problem.startswith("Waiting jobs could not be looked for: ")
