"""Finds resources of an environment that survived a delete or rollback."""

from collections.abc import Sequence
from dataclasses import dataclass

from activities.inventory import list_group, list_tagged, read_group
from activities.resources.generic import observe_resource
from dormouse.environments.results import RefusalReason
from dormouse.resources.naming import group_of, name_of
from dormouse.resources.ownership import OwnedResources
from dormouse.resources.plan import Resource
from dormouse.resources.registry import is_group, kind_of
from orchestrators.durable import Activity, Context, Orchestration, RetriesExhausted, run, run_all, run_each


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What still exists of an environment: its resources, and what could not be checked.

    `whole_groups` names the groups in which nothing else is, so that they can be deleted as a whole; `groups_kept` are the
    IDs of the others, and `others` foreign resources in them. `unseen` are those among `resources` that the control plane's
    identity may not read: they are deleted like the others, and whether they exist is not known.
    """

    resources: tuple[Resource, ...] = ()
    whole_groups: frozenset[str] = frozenset()
    groups_kept: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def found(self) -> tuple[str, ...]:
        """All resources of the environment that still exist and must go, as text."""
        groups = [one for one in self.resources if is_group(one) and not one.contained_in]
        stay = [group for group in groups if group.name not in self.whole_groups]
        seen = [one for one in self.resources if kind_of(one).label(one) not in self.unseen]
        return tuple(kind_of(one).label(one) for one in seen if one not in stay)

    @property
    def all(self) -> tuple[str, ...]:
        """All resources of the environment that still exist or could not be checked."""
        hidden = (f"unknown, because the control plane's identity may not read {one}" for one in self.unseen)
        return (*self.found, *self.unknown, *hidden)

    @property
    def left_alone(self) -> tuple[str, ...]:
        """What a deletion keeps: foreign resources, and the groups that have any or are foreign themselves."""
        return (*self.groups_kept, *self.others)


def find_leftovers(context: Context, environment: str, ours: OwnedResources) -> Orchestration[Leftovers]:
    """Find the remaining resources of an environment, and foreign resources in its groups."""
    if not ours.resources:
        return Leftovers()
    unknown: list[str] = []
    views = yield from run_all(context, [(read_group, name_of(group.id)) for group in ours.groups])
    there = [(group, view) for group, view in zip(ours.groups, views, strict=True) if view.id]
    gone = {group.name for group, view in zip(ours.groups, views, strict=True) if not view.id}
    managed = [one for one in ours.resources if kind_of(one).type and one.id and one not in ours.groups]
    # A group that goes with another resource is outside of that resource's own group: it is looked for in any case.
    looked_for = [one for one in managed if is_group(one) or not ours.is_inside(one, gone)]
    resources, unseen = yield from _look_for(context, looked_for)
    elsewhere = [one for one in ours.resources if not kind_of(one).type and not ours.is_inside(one, gone)]
    resources += yield from _list_elsewhere(context, elsewhere, unknown)
    whole, kept, others = set[str](), list[str](), list[str]()
    for group, view in there:
        unlisted: list[str] = []
        foreign = ours.others_in((yield from _list(context, list_group, name_of(group.id), unlisted)))
        unknown += unlisted
        others += foreign
        if view.is_of(environment) and not foreign and not unlisted:
            whole.add(group.name)
        else:
            kept.append(view.id)
    names = {one.name for one in resources} | {group.name for group, _ in there}
    ordered = tuple(one for one in ours.resources if one.name in names)
    return Leftovers(ordered, frozenset(whole), tuple(kept), tuple(others), tuple(unknown), tuple(unseen))


def find_tagged(
    context: Context, environment: str, ours: OwnedResources
) -> Orchestration[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Resources with the environment's tag outside its groups, by Resource Graph, and what could not be checked."""
    unknown: list[str] = []
    tagged = yield from _list(context, list_tagged, environment, unknown)
    groups = {name_of(group.id).lower() for group in ours.groups}
    return tuple(identifier for identifier in tagged if group_of(identifier).lower() not in groups), tuple(unknown)


def list_leftovers(context: Context, resources: Sequence[Resource]) -> Orchestration[list[Resource]]:
    """The resources among these that exist; raises RetriesExhausted."""
    found = yield from run_all(context, [(observe_resource, resource.recorded()) for resource in resources])
    return [resource for resource, status in zip(resources, found, strict=True) if status.exists]


def _look_for(context: Context, resources: Sequence[Resource]) -> Orchestration[tuple[list[Resource], list[str]]]:
    """The resources among these that exist or may not be read, and the labels of the latter; raises RetriesExhausted."""
    statuses = yield from run_each(context, [(observe_resource, resource.recorded()) for resource in resources])
    there, unseen = [], []
    for resource, status in zip(resources, statuses, strict=True):
        if isinstance(status, RetriesExhausted):
            if status.refusal.reason is not RefusalReason.FORBIDDEN:
                raise status
            unseen.append(kind_of(resource).label(resource))
            there.append(resource)
        elif status.exists:
            there.append(resource)
    return there, unseen


def _list_elsewhere(context: Context, resources: Sequence[Resource], unknown: list[str]) -> Orchestration[list[Resource]]:
    """What exists outside Azure Resource Manager; a failure to look is added to `unknown` instead of raised."""
    try:
        return (yield from list_leftovers(context, resources))
    except RetriesExhausted as gave_up:
        unknown.append(f"unknown, because the lookup failed: {gave_up.refusal.detail}")
        return []


def _list(context: Context, activity: Activity[list[str]], request: object, unknown: list[str]) -> Orchestration[list[str]]:
    """The list that an activity returns; a failure is added to `unknown` instead of raised."""
    try:
        return (yield from run(context, activity, request))
    except RetriesExhausted as gave_up:
        unknown.append(f"unknown, because the lookup failed: {gave_up.refusal.detail}")
        return []
