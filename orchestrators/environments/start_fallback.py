"""Starting resources with another size when Azure has no capacity for theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.records import write_environment
from dormouse.environments.attempts import Attempt
from dormouse.environments.fallback import attempt_of, lacks_capacity, worth_trying
from dormouse.environments.operations import OtherSize, PowerChange
from dormouse.environments.results import Refusal
from dormouse.lifecycle import Verb
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of
from orchestrators.durable import LONG_RETRY, Context, Orchestration, run
from orchestrators.environments.power_steps import change_all, resize_all
from orchestrators.progress import ProgressTracker

RESIZED = "It was resized to {size} instead."
AS_BEFORE = "It has the size that it had before."


@dataclass(frozen=True, slots=True)
class Start:
    """How a start ended: its refusals, the attempts before, and what was done about them in words."""

    refusals: tuple[Refusal, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    done: str = ""


def start_resized(
    context: Context, request: PowerChange, refused: Mapping[str, Refusal], tracker: ProgressTracker
) -> Orchestration[Start]:
    """Start what was refused with the first other size that Azure has capacity for; without one, it keeps its size.

    Nothing but a lack of capacity leads to the next size.
    """
    stuck = [resource for resource in request.resources if resource.name in refused]
    refusals, where, others = tuple(refused.values()), request.placement, list(request.other_sizes)
    attempts: tuple[Attempt, ...] = ()
    resized = False
    while where and request.other_sizes and _can_move(stuck) and lacks_capacity(refusals):
        attempts = (*attempts, attempt_of(where, refusals))
        others = worth_trying(others, where, refusals)
        if not others:
            break
        other, *others = others
        number = len(attempts) + 1
        found = yield from resize_all(context, _in(other, stuck), tracker, number)
        resized = resized or len(found) < len(stuck)
        found = found or (yield from change_all(context, Verb.START, stuck, tracker, number))
        if not found:
            yield from run(context, write_environment, other.record, LONG_RETRY)
            return Start((), attempts, RESIZED.format(size=other.placement.size))
        refusals, where = tuple(found.values()), other.placement
    if not resized:
        return Start(refusals, attempts)
    kept = yield from resize_all(context, stuck, tracker, len(attempts) + 2)
    return Start((*refusals, *kept.values()), attempts, "" if kept else AS_BEFORE)


def _can_move(resources: Sequence[Resource]) -> bool:
    return all(kind_of(resource).resizable for resource in resources)


def _in(other: OtherSize, resources: Sequence[Resource]) -> list[Resource]:
    """The resources as they are recorded with another size."""
    names = {resource.name for resource in resources}
    return [resource for resource in other.record.resources if resource.name in names]
