"""Azure's refusals of requests that the identity may not make, and what it may see."""

import json
from collections.abc import Callable

from local.azure.core.requests import Request
from local.azure.core.resource_ids import parse
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import GATEWAY
from local.azure.providers.kinds import GROUP
from local.azure.services.authorization import linked
from local.azure.services.authorization.actions import GROUP_TYPE, needed
from local.azure.services.authorization.assignments import ROOT, Assignment, covers, of_identity
from local.azure.services.authorization.conditions import Attributes, Facts

ROLE_ASSIGNMENT = "microsoft.authorization/roleassignments"
NONE: Attributes = {}


def check_permitted(world: World, request: Request, path: str, client: str) -> None:
    """Raise Azure's refusal of a request for which the identity `client` has no permission, or none on what it refers to."""
    action, scope = needed(request.method, path)
    if not action:
        return
    if not _may(world, action, scope, lambda: _attributes(request), lambda: _assigned(world, path)):
        text = (  # recorded: "GET /subscriptions/{}/resourcegroups/{}", 403
            f"The client '{client}' with object id '{client}' does not have authorization to perform action '{action}' over "
            f"scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
        )
        raise Refused(403, "AuthorizationFailed", text, headers=GATEWAY)
    if request.method in ("PUT", "PATCH"):
        _check_linked(world, request, path, action, client)


def _check_linked(world: World, request: Request, path: str, action: str, client: str) -> None:
    rid = parse(path)
    if rid is None or rid.type.lower() not in linked.TYPES:
        return
    links = dict.fromkeys(linked.references(request.method, rid, request.json(), world.resource(rid.text)))
    missing = [link for link in links if not _may(world, *link)]
    if not missing:
        return
    actions, scopes = ",".join(one for one, _ in missing), ",".join(scope for _, scope in missing)
    text = (  # as in https://github.com/Azure/azure-cli/issues/28742, there for one action
        f"The client '{client}' with object id '{client}' has permission to perform action '{action}' on scope '{path}'; "
        f"however, it does not have permission to perform action(s) '{actions}' on the linked scope(s) '{scopes}' "
        "(respectively) or the linked scope(s) are invalid."
    )
    raise Refused(403, "LinkedAuthorizationFailed", text, headers=GATEWAY)


def may_read(world: World, kind: str, identifier: str) -> bool:
    """Whether the identity may read a resource: Resource Graph leaves out every other, without an error.

    https://learn.microsoft.com/azure/governance/resource-graph/overview#permissions-in-azure-resource-graph
    """
    return any(one.allows(f"{kind}/read", identifier) for one in of_identity(world))


def shortened(world: World, answer: Answer) -> Answer:
    """A list of a subscription's groups or resources without those that the identity may not read.

    https://learn.microsoft.com/azure/role-based-access-control/troubleshooting; that it is not an error is assumed.
    """
    if reads_everything(world) or not isinstance(answer.body, dict):
        return answer
    seen = [item for item in answer.body["value"] if may_read(world, _kind_of(item), item["id"])]
    return Answer(answer.status, {**answer.body, "value": seen}, answer.headers)


def _kind_of(item: Document) -> str:
    return GROUP_TYPE if item["type"] == GROUP else str(item["type"])


def reads_everything(world: World) -> bool:
    """Whether the identity may read everything in the subscription."""
    return any(_reads_everything(one) for one in of_identity(world))


def _reads_everything(one: Assignment) -> bool:
    return covers(one.scope, ROOT) and not one.not_actions and not one.condition and bool({"*", "*/read"} & set(one.actions))


def may(world: World, action: str, scope: str) -> bool:
    """Whether the identity may do something to what is not a request to Resource Manager."""
    return _may(world, action, scope)


def _may(
    world: World,
    action: str,
    scope: str,
    asked: Callable[[], Attributes] = lambda: NONE,
    there: Callable[[], Attributes] = lambda: NONE,
) -> bool:
    facts = Facts(action, asked, there)
    allowed = any(one.allows(action, scope) and one.holds(facts) for one in of_identity(world))
    world.checked[action.lower()] = world.checked.get(action.lower(), True) and allowed
    return allowed


def _attributes(request: Request) -> Attributes:
    """The attributes of the role assignment in the body of a request."""
    try:
        properties = json.loads(request.body)["properties"]
    except (ValueError, TypeError, KeyError):
        return NONE
    return _of_assignment(properties) if isinstance(properties, dict) else NONE


def _assigned(world: World, path: str) -> Attributes:
    """The attributes of the role assignment that exists."""
    there = world.resource(path)
    return _of_assignment(there["properties"]) if there else NONE


def _of_assignment(properties: dict[str, object]) -> Attributes:
    return {
        f"{ROLE_ASSIGNMENT}:roledefinitionid": str(properties.get("roleDefinitionId", "")).rpartition("/")[2],
        f"{ROLE_ASSIGNMENT}:principaltype": str(properties.get("principalType", "")),
        f"{ROLE_ASSIGNMENT}:principalid": str(properties.get("principalId", "")),
    }
