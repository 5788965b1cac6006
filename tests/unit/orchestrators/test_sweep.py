"""The sweep and its search for waiting jobs: what the pages are given, and what becomes of a search that fails."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from activities.idle.complete import finish_sweep
from activities.idle.evaluate import count_machines, evaluate_page
from activities.idle.missing import evaluate_missing
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


def context_of(
    search: Callable[[Any], JobsFound], *, agents: bool = True, seen: int = 0, lost: bool = False
) -> DurableContext:
    """A dry run over two pages that was carried out; `seen` agents are found, unless the search for them is lost."""
    there = DurableContext(
        {
            count_machines: lambda _: 1500,
            find_waiting_jobs: search,
            evaluate_page: lambda _: PageFound(SweepSummary(machines=1)),
            evaluate_missing: unreachable if lost else lambda _: PageFound(SweepSummary(agents=seen)),
            finish_sweep: lambda _: [],
        },
        children=(sweep_page, sweep_missing),
        request=SweepRequest("sweep-1", dry_run=True, agents=agents),
    )
    serialization.decode(SweepSummary, there.run(sweep(there)))
    return there


def swept(search: Callable[[Any], JobsFound]) -> tuple[SweepSummary, list[PageRequest]]:
    """The summary of a dry run over two pages, and what each was given."""
    there = context_of(search)
    (end,) = there.requests(finish_sweep)
    return end.summary, there.requests(evaluate_page)


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


def test_without_agents_a_sweep_calls_nothing_to_find_jobs() -> None:
    calls = Counter(call.activity for call in context_of(unreachable, agents=False).calls)
    assert calls == {"count_machines": 1, "evaluate_page": 2, "evaluate_missing": 1, "finish_sweep": 1}
    assert Counter(call.activity for call in context_of(lambda _: JobsFound()).calls) - calls == {"find_waiting_jobs": 1}


@pytest.mark.parametrize(("seen", "lost", "searches"), [(0, False, False), (2, False, True), (0, True, True)])
def test_the_next_sweep_looks_for_jobs_if_there_are_agents_or_it_is_not_known(seen: int, lost: bool, searches: bool) -> None:
    (end,) = context_of(lambda _: JobsFound(), seen=seen, lost=lost).requests(finish_sweep)
    assert end.agents is searches
