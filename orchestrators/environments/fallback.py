"""Building an environment elsewhere when Azure has no capacity: what cannot stay is taken back, and the rest is kept."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from activities.records import write_environment
from activities.resources.generic import observe_resource
from dormouse.environments.attempts import Attempt
from dormouse.environments.fallback import attempt_of, lacks_capacity, worth_trying
from dormouse.environments.operations import Alternative, EnvironmentRecord, Provision
from dormouse.environments.preflight import checks_for, startable
from dormouse.environments.results import PreflightResult, Refusal
from dormouse.resources.placement import Placement
from dormouse.resources.plan import moved_resources
from orchestrators.durable import Context, Orchestration, RetriesExhausted, is_cancelled, run, run_all
from orchestrators.environments.execute_plan import PlanExecution, execute
from orchestrators.environments.preflight import make_checks
from orchestrators.environments.rollback import take_back
from orchestrators.progress import DONE, REFUSED, ProgressTracker


@dataclass(frozen=True, slots=True)
class Built:
    """The last execution with its record and placement, the attempts before it, and what could not be checked before it."""

    execution: PlanExecution
    record: EnvironmentRecord
    placement: Placement | None = None
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[str, ...] = ()


def build_somewhere(
    context: Context, request: Provision, begun: PlanExecution, asleep: Set[str], tracker: ProgressTracker, cancel: Any
) -> Orchestration[Built]:
    """Build the plan; while Azure has no capacity, take back what would be otherwise elsewhere, and build an alternative.

    Alternatives that would change what existed before are left out. Nothing but a lack of capacity leads to the next one.
    """
    built = Built((yield from execute(context, begun, tracker, cancel)), request.record, request.placement)
    others = [one for one in request.alternatives if not moved_resources(request.plan, one.plan) & begun.existing]
    while (where := built.placement) and (others or built.attempts) and lacks_capacity(built.execution.failures):
        failures = built.execution.failures
        built = replace(built, attempts=(*built.attempts, attempt_of(where, failures)))
        others = worth_trying(others, where, failures)
        if not others or is_cancelled(cancel):
            return built
        following, others = yield from _following(context, built, others, asleep, tracker)
        if following.execution is built.execution:
            return following
        unbegun = [step for name, step in built.execution.steps.items() if name not in built.execution.begun]
        built = following
        tracker.withdraw(*unbegun)
        # Recorded before anything is built there, so that a deletion finds it.
        yield from run(context, write_environment, built.record)
        tracker.expect(*built.execution.awaited())
        yield from execute(context, built.execution, tracker, cancel)
    return built


def _following(
    context: Context, built: Built, others: Sequence[Alternative], asleep: Set[str], tracker: ProgressTracker
) -> Orchestration[tuple[Built, list[Alternative]]]:
    """The first alternative that the preflight does not rule out, ready to be built, and those after it.

    Without one, or if something could not be taken back, it is the execution that has failed.
    """
    for number, other in enumerate(others, 1):
        plan = startable(other.plan, asleep)
        moved = moved_resources(built.execution.plan, plan) | built.execution.refused
        if (yield from take_back(context, built.execution, moved, tracker)):
            return built, []
        execution = built.execution.without(moved, plan)
        execution.forget((yield from _gone_along(context, execution)))
        refusals, warnings = yield from _checked(context, execution, tracker)
        if not refusals:
            more = (*built.warnings, *warnings)
            return Built(execution, other.record, other.placement, built.attempts, more), list(others[number:])
        skipped = attempt_of(other.placement, refusals, tried=False)
        built = replace(built, attempts=(*built.attempts, skipped))
    return built, []


def _gone_along(context: Context, execution: PlanExecution) -> Orchestration[set[str]]:
    """What was built and is gone with what was taken back, and what needs it."""
    resources = [execution.identified(one) for one in execution.plan.resources if one.name in execution.created]
    looked_for = [one.recorded() for one in resources if one.id]
    statuses = yield from run_all(context, [(observe_resource, resource) for resource in looked_for])
    gone = {status.name for status in statuses if not status.exists}
    for resource in resources:  # each comes after those that it needs
        if gone & set(resource.needs):
            gone.add(resource.name)
    return gone


def _checked(
    context: Context, execution: PlanExecution, tracker: ProgressTracker
) -> Orchestration[tuple[list[Refusal], list[str]]]:
    """What the preflight says of an alternative; a read that Azure rejects rules it out."""
    step = execution.numbered("preflight")
    tracker.begin(step)
    there = PreflightResult(existing=tuple(sorted({*execution.existing, *execution.built})))
    checks, absent = checks_for(execution.plan, there)
    try:
        refusals, warnings = yield from make_checks(context, execution.plan, checks, absent)
    except RetriesExhausted as gave_up:
        refusals, warnings = [gave_up.refusal], []
    tracker.end(step, REFUSED if refusals else DONE)
    return refusals, warnings
