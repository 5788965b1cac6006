"""The steps of power changes: changes of the power and of the size of several resources at once."""

from collections.abc import Sequence
from dataclasses import replace

from activities.resources.generic import change_resource_power, put_resource
from dormouse.environments.requests import PowerRequest, PutRequest
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
    context: Context, resources: Sequence[Resource], tracker: ProgressTracker, attempt: int = 1, *, revert: bool = False
) -> Orchestration[dict[str, Refusal]]:
    """Give stopped resources the sizes in their settings; returns the refusals by the name of the resource.

    With `revert` they get back the sizes that they had before, as `Resource.before` says.
    """
    needs = [report.name for report in tracker.reports][-1:]
    steps = _begun("put back" if revert else str(Verb.RESIZE), resources, tracker, attempt, needs)
    wanted = [PutRequest(replace(one, body={}, setup=None), update=True, revert=revert) for one in resources]
    answers = yield from poll_all(context, put_resource, wanted)
    return _ended(steps, resources, answers, tracker)


def _begun(
    word: str, resources: Sequence[Resource], tracker: ProgressTracker, attempt: int, needs: Sequence[str] = ()
) -> list[str]:
    number = "" if attempt == 1 else f"({attempt})"
    steps = [f"{word} {resource.name}{number}" for resource in resources]
    tracker.begin(*steps, needs=needs)
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
