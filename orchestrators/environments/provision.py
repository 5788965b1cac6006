"""Standing an environment up."""

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

NOTHING_BUILT = "Nothing was built."
FRESH_IS_GONE = "What had been built was taken back; nothing of it is left."
ADDED_IS_GONE = (
    "What this operation had added was taken back; what was there before is still there. What it had changed stays changed "
    "until the next wish."
)


@dataclass(frozen=True, slots=True)
class Expected:
    """A step on the board that is not a resource."""

    name: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was found before anything is built; with an `ending`, nothing will be."""

    survey: PreflightResult
    awake: bool = True
    details: CompletionDetails | None = None


def provision_environment(context: Context) -> Orchestration[Any]:
    """Build an environment step by step; if it does not come up whole, take back what was built."""
    request = serialization.decode(Provision, context.get_input())
    tracker = ProgressTracker(context)
    cancel = yield from listen_for_cancellation(context)
    prepared = yield from _prepare(context, request, tracker, cancel)
    details = prepared.details
    if details is None:
        try:
            details = yield from _provision(context, request, prepared, tracker, cancel)
        except RetriesExhausted as gave_up:
            # What exists is not known if not even that could be asked: then nothing is forgotten.
            details = CompletionDetails(Outcome.failed([gave_up.refusal]))
    return (yield from complete(context, request.plan.operation, request.plan.environment, tracker, details))


def _prepare(context: Context, request: Provision, tracker: ProgressTracker, cancel: Any) -> Orchestration[Prepared]:
    """Everything that comes before the first change in Azure; where it ends here, a new environment is forgotten."""
    try:
        lost = yield from lost_lock(context, request.plan.operation, request.plan.environment)
        if lost:
            return Prepared(PreflightResult(), details=CompletionDetails(lost))
        survey = yield from preflight(context, request, tracker)
        if survey.refusals:
            return Prepared(survey, details=_refused(survey.refusals, request))
        if is_cancelled(cancel):
            outcome = Outcome.cancelled(cancelled_by(cancel), undone=NOTHING_BUILT)
            return Prepared(survey, details=CompletionDetails(outcome, forget=request.new))
        awake, refusal = yield from _is_awake(context, request.plan, frozenset(survey.existing))
        if refusal:
            return Prepared(survey, details=_refused((refusal,), request))
        # Remembered as not whole until it is: a change that breaks off half-way is taken up again by the next wish.
        yield from run(context, write_environment, request.record)
        return Prepared(survey, awake)
    except RetriesExhausted as gave_up:
        outcome = Outcome.failed([gave_up.refusal], undone=NOTHING_BUILT)
        return Prepared(PreflightResult(), details=CompletionDetails(outcome, forget=request.new))


def _provision(
    context: Context, request: Provision, prepared: Prepared, tracker: ProgressTracker, cancel: Any
) -> Orchestration[CompletionDetails]:
    existing, awake = frozenset(prepared.survey.existing), prepared.awake
    plan = request.plan if awake else _without_inside(request.plan)
    tracker.expect(*plan.resources, Expected(HEALTH, tuple(step.name for step in plan.resources)))
    execution = yield from build_all(context, plan, existing, tracker, cancel)
    if execution.refusals or is_cancelled(cancel):
        cancelled = is_cancelled(cancel) and not execution.failures
        left = yield from roll_back(context, plan, execution, existing, tracker)
        return _taken_back(request, execution, existing, left, cancel if cancelled else None)
    if not awake:
        yield from run(context, write_environment, replace(request.record, ready=request.was_ready), LONG_RETRY)
        words = f"{plan.environment} is as wished; its machine is stopped, so nothing was asked inside it."
        return CompletionDetails(Outcome(OutcomeStatus.SUCCEEDED, words))

    tracker.begin(HEALTH)
    findings = yield from wait_until_healthy(context, plan.machine, FIRST_BOOT, cancel)
    if is_cancelled(cancel):
        tracker.end(HEALTH, REFUSED)
        left = yield from roll_back(context, plan, execution, existing, tracker)
        return _taken_back(request, execution, existing, left, cancel)
    outcome = health_outcome(findings, passed=f"{plan.environment} is up", failed=f"{plan.environment} is built and runs")
    good = outcome.status is OutcomeStatus.SUCCEEDED
    tracker.end(HEALTH, DONE if good else REFUSED)
    if good:
        yield from run(context, write_environment, replace(request.record, ready=True), LONG_RETRY)
    return CompletionDetails(outcome)


def _is_awake(context: Context, plan: Plan, existing: frozenset[str]) -> Orchestration[tuple[bool, Refusal | None]]:
    """Whether the machine runs, or will; one that stands there failed can only be started or deleted."""
    if "vm" not in existing:
        return True, None
    look = ChangePower(plan.operation, plan.environment, Verb.START, plan.group, plan.machine.name)
    view = yield from run(context, read_machine, look)
    awake = view.state not in (State.STOPPED, State.STOPPED_BILLED, State.STOPPING)
    if awake or not view.problem:
        return awake, None
    detail = (
        f"The machine is {view.state}, and its last operation failed: {view.problem}. Start it, or delete and build again."
    )
    return awake, Refusal(RefusalReason.CONFLICT, detail, step="vm")


def _without_inside(plan: Plan) -> Plan:
    """The plan without what can only be done inside a machine that runs."""
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
    # What is there already needs no new name, no new place and no new quota.
    asked = [check_storage_name] if "storage" not in existing else []
    asked += [check_size, check_quota] if "vm" not in existing else []
    surveys = yield from run_all(context, [(survey, plan) for survey in asked])
    refusals = (*group.refusals, *(refusal for survey in surveys for refusal in survey.refusals))
    tracker.end("preflight", REFUSED if refusals else DONE)
    return PreflightResult(existing, refusals)


def _refused(refusals: tuple[Refusal, ...], request: Provision) -> CompletionDetails:
    words = " ".join(refusal.explained() for refusal in refusals)
    return CompletionDetails(Outcome(OutcomeStatus.REFUSED, f"{NOTHING_BUILT} {words}", refusals), forget=request.new)


def _taken_back(
    request: Provision, execution: PlanExecution, existing: frozenset[str], left: list[str], cancel: Any
) -> CompletionDetails:
    fresh = "group" not in existing
    undone = "" if left else FRESH_IS_GONE if fresh else ADDED_IS_GONE
    if is_cancelled(cancel):
        outcome = Outcome.cancelled(cancelled_by(cancel), left, undone=undone)
    else:
        outcome = Outcome.failed(execution.refusals, left, undone=undone)
    return CompletionDetails(outcome, forget=request.new and fresh and not left)
