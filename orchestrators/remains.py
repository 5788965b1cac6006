"""What of an environment is left: nothing is believed gone before it was looked for, nor there before it was looked at."""

from dataclasses import dataclass

from activities.inventory import is_still_there, list_belongings, list_secrets, read_group
from orchestrators.steps import Activity, Context, GaveUp, Story, run, run_all


@dataclass(frozen=True, slots=True)
class Remains:
    """What is still there: the group's id ("" if it is gone), ids of resources, names of secrets; and what is not known."""

    group: str = ""
    resources: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def found(self) -> tuple[str, ...]:
        """Everything that is known to be left, for people to read."""
        secrets = (f"key vault secret {name}" for name in self.secrets)
        return (*([self.group] if self.group else []), *self.resources, *secrets)

    @property
    def all(self) -> tuple[str, ...]:
        """Everything that is left, or may be."""
        return (*self.found, *self.unknown)


def look_for_remains(context: Context, environment: str, group: str) -> Story[Remains]:
    """Look for the environment's group, for everything that carries its tag, and for its secrets."""
    unknown: list[str] = []
    view = yield from run(context, read_group, group)
    secrets = yield from _listed(context, list_secrets, environment, unknown)
    belongings = yield from _listed(context, list_belongings, environment, unknown)
    # Resource Graph remembers a little too long: what lies in a group that is gone is gone with it, and what it says
    # of the rest is looked at.
    doubtful = [identifier for identifier in belongings if view.id or not lies_in(group, identifier)]
    found = yield from still_there(context, doubtful)
    return Remains(view.id if view.owner == environment else "", tuple(found), tuple(secrets), tuple(unknown))


def still_there(context: Context, identifiers: list[str]) -> Story[list[str]]:
    """Those of some resources that exist."""
    there = yield from run_all(context, [(is_still_there, identifier) for identifier in identifiers])
    return [identifier for identifier, exists in zip(identifiers, there, strict=True) if exists]


def lies_in(group: str, identifier: str) -> bool:
    """Whether a resource lies in a group."""
    return f"/resourcegroups/{group}/".lower() in identifier.lower()


def _listed(context: Context, activity: Activity[list[str]], environment: str, unknown: list[str]) -> Story[list[str]]:
    """What an activity lists; if it gives up, that is one more thing that is not known, and no reason to stop."""
    try:
        return (yield from run(context, activity, environment))
    except GaveUp as gave_up:
        unknown.append(f"unknown, because it could not be looked up: {gave_up.refusal.detail}")
        return []
