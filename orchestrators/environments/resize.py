"""Resize: stop what computes if that was asked for, change the size, start it again; or put the old size back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from activities.records import write_environment
from activities.resources.generic import observe_resource
from dormouse import serialization
from dormouse.environments.operations import PowerChange, Resize
from dormouse.environments.preflight import checks_for, obstacle_text
from dormouse.environments.results import (
    Outcome,
    OutcomeStatus,
    PreflightResult,
    Refusal,
    RefusalReason,
    ResourceStatus,
)
from dormouse.lifecycle import AWAKE, SHUT_DOWN, State, Verb
from dormouse.resources.graph import dependents
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of
from orchestrators.complete import run_operation
from orchestrators.durable import LONG_RETRY, Context, Orchestration, RetriesExhausted, run, run_all
from orchestrators.environments.power import (
    check_after_change,
    dependents_suspended,
    interruption_text,
    resume_after_start,
    start_in_order,
    stop_in_order,
    verify_power,
)
from orchestrators.environments.power_steps import resize_all
from orchestrators.environments.preflight import make_checks
from orchestrators.progress import DONE, REFUSED, ProgressTracker

SIZE = "size"
NOTHING_CHANGED = "Nothing was changed."
RESIZED_ASLEEP = "{name} has the size {size} now. It is stopped, as confirmed by Azure, and its computing is not billed."
RECORDED = "{name} had the size {size} already; now its record says so, too."
RUNS_RESIZED = "{name} has the size {size} now and is running"
STARTED_SINCE = "It is {state}, and the request did not allow a restart; stop the environment first."
PUT_BACK = "The old size was put back"
UNCLEAR = "It is unclear whether it has the new size and runs; look at the environment."
NOT_PUT_BACK = "The old size could not be put back, so that the size is unclear; look at the environment."


@dataclass(frozen=True, slots=True)
class Affected:
    """What a resize concerns: the resources that get another size, those that must be stopped for it, and those to start."""

    resized: tuple[Resource, ...]
    stopped: tuple[str, ...] = ()
    started: tuple[str, ...] = ()


def resize_environment(context: Context) -> Orchestration[Any]:
    """Change the size of an environment's machines; if Azure rejects it, put the old one back. What was stopped stays so."""
    request = serialization.decode(Resize, context.get_input())
    tracker = ProgressTracker(context)
    work = _resize(context, request, tracker)
    return (yield from run_operation(context, request.operation, request.record.name, tracker, work))


def _resize(context: Context, request: Resize, tracker: ProgressTracker) -> Orchestration[Outcome]:
    refusals, warnings, affected = yield from _preflight(context, request, tracker)
    if refusals:
        words = " ".join([NOTHING_CHANGED, *(refusal.explained() for refusal in refusals)])
        return Outcome(OutcomeStatus.REFUSED, words, tuple(refusals)).with_warnings(warnings)
    try:
        outcome = yield from _change_size(context, request, affected, tracker)
    except RetriesExhausted as gave_up:
        outcome = Outcome.failed([gave_up.refusal], undone=UNCLEAR)
    return outcome.with_warnings(warnings)


def _change_size(context: Context, request: Resize, affected: Affected, tracker: ProgressTracker) -> Orchestration[Outcome]:
    if not affected.resized:  # it has been changed outside of the control plane
        yield from run(context, write_environment, request.record, LONG_RETRY)
        return Outcome(OutcomeStatus.SUCCEEDED, RECORDED.format(name=request.record.name, size=request.size))
    stop = _change(request, Verb.STOP, affected.stopped)
    refusals, words = list[Refusal](), ""
    if affected.stopped:
        refusals, interrupted = yield from stop_in_order(context, stop, tracker)
        refusals = refusals or (yield from verify_power(context, stop, tracker, "verify stop"))
        words = interruption_text(interrupted)
    if refusals:
        return (yield from _go_back(context, request, affected, refusals, tracker, changed=False))
    found = yield from resize_all(context, affected.resized, tracker)
    refusals = list(found.values())
    start = _change(request, Verb.START, affected.started)
    if not refusals and affected.started:
        started = yield from start_in_order(context, start, tracker)
        refusals = list(started.refusals) or (yield from verify_power(context, start, tracker, "verify start"))
    if refusals:
        return (yield from _go_back(context, request, affected, refusals, tracker, changed=True))
    yield from run(context, write_environment, request.record, LONG_RETRY)
    if not affected.started:
        return Outcome(OutcomeStatus.SUCCEEDED, RESIZED_ASLEEP.format(name=request.record.name, size=request.size) + words)
    words += yield from resume_after_start(context, dependents_suspended(stop), tracker)
    running = RUNS_RESIZED.format(name=request.record.name, size=request.size)
    return (yield from check_after_change(context, start, tracker, running, words))


def _change(request: Resize, verb: Verb, only: tuple[str, ...]) -> PowerChange:
    return PowerChange(request.operation, request.record.name, verb, request.plan.resources, only=only)


def _preflight(
    context: Context, request: Resize, tracker: ProgressTracker
) -> Orchestration[tuple[list[Refusal], list[str], Affected]]:
    """What Azure would refuse, what could not be checked, and what the change concerns as everything is now."""
    tracker.begin("preflight")
    plan = request.plan
    resized = tuple(resource for resource in plan.resources if SIZE in resource.before)
    names = {one.name for first in resized for one in (first, *dependents(plan.resources, first.name))}
    powered = [one for one in plan.resources if one.name in names and kind_of(one).power_state]
    statuses = yield from run_all(context, [(observe_resource, _compared(one)) for one in powered])
    refusals = [refusal for status in statuses for refusal in _refusals(status, restart=request.restart)]
    checks, changed = checks_for(plan, PreflightResult(tuple(one.name for one in plan.resources)))
    found, warnings = yield from make_checks(context, plan, checks, changed)
    refusals += found
    tracker.end("preflight", REFUSED if refusals else DONE)
    started = tuple(status.name for status in statuses if status.state in AWAKE)
    stopped = tuple(status.name for status in statuses if status.state is not State.STOPPED)
    return refusals, warnings, Affected(resized, stopped, started)


def _compared(resource: Resource) -> Resource:
    """What is compared with the plan: only what is resized, because its other properties stay as they are."""
    return replace(resource, setup=None) if SIZE in resource.before else resource.recorded()


def _refusals(status: ResourceStatus, *, restart: bool) -> list[Refusal]:
    if not status.exists:
        return [Refusal(RefusalReason.NOT_FOUND, "It does not exist.", step=status.name)]
    found = [one for one in status.differences if one.field == SIZE and one.obstacle]
    refusals = [Refusal(RefusalReason.INCOMPATIBLE, f"The size {obstacle_text(one)}.", step=status.name) for one in found]
    if status.state in AWAKE and not restart:
        detail = STARTED_SINCE.format(state=status.state)
        refusals.append(Refusal(RefusalReason.CONFLICT, detail, step=status.name))
    if status.state not in AWAKE | SHUT_DOWN:  # stopping it could interrupt work
        refusals.append(Refusal(RefusalReason.CONFLICT, f"It is {status.state}; retry later.", step=status.name))
    return refusals


def _go_back(
    context: Context,
    request: Resize,
    affected: Affected,
    refusals: Sequence[Refusal],
    tracker: ProgressTracker,
    *,
    changed: bool,
) -> Orchestration[Outcome]:
    """Put the old size back where it may have been changed, and start what computed before; the outcome says all of it."""
    name, words = request.record.name, NOTHING_CHANGED
    if changed:
        left = yield from _stop_for_return(context, request, affected, tracker)
        kept = {} if left else (yield from resize_all(context, affected.resized, tracker, revert=True))
        if left or kept:
            return Outcome.failed([*refusals, *left, *kept.values()], undone=NOT_PUT_BACK)
        words = f"{PUT_BACK}."
    if not affected.started:
        return Outcome.failed(refusals, undone=f"{words} {name} is stopped.")
    start = _change(request, Verb.START, affected.started)
    restarted = yield from start_in_order(context, start, tracker)
    left = list(restarted.refusals) or (yield from verify_power(context, start, tracker, "verify return"))
    if left:
        return Outcome.failed([*refusals, *left], undone=f"{words} {name} could not be started again.")
    words += yield from resume_after_start(context, dependents_suspended(start), tracker)
    checked = yield from check_after_change(context, start, tracker, f"{words.rstrip('.')}: {name} is running again")
    return replace(Outcome.failed(refusals, undone=checked.reason), health_checks=checked.health_checks)


def _stop_for_return(
    context: Context, request: Resize, affected: Affected, tracker: ProgressTracker
) -> Orchestration[list[Refusal]]:
    """Stop what may have been started with the new size already, among several machines."""
    started = [one for one in request.plan.resources if one.name in affected.started]
    statuses = yield from run_all(context, [(observe_resource, one.recorded()) for one in started])
    names = tuple(status.name for status in statuses if status.state is not State.STOPPED)
    if not names:
        return []
    stop = _change(request, Verb.STOP, names)
    refusals, _ = yield from stop_in_order(context, stop, tracker)
    return refusals or (yield from verify_power(context, stop, tracker, "verify stop"))
