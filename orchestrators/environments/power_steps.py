"""The steps of power changes: changes of the power and of the size of several resources at once."""

from collections.abc import Sequence

from activities.resources.generic import change_resource_power, resize_resource
from dormouse.environments.operations import PowerRequest
from dormouse.environments.results import Refusal
from dormouse.lifecycle import Verb
from dormouse.resources.plan import Resource
from orchestrators.durable import Context, Ended, Orchestration, poll_all, refusal_in
from orchestrators.progress import DONE, REFUSED, ProgressTracker


def change_all(
    context: Context, verb: Verb, resources: Sequence[Resource], tracker: ProgressTracker, attempt: int = 1
) -> Orchestration[dict[str, Refusal]]:
    """Start, stop, hibernate or restart resources; returns the refusals by the name of the resource."""
    if not resources:
        return {}
    steps = _begun(str(verb), resources, tracker, attempt)
    hibernates = verb is Verb.HIBERNATE
    wanted = [PowerRequest(resource, Verb.STOP if hibernates else verb, hibernates) for resource in resources]
    answers = yield from poll_all(context, change_resource_power, wanted)
    return _ended(steps, resources, answers, tracker)


def resize_all(
    context: Context, resources: Sequence[Resource], tracker: ProgressTracker, attempt: int
) -> Orchestration[dict[str, Refusal]]:
    """Give stopped resources the sizes that they are to have; returns the refusals by the name of the resource."""
    steps = _begun("resize", resources, tracker, attempt)
    answers = yield from poll_all(context, resize_resource, [resource.recorded() for resource in resources])
    return _ended(steps, resources, answers, tracker)


def _begun(word: str, resources: Sequence[Resource], tracker: ProgressTracker, attempt: int) -> list[str]:
    number = "" if attempt == 1 else f"({attempt})"
    steps = [f"{word} {resource.name}{number}" for resource in resources]
    tracker.begin(*steps)
    return steps


def _ended(
    steps: Sequence[str], resources: Sequence[Resource], answers: Sequence[Ended], tracker: ProgressTracker
) -> dict[str, Refusal]:
    found = {}
    for step, resource, answer in zip(steps, resources, answers, strict=True):
        refusal = refusal_in(answer, step)
        tracker.end(step, REFUSED if refusal else DONE)
        if refusal:
            found[resource.name] = refusal
    return found
