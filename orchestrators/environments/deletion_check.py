"""Finds resources of an environment that survived a delete or rollback."""

from dataclasses import dataclass

from activities.inventory import is_still_there, list_group, list_secrets, list_tagged, read_group
from dormouse.resources.ownership import OwnedResources
from orchestrators.durable import Activity, Context, Orchestration, RetriesExhausted, run, run_all


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What still exists: the group's ID ("" if deleted), resource IDs, secret names, and what could not be checked.

    `others` are foreign resources in the group; with `ours_alone`, the whole group can be deleted.
    """

    group: str = ""
    resources: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    ours_alone: bool = False

    @property
    def found(self) -> tuple[str, ...]:
        """All resources of the environment that still exist, as text."""
        secrets = (f"key vault secret {name}" for name in self.secrets)
        return (*([self.group] if self.group and self.ours_alone else []), *self.resources, *secrets)

    @property
    def all(self) -> tuple[str, ...]:
        """All resources of the environment that still exist or could not be checked."""
        return (*self.found, *self.unknown)

    @property
    def left_alone(self) -> tuple[str, ...]:
        """What a deletion keeps: foreign resources, and the group if it has any or is foreign itself."""
        group = [self.group] if self.group and not self.ours_alone else []
        return (*group, *self.others)


def find_leftovers(context: Context, environment: str, ours: OwnedResources) -> Orchestration[Leftovers]:
    """Find the remaining resources of an environment, and foreign resources in its group."""
    if not ours.group:
        return Leftovers()
    unknown: list[str] = []
    view = yield from run(context, read_group, ours.group)
    secrets = yield from _list(context, list_secrets, list(ours.secrets), unknown)
    if not view.id:
        return Leftovers(secrets=tuple(secrets), unknown=tuple(unknown))
    unlisted: list[str] = []
    others = ours.others_in((yield from _list(context, list_group, ours.group, unlisted)))
    resources = yield from still_there(context, list(ours.resources))
    unknown += unlisted
    alone = view.is_of(environment) and not others and not unlisted
    return Leftovers(view.id, tuple(resources), tuple(secrets), others, tuple(unknown), alone)


def find_tagged(
    context: Context, environment: str, ours: OwnedResources
) -> Orchestration[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Resources with the environment's tag outside its group, by Resource Graph, and what could not be checked."""
    unknown: list[str] = []
    tagged = yield from _list(context, list_tagged, environment, unknown)
    outside = (identifier for identifier in tagged if not (ours.group and is_in_group(ours.group, identifier)))
    return tuple(outside), tuple(unknown)


def still_there(context: Context, identifiers: list[str]) -> Orchestration[list[str]]:
    """The resources among these that exist."""
    there = yield from run_all(context, [(is_still_there, identifier) for identifier in identifiers])
    return [identifier for identifier, exists in zip(identifiers, there, strict=True) if exists]


def is_in_group(group: str, identifier: str) -> bool:
    """Whether a resource is in a resource group."""
    return f"/resourcegroups/{group}/".lower() in identifier.lower()


def _list(context: Context, activity: Activity[list[str]], request: object, unknown: list[str]) -> Orchestration[list[str]]:
    """The list that an activity returns; a failure is added to `unknown` instead of raised."""
    try:
        return (yield from run(context, activity, request))
    except RetriesExhausted as gave_up:
        unknown.append(f"unknown, because the lookup failed: {gave_up.refusal.detail}")
        return []
