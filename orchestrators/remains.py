"""What of an environment is left: nothing is believed gone before it was looked for, nor there before it was looked at."""

from dataclasses import dataclass

from activities.inventory import is_still_there, list_belongings, list_secrets, read_group
from orchestrators.steps import Context, Story, run, run_all


@dataclass(frozen=True, slots=True)
class Remains:
    """What is still there: the group's id ("" if it is gone), ids of resources, names of secrets."""

    group: str = ""
    resources: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Everything that is left, for people to read."""
        secrets = (f"key vault secret {name}" for name in self.secrets)
        return (*([self.group] if self.group else []), *self.resources, *secrets)


def look_for_remains(context: Context, environment: str, group: str) -> Story[Remains]:
    """Look for the environment's group, for everything that carries its tag, and for its secrets."""
    view = yield from run(context, read_group, group)
    secrets = yield from run(context, list_secrets, environment)
    belongings = yield from run(context, list_belongings, environment)
    # Resource Graph remembers a little too long: what lies in a group that is gone is gone with it, and what it says
    # of the rest is looked at.
    doubtful = [identifier for identifier in belongings if view.id or not lies_in(group, identifier)]
    there = yield from run_all(context, [(is_still_there, identifier) for identifier in doubtful])
    found = [identifier for identifier, exists in zip(doubtful, there, strict=True) if exists]
    return Remains(view.id if view.owner == environment else "", tuple(found), tuple(secrets))


def lies_in(group: str, identifier: str) -> bool:
    """Whether a resource lies in a group."""
    return f"/resourcegroups/{group}/".lower() in identifier.lower()
