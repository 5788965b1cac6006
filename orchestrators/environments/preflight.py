"""The preflight of an operation: what exists, and what Azure would refuse of what does not."""

from collections.abc import Sequence

from activities.inventory import read_group
from activities.records import check_parents
from activities.resources.generic import check_preflight, observe_resource
from dormouse.environments.operations import Provision
from dormouse.environments.preflight import (
    asleep_inside,
    blocked_changes,
    checks_for,
    group_refusals,
    groups_in,
    not_checked,
    preflight_result,
    to_observe,
)
from dormouse.environments.requests import CheckRequest
from dormouse.environments.results import PreflightResult, Refusal, RefusalReason, ResourceStatus
from dormouse.lifecycle import State
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Plan
from orchestrators.durable import Context, Orchestration, RetriesExhausted, run, run_all, run_each
from orchestrators.progress import DONE, REFUSED, ProgressTracker

ASLEEP = frozenset({State.STOPPED, State.STOPPED_BILLED, State.STOPPING})


def _asleep_and_broken(statuses: Sequence[ResourceStatus]) -> list[Refusal]:
    """The refusals of stopped resources whose last operation failed."""
    return [
        Refusal(
            RefusalReason.CONFLICT,
            f"It is {status.state}, and its last operation failed: {status.problem}. Start it, or delete the environment.",
            step=status.name,
        )
        for status in statuses
        if status.state in ASLEEP and status.problem
    ]


def _blocked(statuses: Sequence[ResourceStatus]) -> list[Refusal]:
    """The refusals of changes that are not possible now: a machine may have been started since the request."""
    hibernated = any(status.hibernated for status in statuses)
    return [
        Refusal(RefusalReason.CONFLICT, f"{difference.field} {words}.", step=status.name)
        for status in statuses
        for difference, words in blocked_changes([status], hibernated=hibernated)
    ]


def preflight(context: Context, request: Provision, tracker: ProgressTracker) -> Orchestration[PreflightResult]:
    """What exists, and for what does not: are the names free, the sizes offered, the quota left?"""
    tracker.begin("preflight")
    plan, groups = request.plan, groups_in(request.plan)
    found = yield from run_all(context, [(read_group, name_of(group.id)) for group in groups])
    views = {group.name: view for group, view in zip(groups, found, strict=True)}
    refusals = group_refusals(plan, views, new=request.new)
    looked_at = [] if refusals else to_observe(plan, views)
    statuses = yield from run_all(context, [(observe_resource, resource) for resource in looked_at])
    refusals += [*_asleep_and_broken(statuses), *_blocked(statuses)]
    if request.was_ready:  # otherwise it waits, and the environment is not ready until the spec is applied again
        asleep = asleep_inside(plan, [status for status in statuses if status.exists])
        refusals += [Refusal(RefusalReason.CONFLICT, f"It {words}.", step=one.name) for one, words in asleep]
    if plan.depends_on:  # one of them may have been deleted since the request
        refusals += yield from run(context, check_parents, list(plan.depends_on))
    checks, absent = checks_for(plan, preflight_result(plan, views, statuses, refusals))
    found_out, warnings = yield from make_checks(context, plan, checks, absent)
    refusals += found_out
    tracker.end("preflight", REFUSED if refusals else DONE)
    return preflight_result(plan, views, statuses, refusals, warnings)


def make_checks(
    context: Context, plan: Plan, checks: Sequence[str], absent: tuple[str, ...]
) -> Orchestration[tuple[list[Refusal], list[str]]]:
    """The refusals that checks found, and the warnings of those for which Azure did not answer: Azure decides later."""
    answers = yield from run_each(context, [(check_preflight, CheckRequest(check, plan, absent)) for check in checks])
    refusals, warnings = list[Refusal](), list[str]()
    for check, answer in zip(checks, answers, strict=True):
        if not isinstance(answer, RetriesExhausted):
            refusals += answer
        elif answer.refused:
            raise answer
        else:
            warnings.append(not_checked(check, answer.refusal.detail))
    return refusals, warnings
