"""Provisioning of an environment."""

from dataclasses import dataclass, replace
from typing import Any

from activities.preflight import (
    check_group,
    check_new_group,
    check_quota,
    check_size,
    check_storage_name,
    observe_resource,
)
from activities.records import write_environment
from activities.resources.compute import read_machine
from dormouse import serialization
from dormouse.environments.operations import ChangePower, Provision
from dormouse.environments.results import ObservedState, Outcome, OutcomeStatus, PreflightResult, Refusal, RefusalReason
from dormouse.lifecycle import State, Verb
from dormouse.resources.plan import Plan, ResourceKind
from orchestrators.complete import CompletionDetails, complete
from orchestrators.durable import (
    LONG_RETRY,
    Context,
    Orchestration,
    RetriesExhausted,
    cancelled_by,
    is_cancelled,
    listen_for_cancellation,
    run,
    run_all,
)
from orchestrators.environments.execute_plan import PlanExecution, build_all, roll_back
from orchestrators.environments.health import FIRST_BOOT, HEALTH, health_outcome, wait_until_healthy
from orchestrators.lock_check import lost_lock
from orchestrators.progress import DONE, REFUSED, ProgressTracker

NOTHING_BUILT = "Nothing was created."
FRESH_IS_GONE = "Everything that this operation created was rolled back; nothing is left."
ADDED_IS_GONE = (
    "Everything that this operation created was rolled back, and what existed before still exists. Changes to existing "
    "resources were kept; apply the spec again to complete or replace them."
)


@dataclass(frozen=True, slots=True)
class Expected:
    """A step that is not a resource."""

    name: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """The result of the preparation; with `details`, the operation ends without building anything."""

    survey: PreflightResult
    awake: bool = True
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
        awake, refusal = yield from _is_awake(context, request.plan, frozenset(survey.existing))
        if refusal:
            return Prepared(survey, details=_refusal_details((refusal,), request))
        # Recorded as not ready, so that the next apply completes a change that was interrupted.
        yield from run(context, write_environment, request.record)
        return Prepared(survey, awake)
    except RetriesExhausted as gave_up:
        outcome = Outcome.failed([gave_up.refusal], undone=NOTHING_BUILT)
        return Prepared(PreflightResult(), details=CompletionDetails(outcome, forget=request.new))


def _provision(
    context: Context, request: Provision, prepared: Prepared, tracker: ProgressTracker, cancel: Any
) -> Orchestration[CompletionDetails]:
    existing, awake = frozenset(prepared.survey.existing), prepared.awake
    plan = request.plan if awake else _without_extensions(request.plan)
    tracker.expect(*plan.resources, Expected(HEALTH, tuple(step.name for step in plan.resources)))
    execution = yield from build_all(context, plan, existing, tracker, cancel)
    if execution.refusals or is_cancelled(cancel):
        cancelled = is_cancelled(cancel) and not execution.failures
        left = yield from roll_back(context, plan, execution, existing, tracker)
        return _rollback_details(request, execution, existing, left, cancel if cancelled else None)
    if not awake:
        yield from run(context, write_environment, replace(request.record, ready=request.was_ready), LONG_RETRY)
        words = f"{plan.environment} matches its spec; its VM is stopped, so health checks did not run."
        return CompletionDetails(Outcome(OutcomeStatus.SUCCEEDED, words))

    tracker.begin(HEALTH)
    findings = yield from wait_until_healthy(context, plan.machine, FIRST_BOOT, cancel)
    if is_cancelled(cancel):
        tracker.end(HEALTH, REFUSED)
        left = yield from roll_back(context, plan, execution, existing, tracker)
        return _rollback_details(request, execution, existing, left, cancel)
    outcome = health_outcome(findings, passed=f"{plan.environment} is running", failed=f"{plan.environment} is running")
    good = outcome.status is OutcomeStatus.SUCCEEDED
    tracker.end(HEALTH, DONE if good else REFUSED)
    if good:
        yield from run(context, write_environment, replace(request.record, ready=True), LONG_RETRY)
    return CompletionDetails(outcome)


def _is_awake(context: Context, plan: Plan, existing: frozenset[str]) -> Orchestration[tuple[bool, Refusal | None]]:
    """Whether the VM is running or will be; a stopped VM whose last operation failed is a refusal."""
    if "vm" not in existing:
        return True, None
    look = ChangePower(plan.operation, plan.environment, Verb.START, plan.group, plan.machine.name)
    view = yield from run(context, read_machine, look)
    awake = view.state not in (State.STOPPED, State.STOPPED_BILLED, State.STOPPING)
    if awake or not view.problem:
        return awake, None
    detail = f"The VM is {view.state}, and its last operation failed: {view.problem}. Start it, or delete the environment."
    return awake, Refusal(RefusalReason.CONFLICT, detail, step="vm")


def _without_extensions(plan: Plan) -> Plan:
    """The plan without the extensions, which need a running VM."""
    steps = tuple(step for step in plan.resources if step.kind is not ResourceKind.MACHINE_EXTENSION)
    return replace(plan, resources=steps)


def preflight(context: Context, request: Provision, tracker: ProgressTracker) -> Orchestration[PreflightResult]:
    """What exists, and for what does not: is the name free, the size offered, the quota left?"""
    plan = request.plan
    tracker.begin("preflight")
    group = yield from run(context, check_new_group if request.new else check_group, plan)
    steps = [step for step in plan.resources if group.existing or step.kind is ResourceKind.PASSWORD]
    looks = yield from run_all(context, [(observe_resource, step) for step in steps])
    existing = tuple(step.name for step, look in zip(steps, looks, strict=True) if look is not ObservedState.ABSENT)
    # Existing resources need no new name, capacity or quota.
    asked = [check_storage_name] if "storage" not in existing else []
    asked += [check_size, check_quota] if "vm" not in existing else []
    surveys = yield from run_all(context, [(survey, plan) for survey in asked])
    refusals = (*group.refusals, *(refusal for survey in surveys for refusal in survey.refusals))
    tracker.end("preflight", REFUSED if refusals else DONE)
    return PreflightResult(existing, refusals)


def _refusal_details(refusals: tuple[Refusal, ...], request: Provision) -> CompletionDetails:
    words = " ".join(refusal.explained() for refusal in refusals)
    return CompletionDetails(Outcome(OutcomeStatus.REFUSED, f"{NOTHING_BUILT} {words}", refusals), forget=request.new)


def _rollback_details(
    request: Provision, execution: PlanExecution, existing: frozenset[str], left: list[str], cancel: Any
) -> CompletionDetails:
    fresh = "group" not in existing
    undone = "" if left else FRESH_IS_GONE if fresh else ADDED_IS_GONE
    if is_cancelled(cancel):
        outcome = Outcome.cancelled(cancelled_by(cancel), left, undone=undone)
    else:
        outcome = Outcome.failed(execution.refusals, left, undone=undone)
    return CompletionDetails(outcome, forget=request.new and fresh and not left)
