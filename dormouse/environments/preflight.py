"""Preflight of a plan: what has to be looked at, and what follows from it. Pure."""

from collections.abc import Mapping, Sequence, Set

from dormouse.environments.results import GroupView, PreflightResult, Refusal, RefusalReason, ResourceStatus
from dormouse.lifecycle import State
from dormouse.resources.compute.images import missing_in_image
from dormouse.resources.kinds import Difference
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.registry import is_group, kind_of

GROUP_OF_OTHERS = (
    "The resource group {group} exists, but the control plane has no record of it. Choose another environment name, or ask "
    "an administrator to check and delete the group."
)


OR_RESIZE = {"size": ", or use the command resize"}
RUN_FIRST = "can change only while {machine} is running, and it is {state}; start the environment first"
WAKE_FIRST = "cannot change while the machine is hibernated; start the environment, then stop it"


def groups_in(plan: Plan) -> list[Resource]:
    """The resource groups of a plan."""
    return [resource for resource in plan.resources if is_group(resource)]


def group_refusals(plan: Plan, views: Mapping[str, GroupView], *, new: bool) -> list[Refusal]:
    """The refusals of groups, by their names in the plan: those of others, and those that are being deleted.

    For a `new` environment every existing group is foreign. For a recorded one, a group whose tags do not name the
    environment was created by someone else after the environment's group was deleted.
    """
    refusals = []
    for group in groups_in(plan):
        view, called = views[group.name], name_of(group.id)
        if view.id and new:
            refusals.append(Refusal(RefusalReason.NAME_TAKEN, GROUP_OF_OTHERS.format(group=called), step=group.name))
        elif view.id and not view.is_of(plan.environment):
            detail = (
                f"The resource group {called} exists, but its tags do not name the environment {plan.environment} of this "
                "deployment."
            )
            refusals.append(Refusal(RefusalReason.NAME_TAKEN, detail, step=group.name))
        elif view.deleting:
            detail = f"The resource group {called} is still being deleted; retry later."
            refusals.append(Refusal(RefusalReason.CONFLICT, detail, step=group.name))
    return refusals


def to_observe(plan: Plan, views: Mapping[str, GroupView]) -> list[Resource]:
    """The resources that may exist: nothing does in a group that does not."""
    return [one for one in plan.resources if not is_group(one) and _may_exist(one, plan, views)]


def preflight_result(
    plan: Plan,
    views: Mapping[str, GroupView],
    statuses: Sequence[ResourceStatus],
    refusals: Sequence[Refusal] = (),
    warnings: Sequence[str] = (),
) -> PreflightResult:
    """What exists of a plan, according to its groups and to the resources that were observed; in refused groups, nothing.

    To the `warnings` come those about the images of machines that do not exist yet.
    """
    refused = any(refusal.step in views for refusal in refusals)
    groups = set[str]() if refused else {name for name, view in views.items() if view.id}
    there = {status.name for status in statuses if status.exists} | groups
    existing = tuple(resource.name for resource in plan.resources if resource.name in there)
    drifted = tuple(status.name for status in statuses if status.drifted)
    powered = tuple(status for status in statuses if status.exists and status.state)
    differing = tuple(status for status in statuses if status.differences)
    suspended = tuple(status.name for status in statuses if status.suspended and not status.drifted)
    created = (one for one in plan.resources if one.name not in existing)
    told = dict.fromkeys([*warnings, *(words for one in created if (words := missing_in_image(one)))])
    return PreflightResult(existing, tuple(refusals), drifted, powered, differing, tuple(told), suspended)


def checks_for(plan: Plan, result: PreflightResult) -> tuple[list[str], tuple[str, ...]]:
    """The checks that the kinds of the missing and changed resources ask for, each once, and the names of these."""
    checked = [resource for resource in plan.resources if resource.before or resource.name not in result.existing]
    checks = dict.fromkeys(check for resource in checked for check in kind_of(resource).checks)
    return list(checks), tuple(resource.name for resource in checked)


def blocked_changes(statuses: Sequence[ResourceStatus], *, hibernated: bool) -> list[tuple[Difference, str]]:
    """What Azure cannot change as the resources are now, each with a sentence that says why and what to do.

    While a machine is `hibernated`, Azure changes neither its size nor its disks.
    https://learn.microsoft.com/azure/virtual-machines/hibernate-resume#general-limitations
    """
    found = [one for status in statuses for one in status.differences]
    if hibernated:
        return [(one, obstacle_text(one) if one.obstacle else WAKE_FIRST) for one in found]
    return [(one, obstacle_text(one)) for one in found if one.blocks]


def obstacle_text(difference: Difference) -> str:
    """Why a property cannot be changed now, and what to do, as a predicate."""
    change = f"cannot change from {difference.observed!r} (in Azure) to {difference.planned!r}"
    if difference.obstacle:
        advice = f"write {difference.observed!r}, or delete the environment and create it again"
        return f"{change}: {difference.obstacle}; {advice}"
    return f"{change} while the machine is not stopped; stop the environment first{OR_RESIZE.get(difference.field, '')}"


def asleep_inside(plan: Plan, statuses: Sequence[ResourceStatus]) -> list[tuple[Resource, str]]:
    """The changed resources that a script puts inside a machine which does not run now, each with a sentence about it."""
    states = {status.name: status.state for status in statuses}
    return [
        (one, RUN_FIRST.format(machine=one.contained_in, state=states[one.contained_in] or State.UNKNOWN))
        for one in plan.resources
        if one.name in plan.changed
        and kind_of(one).scripted_field
        and states.get(one.contained_in, State.RUNNING) is not State.RUNNING
    ]


def startable(plan: Plan, asleep: Set[str]) -> Plan:
    """The plan without what can be put only while the resources that it needs are running."""
    return plan.without(
        resource.name for resource in plan.resources if kind_of(resource).needs_power and asleep & set(resource.needs)
    )


def not_checked(check: str, why: str) -> str:
    """The warning about a preflight check that could not be made, because Azure did not answer."""
    return f"Not checked before: {check.replace('_', ' ')} ({why.rstrip('.')}). Azure decides while it builds."


def _may_exist(resource: Resource, plan: Plan, views: Mapping[str, GroupView]) -> bool:
    container = resource.contained_in
    while container:
        outer = plan.resource(container)
        if is_group(outer):
            return bool(views[outer.name].id)
        container = outer.contained_in
    return True
