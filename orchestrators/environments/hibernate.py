"""Hibernation of environments: the memory is kept while they are stopped, or what was declared instead is done."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from activities.resources.generic import observe_resource
from dormouse import serialization
from dormouse.environments.operations import PowerChange
from dormouse.environments.results import Outcome, OutcomeStatus, Refusal, RefusalReason, ResourceStatus
from dormouse.lifecycle import State, Verb
from orchestrators.complete import run_operation
from orchestrators.durable import Context, Orchestration, run_all, sleep
from orchestrators.environments.power import VERIFY, interruption_text, powered_in, stop_in_order, verify_power
from orchestrators.progress import DONE, REFUSED, ProgressTracker

# A machine may still be writing its memory when the response to the request was lost.
LOOKS, BETWEEN_LOOKS = 30, 10.0
HIBERNATED = (
    "{name} is hibernated, as confirmed by Azure: its memory is kept on its disk, and the next start resumes it. Its "
    "computing is no longer billed; disks, IP addresses and storage still are."
)
DEALLOCATED = "{name} is stopped, as confirmed by Azure, but its memory was not kept, because it could not hibernate. {why}"
NOT_KEPT = "It is stopped, and Azure does not show it as hibernated: its memory was not kept."
NOT_STOPPED = "It was not stopped without its memory: {states}."


def hibernate_environment(context: Context) -> Orchestration[Any]:
    """Hibernate what runs in an environment and verify it; what cannot is deallocated or left running, as declared."""
    request = serialization.decode(PowerChange, context.get_input())
    tracker = ProgressTracker(context)
    work = _hibernate(context, request, tracker)
    return (yield from run_operation(context, request.operation, request.environment, tracker, work))


def _hibernate(context: Context, request: PowerChange, tracker: ProgressTracker) -> Orchestration[Outcome]:
    refusals, interrupted = yield from stop_in_order(context, request, tracker)
    statuses = yield from _settled(context, request, tracker, refused=bool(refusals))
    words = interruption_text(interrupted)
    if all(map(_sleeps, statuses)):
        return Outcome(OutcomeStatus.SUCCEEDED, HIBERNATED.format(name=request.environment) + words)
    awake = [status for status in statuses if status.state is not State.STOPPED]
    refusals = refusals or [_not_confirmed(status) for status in statuses if not _sleeps(status)]
    # Only what Azure shows as running has no memory on its disk that a deallocation would discard.
    if not request.deallocates or any(status.state is not State.RUNNING for status in awake):
        return Outcome.failed(refusals, undone=_states_in_words(awake) + words)
    if awake:
        names = tuple(status.name for status in awake)
        stop = replace(request, verb=Verb.STOP, only=names)
        more, late = yield from stop_in_order(context, stop, tracker)
        more = more or (yield from verify_power(context, stop, tracker, "verify stop"))
        words = interruption_text([*interrupted, *late])
        if more:
            return Outcome.failed([*refusals, *more], undone=words.strip())
    why = " ".join(refusal.explained() for refusal in refusals)
    told = DEALLOCATED.format(name=request.environment, why=why) + words
    return Outcome(OutcomeStatus.SUCCEEDED, told, refusals=tuple(refusals))


def _settled(
    context: Context, request: PowerChange, tracker: ProgressTracker, *, refused: bool
) -> Orchestration[list[ResourceStatus]]:
    """Wait until Azure shows everything as hibernated; after a refusal, only for what is on its way there."""
    tracker.begin(VERIFY, needs=[report.name for report in tracker.reports])
    statuses: list[ResourceStatus] = []
    for look in range(LOOKS):
        if look:
            yield from sleep(context, BETWEEN_LOOKS)
        asked = [(observe_resource, resource.recorded()) for resource in powered_in(request)]
        statuses = yield from run_all(context, asked)
        moving = [status for status in statuses if status.state is not State.STOPPED]
        if refused:
            moving = [status for status in moving if status.state is State.STOPPING]
        if not moving:
            break
    tracker.end(VERIFY, DONE if all(map(_sleeps, statuses)) else REFUSED)
    return statuses


def _sleeps(status: ResourceStatus) -> bool:
    return status.state is State.STOPPED and status.hibernated


def _not_confirmed(status: ResourceStatus) -> Refusal:
    shown = f"{status.state or State.ABSENT}{'' if status.hibernated else ', and not as hibernated'}"
    detail = f"Azure reported success, but shows {status.name} as {shown}. {status.problem}".strip()
    return Refusal(RefusalReason.FAILED_LATE, detail, step=VERIFY)


def _states_in_words(awake: Sequence[ResourceStatus]) -> str:
    if not awake:
        return NOT_KEPT
    return NOT_STOPPED.format(states=", ".join(f"{status.name} is {status.state or State.ABSENT}" for status in awake))
