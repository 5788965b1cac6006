"""Suspension: what runs inside a resource is told before that resource is stopped or deleted, and again after its start."""

from collections.abc import Sequence
from datetime import timedelta

from activities.resources.generic import resume_resource, suspend_resource
from dormouse.environments.results import Refusal
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of
from orchestrators.durable import Context, Orchestration, poll_all, refusal_in
from orchestrators.progress import DONE, REFUSED, ProgressTracker

# People are waiting for the stop: work that cannot be ended within this time is interrupted.
LONGEST_SUSPENSION = timedelta(minutes=5)


def suspended_in(resources: Sequence[Resource]) -> list[Resource]:
    """The resources that are suspended before what they need is stopped or deleted."""
    return [resource for resource in resources if kind_of(resource).suspends]


def suspend_all(
    context: Context,
    resources: Sequence[Resource],
    tracker: ProgressTracker | None = None,
    within: timedelta | None = None,
) -> Orchestration[dict[str, Refusal]]:
    """Suspend resources in parallel, within a limit of time (five minutes by default); returns the refusals by name."""
    return (yield from _tell(context, resources, "suspend", tracker, within or LONGEST_SUSPENSION))


def resume_all(
    context: Context, resources: Sequence[Resource], tracker: ProgressTracker | None = None
) -> Orchestration[dict[str, Refusal]]:
    """Resume suspended resources in parallel; returns the refusals by name."""
    return (yield from _tell(context, resources, "resume", tracker, LONGEST_SUSPENSION))


def _tell(
    context: Context, resources: Sequence[Resource], verb: str, tracker: ProgressTracker | None, within: timedelta
) -> Orchestration[dict[str, Refusal]]:
    if not resources:
        return {}
    steps = [f"{verb} {resource.name}" for resource in resources]
    if tracker:
        tracker.begin(*steps)
    begin = suspend_resource if verb == "suspend" else resume_resource
    answers = yield from poll_all(context, begin, resources, within)
    refusals = {}
    for resource, step, answer in zip(resources, steps, answers, strict=True):
        refusal = refusal_in(answer, step)
        if refusal:
            refusals[resource.name] = refusal
        if tracker:
            tracker.end(step, REFUSED if refusal else DONE)
    return refusals
