"""The roles of the app's identity in Azure, compared with what `infra/` says: the same actions, scopes and conditions."""

import re
from collections.abc import Iterator
from typing import Any

from release.arm import Arm, CheckFailed
from release.command import main_of, resource_manager
from release.deployment import Deployment, deployment_of
from release.permissions import BUILT_IN, ROLES, allows, custom_role, expected_in_subscription, forbidden_with

AUTHORIZATION = "2022-04-01"
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# What the app may have on resources of its control plane: data roles, which allow nothing in Resource Manager that matters.
DATA = frozenset(BUILT_IN) - {"Reader", "Monitoring Reader"}
Document = dict[str, Any]


def compare(arm: Arm, deployment: Deployment) -> Iterator[str]:
    """Compare every role of the identity; yields what was compared, and raises CheckFailed with all differences."""
    assigned = _assignments(arm, deployment.principal)
    definitions = {one: arm.get(one, AUTHORIZATION)["properties"] for one in {each["roleDefinitionId"] for each in assigned}}
    expected = {one.name: one for one in expected_in_subscription(deployment.roles, deployment.id, arm.subscription)}
    building, sharing = (custom_role(one, deployment.id, arm.subscription) for one in ("provision", "share"))
    faults = list[str]()
    permissions: list[Document] = []
    found: set[str] = set()
    for one in assigned:
        role, scope = definitions[one["roleDefinitionId"]], one["scope"].lower()
        name = role["roleName"]
        if scope == arm.root.lower() and name in expected:
            found.add(name)
            permissions += role["permissions"]
            actions = expected[name].actions
            faults += _definition_faults(name, role, actions, arm.root) if actions else []
            faults += _condition_faults(name, one) if name == building else []
            faults += _sharing_faults(name, one) if name == sharing else []
        elif not (scope.startswith(f"{arm.root}/resourceGroups/{deployment.group}/".lower()) and name in DATA):
            faults.append(f"the app has the role {name} on {one['scope']}, which infra/ does not give it")
    faults += [f"the app does not have the role {name} in the subscription" for name in expected if name not in found]
    forbidden = forbidden_with(deployment.roles)
    faults += [f"the app may do {action}" for action in forbidden if allows(permissions, action)]
    if faults:
        raise CheckFailed(f"The roles differ from infra/: {'; '.join(sorted(faults))}.")
    yield f"{len(assigned)} role assignments and {len(definitions)} role definitions are as infra/ says"
    yield f"none of {len(forbidden)} dangerous actions is allowed"


def _assignments(arm: Arm, principal: str) -> list[Document]:
    """https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest."""
    path = f"{arm.root}/providers/Microsoft.Authorization/roleAssignments"
    listed = arm.pages(path, AUTHORIZATION, **{"$filter": f"principalId eq '{principal}'"})
    return [one["properties"] for one in listed]


def _definition_faults(name: str, role: Document, actions: tuple[str, ...], subscription: str) -> Iterator[str]:
    given = {action for one in role["permissions"] for action in one["actions"]}
    yield from (f"{name} does not allow {action}" for action in actions if action not in given)
    yield from (f"{name} also allows {action}" for action in given if action not in actions)
    for kind in ("notActions", "dataActions", "notDataActions"):
        yield from (f"{name} has {kind}" for one in role["permissions"] if one.get(kind))
    if [scope.lower() for scope in role["assignableScopes"]] != [subscription.lower()]:
        yield f"{name} can be assigned on {', '.join(role['assignableScopes'])}"


def _condition_faults(name: str, assignment: Document) -> Iterator[str]:
    """A role that assigns roles must be limited to those that blueprints assign, and to identities."""
    condition = assignment.get("condition") or ""
    assignable = {one.lower() for one in GUID.findall(condition)}
    if assignable != set(ROLES["assignable"]) or assignment.get("conditionVersion") != "2.0":
        yield f"{name} may assign {', '.join(sorted(assignable)) or 'every role'}"
    for action in ("write", "delete"):
        if f"!(ActionMatches{{'Microsoft.Authorization/roleAssignments/{action}'}})" not in condition:
            yield f"{name} has no condition on roleAssignments/{action}"
    if condition.count("ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}") != len(("write", "delete")):
        yield f"{name} may assign roles to people"


def _sharing_faults(name: str, assignment: Document) -> Iterator[str]:
    """A role that gives people roles must not give those that open everything, and none to identities."""
    condition = assignment.get("condition") or ""
    excepted = {one.lower() for one in GUID.findall(condition)}
    if excepted != set(ROLES["privileged"]) or assignment.get("conditionVersion") != "2.0":
        yield f"{name} may assign privileged roles"
    for action in ("write", "delete"):
        if f"!(ActionMatches{{'Microsoft.Authorization/roleAssignments/{action}'}})" not in condition:
            yield f"{name} has no condition on roleAssignments/{action}"
    if condition.count("ForAnyOfAnyValues:StringEqualsIgnoreCase {'User', 'Group'}") != len(("write", "delete")):
        yield f"{name} may assign roles to identities"


def run(stage: str, every: float) -> Iterator[str]:
    """Compare the roles of a stage."""
    with resource_manager() as arm:
        yield from compare(arm, deployment_of(arm, stage))


def main() -> None:
    """Compare the roles of the stage on the command line."""
    main_of(__doc__, run)


if __name__ == "__main__":
    main()
