"""The role assignments of the identity that asks: those that a deployment makes (`infra/`), unless a test changes them."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.services.authorization import conditions

INFRA = Path(__file__).parents[4] / "infra"
ROLES: dict[str, list[str]] = json.loads((INFRA / "roles.json").read_text())
CONDITION = (INFRA / "assignment-condition.txt").read_text().replace("<assignable>", ", ".join(ROLES["assignable"])).strip()
ROOT = f"/subscriptions/{SUBSCRIPTION}"
FACT = "role assignments of the identity"
SHARING = (INFRA / "sharing-condition.txt").read_text().replace("<privileged>", ", ".join(ROLES["privileged"])).strip()
# Monitoring Reader, which deployments assign too, allows reads only.
BUILT_IN = {"reader": ["*/read"]}
CONDITIONS = {"provision": CONDITION, "share": SHARING}


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role at a scope: the actions that it allows there and below, if its condition holds (""; it has none)."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()
    scope: str = ROOT
    condition: str = ""

    def allows(self, action: str, scope: str) -> bool:
        """Whether the role has the action at a scope, whatever the condition."""
        return covers(self.scope, scope) and matches(action, self.actions) and not matches(action, self.not_actions)

    def holds(self, facts: conditions.Facts) -> bool:
        """Whether the condition allows what is asked."""
        return not self.condition or conditions.read(self.condition)(facts)


def covers(scope: str, other: str) -> bool:
    """Whether what is assigned at a scope holds at another one."""
    return f"{other.lower()}/".startswith(f"{scope.lower().rstrip('/')}/")


@lru_cache(maxsize=10_000)
def matches(action: str, patterns: tuple[str, ...]) -> bool:
    """Whether one of some patterns with wildcards names an action."""
    return any(_pattern(one).fullmatch(action) for one in patterns)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*"), re.IGNORECASE)


def of_role(name: str, scope: str = ROOT) -> Assignment:
    """The assignment of a role that deployments assign: reader, sweep, adopt, provision or share; raises KeyError for another."""
    actions = BUILT_IN[name] if name in BUILT_IN else ROLES[name]
    return Assignment(tuple(actions), (), scope, CONDITIONS.get(name, ""))


DEPLOYED = tuple(of_role(name) for name in ("reader", "sweep", "adopt", "provision", "share"))


def of_identity(world: World) -> tuple[Assignment, ...]:
    """The role assignments of the identity."""
    known = world.store.get("facts", FACT)
    return DEPLOYED if known is None else _decoded(json.dumps(known["assignments"]))


@lru_cache(maxsize=100)
def _decoded(text: str) -> tuple[Assignment, ...]:
    return tuple(
        Assignment(tuple(one["actions"]), tuple(one["not_actions"]), one["scope"], one["condition"])
        for one in json.loads(text)
    )


def permit(world: World, actions: Sequence[str], without: Sequence[str] = ()) -> None:
    """Let the identity do these actions in the whole subscription, except some."""
    assign(world, [Assignment(tuple(actions), tuple(without))])


def assign(world: World, assignments: Sequence[Assignment]) -> None:
    """Replace the role assignments of the identity."""
    world.store.put("facts", FACT, {"assignments": [asdict(one) for one in assignments]})


def put(world: World, request: Request) -> Answer:
    """Replace the role assignments of the identity, as the control API describes them; none given: those of a deployment."""
    body = request.json()
    try:
        if "assignments" in body:
            assign(world, [_asked(one) for one in body["assignments"]])
        elif "actions" in body:
            permit(world, body["actions"], body.get("not_actions", []))
        else:
            world.store.delete("facts", FACT)
    except (KeyError, TypeError) as error:
        raise Refused(400, "InvalidAssignments", f"Not a role assignment: {error}.") from None
    world.checked.clear()
    return Answer(204)


def _asked(given: dict[str, Any]) -> Assignment:
    scope = str(given.get("scope", ROOT))
    if "role" in given:
        return of_role(given["role"], scope)
    return Assignment(tuple(given["actions"]), tuple(given.get("not_actions", ())), scope, given.get("condition", ""))


def checked(world: World, _: Request) -> Answer:
    """The actions that requests have needed since the assignments were last replaced, and whether each was allowed."""
    return Answer(200, {"value": dict(sorted(world.checked.items()))})


def listed(world: World, scope: str) -> Answer:
    """The permissions of the caller at a scope: those of the roles that are assigned there and above."""
    here: list[Document] = [
        {"actions": list(one.actions), "notActions": list(one.not_actions), "dataActions": [], "notDataActions": []}
        for one in of_identity(world)
        if covers(one.scope, scope)
    ]
    return Answer(200, {"value": here})
