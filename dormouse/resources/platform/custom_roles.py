"""Custom roles of environments.

https://learn.microsoft.com/azure/role-based-access-control/custom-roles
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dormouse.resources.identity import NAMESPACE, role_id
from dormouse.resources.kinds import Change, Difference, Observed, ResourceKind
from dormouse.resources.naming import DEFAULT_DEPLOYMENT
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

DEFINITIONS = "Microsoft.Authorization/roleDefinitions"
PARTS = ("actions", "notActions", "dataActions")


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a role allows: actions without some, and data actions."""

    actions: Sequence[str]
    not_actions: Sequence[str] = ()
    data_actions: Sequence[str] = ()


def role_guid(target: DeploymentTarget, role: str) -> str:
    """The GUID of a custom role of an environment."""
    return str(uuid.uuid5(NAMESPACE, f"{target.root}|{role}".lower()))


def custom_role(target: DeploymentTarget, name: str, title: str, permissions: Permissions, description: str) -> Resource:
    """A custom role that can be assigned in the whole subscription, because environments that depend on this one do so.

    Its title is unique in the tenant: it names deployment, environment and subscription. It is outside the group, and must
    come first in a plan: it can be deleted only when it is not assigned any more.
    """
    deployment = "" if target.deployment == DEFAULT_DEPLOYMENT else f"{target.deployment}, "
    unique = f"{title} ({deployment}{target.environment}, {target.subscription})"
    properties = {
        "roleName": unique,
        "type": "CustomRole",
        "description": description,
        "assignableScopes": [f"/subscriptions/{target.subscription}"],
        "permissions": [
            {
                "actions": list(permissions.actions),
                "notActions": list(permissions.not_actions),
                "dataActions": list(permissions.data_actions),
                "notDataActions": [],
            }
        ],
    }
    return Resource(name, CUSTOM_ROLE.name, role_id(target, role_guid(target, title)), {"properties": properties})


def _drift(resource: Resource, observed: Observed) -> Change:
    """A role that allows something else than the plan says is put again, as a whole."""
    planned, shown = resource.body["properties"], observed["properties"]
    there = _permissions(shown), sorted(shown.get("assignableScopes") or [])
    wanted = _permissions(planned), sorted(planned["assignableScopes"])
    if there == wanted:
        return Change.of([])
    return Change.of([Difference(f"{resource.name}.permissions", "other permissions", "those of the blueprint")])


def _permissions(properties: Mapping[str, object]) -> list[list[list[str]]]:
    given = properties.get("permissions")
    listed = given if isinstance(given, list) else []
    return sorted([sorted(one.get(part) or []) for part in PARTS] for one in listed)


CUSTOM_ROLE = ResourceKind("custom_role", DEFINITIONS, "2022-04-01", diff=_drift)
