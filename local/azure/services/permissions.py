"""The permissions of the identity that asks: what its roles allow in the subscription, and the refusal of anything else.

Only whole requests are checked: not the rights to resources that a body refers to, nor those to read the results of
Resource Graph. The identity may do what the deployed roles allow (`infra/roles.json`), unless a test changes that.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from local.azure.core.requests import Request
from local.azure.core.resource_ids import parse
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.providers.common import GATEWAY

PERMISSIONS = re.compile(r"/subscriptions/[^/]+/providers/Microsoft\.Authorization/permissions", re.IGNORECASE)
GROUP = re.compile(r"/subscriptions/[^/]+/resourcegroups/[^/]+", re.IGNORECASE)
GROUP_TYPE = "Microsoft.Resources/subscriptions/resourcegroups"
FACT = "permissions"
ROLES = json.loads((Path(__file__).parents[3] / "infra" / "roles.json").read_text())
# The role Reader, and the custom roles that a deployment gives to the control plane.
DEPLOYED = ["*/read", *dict.fromkeys((*ROLES["sweep"], *ROLES["adopt"], *ROLES["provision"]))]
PERMISSION: Document = {"actions": DEPLOYED, "notActions": [], "dataActions": [], "notDataActions": []}
VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}


def granted(world: World) -> Document:
    """The permission that the identity has."""
    return world.store.get("facts", FACT) or PERMISSION


def grant(world: World, request: Request) -> Answer:
    """Set what the identity may do: its actions, and the exceptions from them."""
    body = request.json()
    permit(world, body.get("actions", DEPLOYED), body.get("not_actions", []))
    return Answer(204)


def permit(world: World, actions: Sequence[str], without: Sequence[str] = ()) -> None:
    """Let the identity do these actions, except some."""
    world.store.put("facts", FACT, {**PERMISSION, "actions": list(actions), "notActions": list(without)})


def listed(world: World) -> Answer:
    """The permissions of the caller at the scope of the subscription."""
    return Answer(200, {"value": [granted(world)]})


def check_permitted(world: World, request: Request, path: str, client: str) -> None:
    """Raise Azure's refusal of a request for which the identity `client` has no permission."""
    action = _action(request.method, path)
    permission = granted(world)
    if not action or (_matches(action, permission["actions"]) and not _matches(action, permission["notActions"])):
        return
    text = (  # recorded: "GET /subscriptions/{}/resourcegroups/{}", 403
        f"The client '{client}' with object id '{client}' does not have authorization to perform action '{action}' over "
        f"scope '{path}' or the scope is invalid. If access was recently granted, please refresh your credentials."
    )
    raise Refused(403, "AuthorizationFailed", text, headers=GATEWAY)


def _action(method: str, path: str) -> str:
    """The action that a request needs, or "" for what Resource Manager answers about a subscription itself.

    https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations
    """
    if GROUP.fullmatch(path):
        return f"{GROUP_TYPE}/{VERBS[method]}" if method in VERBS else ""
    rid = parse(path)
    if rid is None or not rid.types or not rid.group or rid.subscription.lower() != SUBSCRIPTION:
        return ""
    if method in VERBS:
        return f"{rid.type}/{VERBS[method]}"
    return f"{rid.type}/action" if method == "POST" else ""


def _matches(action: str, patterns: list[str]) -> bool:
    return any(re.fullmatch(re.escape(one).replace(r"\*", ".*"), action, re.IGNORECASE) for one in patterns)
