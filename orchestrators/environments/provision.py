"""Provisioning of an environment."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from activities.records import write_environment
from activities.resources.generic import delete_resource
from dormouse import serialization
from dormouse.environments.operations import Provision
from dormouse.environments.preflight import startable
from dormouse.environments.results import Outcome, OutcomeStatus, PreflightResult, Refusal
from dormouse.resources.graph import dependents
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.registry import is_group, kind_of
from orchestrators.complete import CompletionDetails, complete
from orchestrators.durable import (
    LONG_RETRY,
    Context,
    Orchestration,
    RetriesExhausted,
    cancelled_by,
    is_cancelled,
    listen_for_cancellation,
    poll,
    refusal_in,
    run,
)
from orchestrators.environments.execute_plan import ExpectedStep, PlanExecution
from orchestrators.environments.fallback import Built, build_somewhere
from orchestrators.environments.health import FIRST_BOOT, HEALTH, health_outcome, probed_in, wait_until_healthy
from orchestrators.environments.preflight import ASLEEP, preflight
from orchestrators.environments.rollback import roll_back
from orchestrators.lock_check import lost_lock
from orchestrators.progress import DONE, REFUSED, ProgressTracker

NOT_DELETED = "Not needed any more, and not deleted: {label} ({why}). The next change or the deletion tries it again."
NOTHING_BUILT = "Nothing was created."
NOT_CHECKED = "Not checked, because it sleeps, or needs what sleeps: {names}."
FRESH_IS_GONE = "Everything that this operation created was rolled back; nothing is left."
ADDED_IS_GONE = (
    "Everything that this operation created was rolled back, and what existed before still exists. Changes to existing "
    "resources were kept; apply the spec again to complete or replace them."
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The result of the preparation; with `details`, the operation ends without building anything."""

    survey: PreflightResult
    details: CompletionDetails | None = None


def provision_environment(context: Context) -> Orchestration[Any]:
    """Build an environment; if a step fails, roll back what was created."""
    request = serialization.decode(Provision, context.get_input())
    tracker = ProgressTracker(context)
    cancel = yield from listen_for_cancellation(context)
    prepared = yield from _prepare(context, request, tracker, cancel)
    details = prepared.details
    if details is None:
        try:
            details = yield from _provision(context, request, prepared, tracker, cancel)
        except RetriesExhausted as gave_up:
            # Without answers from Azure it is unknown what exists, so the record stays.
            details = CompletionDetails(Outcome.failed([gave_up.refusal]))
    details = replace(details, outcome=details.outcome.with_warnings(prepared.survey.warnings))
    return (yield from complete(context, request.plan.operation, request.plan.environment, tracker, details))


def _prepare(context: Context, request: Provision, tracker: ProgressTracker, cancel: Any) -> Orchestration[Prepared]:
    """Everything before the first change in Azure; if the operation ends here, a new environment's record is deleted."""
    try:
        lost = yield from lost_lock(context, request.plan.operation, request.plan.environment)
        if lost:
            return Prepared(PreflightResult(), details=CompletionDetails(lost))
        survey = yield from preflight(context, request, tracker)
        if survey.refusals:
            return Prepared(survey, details=_refusal_details(survey.refusals, request))
        if is_cancelled(cancel):
            outcome = Outcome.cancelled(cancelled_by(cancel), undone=NOTHING_BUILT)
            return Prepared(survey, details=CompletionDetails(outcome, forget=request.new))
        # Recorded as not ready, so that the next apply completes a change that was interrupted.
        yield from run(context, write_environment, request.record)
        return Prepared(survey)
    except RetriesExhausted as gave_up:
        if gave_up.refused:
            refusal = replace(gave_up.refusal, step="preflight")
            return Prepared(PreflightResult(), details=_refusal_details((refusal,), request))
        outcome = Outcome.failed([gave_up.refusal], undone=NOTHING_BUILT)
        return Prepared(PreflightResult(), details=CompletionDetails(outcome, forget=request.new))


def _provision(
    context: Context, request: Provision, prepared: Prepared, tracker: ProgressTracker, cancel: Any
) -> Orchestration[CompletionDetails]:
    asleep = {status.name for status in prepared.survey.statuses if status.state in ASLEEP}
    execution = PlanExecution(startable(request.plan, asleep), frozenset(prepared.survey.existing))
    checked = [] if asleep else _checked(execution.plan, prepared)
    checks = [ExpectedStep(HEALTH, tuple(resource.name for resource in execution.plan.resources))] if checked else []
    tracker.expect(*execution.awaited(), *checks)
    built = yield from build_somewhere(context, request, execution, asleep, tracker, cancel)
    if built.execution.refusals or is_cancelled(cancel):
        return (yield from _undo(context, request, built, tracker, cancel))
    if not asleep:
        built = yield from _without_obsolete(context, request.obsolete, built, tracker)
    details = yield from _finish(context, request, prepared, built, asleep, tracker, cancel)
    if is_cancelled(cancel):
        return details
    success = f"It was built as {built.placement.in_words()} instead." if built.placement else ""
    outcome = details.outcome.after(built.attempts, success) if built.attempts else details.outcome
    return replace(details, outcome=outcome.with_warnings(built.warnings))


def _without_obsolete(
    context: Context, obsolete: Sequence[Resource], built: Built, tracker: ProgressTracker
) -> Orchestration[Built]:
    """Delete what only earlier plans have named, and drop it from the record; what cannot be deleted stays there."""
    gone, warnings = set[str](), list(built.warnings)
    for one in obsolete:
        step = f"delete {kind_of(one).label(one)}"
        tracker.begin(step)
        try:
            refusal = refusal_in((yield from poll(context, delete_resource, one)), step)
        except RetriesExhausted as gave_up:
            refusal = gave_up.refusal
        tracker.end(step, REFUSED if refusal else DONE)
        if refusal:
            warnings.append(NOT_DELETED.format(label=kind_of(one).label(one), why=refusal.detail))
        else:
            gone.add(one.id)
    resources = tuple(one for one in built.record.resources if one.id not in gone)
    return replace(built, record=replace(built.record, resources=resources), warnings=tuple(warnings))


def _checked(plan: Plan, prepared: Prepared) -> list[Resource]:
    """The resources whose health is checked: not what sleeps on its own and is not changed, and nothing that needs it."""
    suspended = set(prepared.survey.suspended)
    suspended |= {one.name for name in prepared.survey.suspended for one in dependents(plan.resources, name)}
    return [resource for resource in probed_in(plan.resources) if resource.name not in suspended]


def _finish(
    context: Context,
    request: Provision,
    prepared: Prepared,
    built: Built,
    asleep: Set[str],
    tracker: ProgressTracker,
    cancel: Any,
) -> Orchestration[CompletionDetails]:
    """Check the health of what was built, and record that it is ready."""
    plan = built.execution.plan
    if asleep:
        yield from run(context, write_environment, replace(built.record, ready=request.was_ready), LONG_RETRY)
        words = f"{plan.environment} matches its spec. Health checks did not run, because these are stopped: "
        return CompletionDetails(Outcome(OutcomeStatus.SUCCEEDED, f"{words}{', '.join(sorted(asleep))}."))
    outcome, probed = Outcome(OutcomeStatus.SUCCEEDED, f"{plan.environment} is ready."), _checked(plan, prepared)
    unchecked = [resource.name for resource in probed_in(plan.resources) if resource not in probed]
    if probed:
        tracker.expect(ExpectedStep(HEALTH, tuple(built.execution.steps[resource.name] for resource in plan.resources)))
        tracker.begin(HEALTH)
        findings = yield from wait_until_healthy(context, probed, FIRST_BOOT, cancel)
        if is_cancelled(cancel):
            tracker.end(HEALTH, REFUSED)
            return (yield from _undo(context, request, built, tracker, cancel))
        powered = any(kind_of(resource).power_state for resource in plan.resources)
        passed = f"{plan.environment} is {'running' if powered else 'ready'}"
        failed = f"{plan.environment} is {'running and is billed' if powered else 'built'}"
        outcome = health_outcome(findings, passed=passed, failed=failed)
        tracker.end(HEALTH, DONE if outcome.status is OutcomeStatus.SUCCEEDED else REFUSED)
    if unchecked:
        outcome = replace(outcome, reason=f"{outcome.reason} {NOT_CHECKED.format(names=', '.join(unchecked))}")
    if outcome.status is OutcomeStatus.SUCCEEDED:
        ready = request.was_ready if unchecked else True
        yield from run(context, write_environment, replace(built.record, ready=ready), LONG_RETRY)
    return CompletionDetails(outcome)


def _undo(
    context: Context, request: Provision, built: Built, tracker: ProgressTracker, cancel: Any
) -> Orchestration[CompletionDetails]:
    """Roll back what was built; what existed before is where it was."""
    cancelled = is_cancelled(cancel) and not built.execution.failures
    left = yield from roll_back(context, built.execution, tracker)
    if not request.new and built.record != request.record:
        yield from run(context, write_environment, request.record, LONG_RETRY)
    details = _rollback_details(request, built.execution, left, cancel if cancelled else None)
    return replace(details, outcome=details.outcome.after(built.attempts))


def _refusal_details(refusals: tuple[Refusal, ...], request: Provision) -> CompletionDetails:
    words = " ".join(refusal.explained() for refusal in refusals)
    return CompletionDetails(Outcome(OutcomeStatus.REFUSED, f"{NOTHING_BUILT} {words}", refusals), forget=request.new)


def _rollback_details(request: Provision, execution: PlanExecution, left: list[str], cancel: Any) -> CompletionDetails:
    fresh = not any(is_group(one) and one.name in execution.existing for one in execution.plan.resources)
    undone = "" if left else FRESH_IS_GONE if fresh else ADDED_IS_GONE
    if is_cancelled(cancel):
        outcome = Outcome.cancelled(cancelled_by(cancel), left, undone=undone)
    else:
        outcome = Outcome.failed(execution.refusals, left, undone=undone)
    return CompletionDetails(outcome, forget=request.new and fresh and not left)
