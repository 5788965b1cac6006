"""Rollback: what an operation created is deleted in reverse order, and nothing that existed before."""

from collections.abc import Sequence, Set

from activities.inventory import list_group
from activities.resources.generic import delete_resource, detach_resources
from dormouse.environments.requests import DetachRequest
from dormouse.resources.naming import name_of
from dormouse.resources.ownership import OwnedResources
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.registry import is_group, kind_of, with_implied
from orchestrators.durable import Context, Orchestration, RetriesExhausted, poll, refusal_in, run
from orchestrators.environments.deletion_check import find_leftovers, list_leftovers
from orchestrators.environments.execute_plan import PlanExecution
from orchestrators.environments.suspend import suspend_all, suspended_in
from orchestrators.progress import DONE, REFUSED, ProgressTracker

UNKNOWN = "unknown, because the lookup failed: {why}"


def roll_back(context: Context, execution: PlanExecution, tracker: ProgressTracker) -> Orchestration[list[str]]:
    """Delete what this operation created, in reverse order, verify that it is gone, and return what is left."""
    created = [execution.identified(one) for one in execution.plan.resources if _is_ours(one, execution)]
    yield from _delete_all(context, execution, created, tracker)
    return (yield from _verified(_left(context, execution, created), execution, tracker))


def take_back(
    context: Context, execution: PlanExecution, names: Set[str], tracker: ProgressTracker
) -> Orchestration[list[str]]:
    """Delete those of these resources that this operation created, as `roll_back` does, and keep the others."""
    created = [
        execution.identified(one) for one in execution.plan.resources if one.name in names and _is_ours(one, execution)
    ]
    yield from _delete_all(context, execution, created, tracker)
    # The next attempt creates it again, so what Azure created along with it must be gone, too.
    along = [implied for one in created for implied in kind_of(one).implied(one)]
    return (yield from _verified(_left_of(context, [*along, *created]), execution, tracker))


def _delete_all(
    context: Context, execution: PlanExecution, created: Sequence[Resource], tracker: ProgressTracker
) -> Orchestration[None]:
    kept = yield from _kept(context, created, execution)
    removed = [resource for resource in created if resource.name not in kept]
    names = {resource.name for resource in removed}
    yield from suspend_all(context, [one for one in suspended_in(removed) if one.contained_in not in names], tracker)
    for resource in reversed(removed):
        if resource.contained_in not in names and resource.id:
            yield from _remove(context, resource, f"roll back {execution.steps[resource.name]}", tracker)


def _verified(
    looking: Orchestration[list[str]], execution: PlanExecution, tracker: ProgressTracker
) -> Orchestration[list[str]]:
    step = execution.numbered("verify")
    tracker.begin(step)
    left = yield from looking
    tracker.end(step, REFUSED if left else DONE)
    return left


def _is_ours(resource: Resource, execution: PlanExecution) -> bool:
    """Whether this operation may have created a resource.

    What an existing resource needs belongs to it, even if it had to be recovered: the password of a VM, for example.
    """
    if resource.name not in execution.begun or resource.name in execution.existing:
        return False
    others = [other for other in execution.plan.resources if other.name in execution.existing]
    needed_before = any(resource.name in other.needs for other in others)
    return kind_of(resource).repeatable or not needed_before


def _kept(context: Context, created: Sequence[Resource], execution: PlanExecution) -> Orchestration[set[str]]:
    """What must not be deleted, because others would go with it: groups with foreign resources, and VMs that hold some.

    What was there before is detached from what is deleted; if that fails, the latter is kept and reported.
    """
    kept = set()
    for resource in created:
        if is_group(resource) and (yield from _holds_others(context, resource, execution.plan)):
            kept.add(resource.name)
        along = kind_of(resource).takes_along(resource)
        before = tuple(execution.plan.resource(name) for name in along if name in execution.existing)
        if before and not (yield from _detach(context, DetachRequest(resource, before))):
            kept.add(resource.name)
    return kept


def _detach(context: Context, request: DetachRequest) -> Orchestration[bool]:
    try:
        answer = yield from poll(context, detach_resources, request)
    except RetriesExhausted:
        return False
    return refusal_in(answer, request.resource.name) is None


def _holds_others(context: Context, group: Resource, plan: Plan) -> Orchestration[bool]:
    """Whether a group created by this operation has foreign resources; assumed if the lookup fails."""
    try:
        contents = yield from run(context, list_group, name_of(group.id))
    except RetriesExhausted:
        return True
    return bool(OwnedResources(with_implied(plan)).others_in(contents))


def _remove(context: Context, resource: Resource, name: str, tracker: ProgressTracker) -> Orchestration[None]:
    tracker.begin(name)
    try:
        answer = yield from poll(context, delete_resource, resource.recorded())
        tracker.end(name, REFUSED if refusal_in(answer, name) else DONE)
    except RetriesExhausted:
        tracker.end(name, REFUSED)  # the verification reports what is left


def _left(context: Context, execution: PlanExecution, created: Sequence[Resource]) -> Orchestration[list[str]]:
    plan = execution.plan
    try:
        if not any(is_group(resource) and resource.name in execution.existing for resource in plan.resources):
            leftovers = yield from find_leftovers(context, plan.environment, OwnedResources(with_implied(plan)))
            return [*leftovers.all, *leftovers.groups_kept]
    except RetriesExhausted as gave_up:
        return [UNKNOWN.format(why=gave_up.refusal.detail)]
    return (yield from _left_of(context, created))


def _left_of(context: Context, created: Sequence[Resource]) -> Orchestration[list[str]]:
    """What still exists of these resources."""
    try:
        return [kind_of(one).label(one) for one in (yield from list_leftovers(context, [one for one in created if one.id]))]
    except RetriesExhausted as gave_up:
        return [UNKNOWN.format(why=gave_up.refusal.detail)]
