"""What of an environment is left: nothing is believed gone before it was looked for, nor there before it was looked at."""

from dataclasses import dataclass

from activities.inventory import is_still_there, list_group, list_secrets, list_tagged, read_group
from dormouse.resources.ownership import OwnedResources
from orchestrators.durable import Activity, Context, Orchestration, RetriesExhausted, run, run_all


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What is still there: the group's id ("" if it is gone), ids of resources, names of secrets; and what is not known.

    `others` are resources in the group that belong to others; with `ours_alone`, the group can go at once.
    """

    group: str = ""
    resources: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    ours_alone: bool = False

    @property
    def found(self) -> tuple[str, ...]:
        """Everything of the environment that is known to be left, for people to read."""
        secrets = (f"key vault secret {name}" for name in self.secrets)
        return (*([self.group] if self.group and self.ours_alone else []), *self.resources, *secrets)

    @property
    def all(self) -> tuple[str, ...]:
        """Everything of the environment that is left, or may be."""
        return (*self.found, *self.unknown)

    @property
    def left_alone(self) -> tuple[str, ...]:
        """What a deletion does not touch: what belongs to others, and the group if it holds any of that or is not ours."""
        group = [self.group] if self.group and not self.ours_alone else []
        return (*group, *self.others)


def find_leftovers(context: Context, environment: str, ours: OwnedResources) -> Orchestration[Leftovers]:
    """Look for what belongs to an environment, and for what belongs to others in its group."""
    if not ours.group:
        return Leftovers()
    unknown: list[str] = []
    view = yield from run(context, read_group, ours.group)
    secrets = yield from _listed(context, list_secrets, list(ours.secrets), unknown)
    if not view.id:
        return Leftovers(secrets=tuple(secrets), unknown=tuple(unknown))
    unlisted: list[str] = []
    others = ours.others_in((yield from _listed(context, list_group, ours.group, unlisted)))
    resources = yield from still_there(context, list(ours.resources))
    unknown += unlisted
    alone = view.is_of(environment) and not others and not unlisted
    return Leftovers(view.id, tuple(resources), tuple(secrets), others, tuple(unknown), alone)


def find_tagged(
    context: Context, environment: str, ours: OwnedResources
) -> Orchestration[tuple[tuple[str, ...], tuple[str, ...]]]:
    """What carries an environment's tag outside its group, as Resource Graph shows it, and what is not known of that."""
    unknown: list[str] = []
    tagged = yield from _listed(context, list_tagged, environment, unknown)
    outside = (identifier for identifier in tagged if not (ours.group and is_in_group(ours.group, identifier)))
    return tuple(outside), tuple(unknown)


def still_there(context: Context, identifiers: list[str]) -> Orchestration[list[str]]:
    """Those of some resources that exist."""
    there = yield from run_all(context, [(is_still_there, identifier) for identifier in identifiers])
    return [identifier for identifier, exists in zip(identifiers, there, strict=True) if exists]


def is_in_group(group: str, identifier: str) -> bool:
    """Whether a resource lies in a group."""
    return f"/resourcegroups/{group}/".lower() in identifier.lower()


def _listed(
    context: Context, activity: Activity[list[str]], request: object, unknown: list[str]
) -> Orchestration[list[str]]:
    """What an activity lists; if it gives up, that is one more thing that is not known, and no reason to stop."""
    try:
        return (yield from run(context, activity, request))
    except RetriesExhausted as gave_up:
        unknown.append(f"unknown, because it could not be looked up: {gave_up.refusal.detail}")
        return []
