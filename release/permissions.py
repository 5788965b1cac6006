"""What Azure's roles allow: which actions a permission has, and what each role of the app should be.

https://learn.microsoft.com/azure/role-based-access-control/role-definitions
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from release.lock import ROOT

ROLES: dict[str, list[str]] = json.loads((ROOT / "infra" / "roles.json").read_text())
BUILT_IN: dict[str, str] = json.loads((ROOT / "infra" / "built-in-roles.json").read_text())
# What the identity of the app must never be allowed, whatever else it can do: each would lead to everything else.
FORBIDDEN = (
    "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.Authorization/elevateAccess/action",
    "Microsoft.KeyVault/vaults/delete",
    "Microsoft.KeyVault/vaults/write",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
    "Microsoft.Resources/deployments/write",
    "Microsoft.Storage/storageAccounts/listKeys/action",
    "Microsoft.Web/sites/write",
)


@dataclass(frozen=True, slots=True)
class Expected:
    """A role that the app should have on a scope: a subscription, or a resource of the control plane."""

    name: str
    actions: tuple[str, ...] = ()


def custom_role(name: str, deployment_id: str, subscription: str) -> str:
    """The name of a custom role in Azure, as `infra/modules/rights.bicep` writes it: unique in the tenant."""
    return f"Dormouse {name} ({deployment_id}) {subscription}"


def expected_in_subscription(roles: Iterable[str], deployment_id: str, subscription: str) -> list[Expected]:
    """The roles that the app should have in its subscription, of which the custom ones have exactly these actions."""
    custom = [Expected(custom_role(name, deployment_id, subscription), tuple(ROLES[name])) for name in roles]
    return [Expected("Reader"), Expected("Monitoring Reader"), *custom]


def forbidden_with(roles: Iterable[str]) -> tuple[str, ...]:
    """What the identity must not be allowed if it has these roles: *share*, which is chosen, has some of it."""
    chosen = {action for name in roles if name == "share" for action in ROLES[name]}
    return tuple(action for action in FORBIDDEN if action not in chosen)


def allows(permissions: Sequence[Mapping[str, Any]], action: str) -> bool:
    """Whether any of the permissions allows an action: it is in its actions and not in its exceptions."""
    return any(_matches(action, one["actions"]) and not _matches(action, one.get("notActions", [])) for one in permissions)


def _matches(action: str, patterns: Iterable[str]) -> bool:
    return any(re.fullmatch(re.escape(one).replace(r"\*", ".*"), action, re.IGNORECASE) for one in patterns)
