"""Starting resources with another size when Azure has no capacity for theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from activities.records import write_environment
from dormouse.environments.attempts import Attempt
from dormouse.environments.fallback import attempt_of, lacks_capacity, worth_trying
from dormouse.environments.operations import EnvironmentRecord, OtherSize, PowerChange
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
    sizes = {resource.settings.get("size", "") for resource in stuck}
    refusals, where = tuple(refused.values()), request.placement
    if where and len(sizes) == 1:
        where = replace(where, size=min(sizes))
    others = [other for other in request.other_sizes if other.placement.size not in sizes]
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
            yield from run(context, write_environment, _record_with(other, stuck, request), LONG_RETRY)
            return Start((), attempts, RESIZED.format(size=other.placement.size))
        refusals, where = tuple(found.values()), other.placement
    if not resized:
        return Start(refusals, attempts)
    kept = yield from resize_all(context, stuck, tracker, len(attempts) + 2)
    return Start((*refusals, *kept.values()), attempts, "" if kept else AS_BEFORE)


def _can_move(resources: Sequence[Resource]) -> bool:
    return all(kind_of(resource).resizable for resource in resources)


def _record_with(other: OtherSize, resized: Sequence[Resource], request: PowerChange) -> EnvironmentRecord:
    """The record once these have another size; the placement of the environment changes with the last of them."""
    names = {resource.name for resource in resized}
    kept = {one.name: one.recorded() for one in request.resources if one.name not in names}
    resources = tuple(kept.get(one.name, one) for one in other.record.resources)
    if [one.settings for one in resources] == [one.settings for one in other.record.resources]:
        return other.record
    return replace(other.record, resources=resources, placement=request.recorded_placement)


def _in(other: OtherSize, resources: Sequence[Resource]) -> list[Resource]:
    """The resources as they are recorded with another size."""
    names = {resource.name for resource in resources}
    return [resource for resource in other.record.resources if resource.name in names]
