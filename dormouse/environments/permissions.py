"""Permissions of an identity in Azure: what they allow, what they let it see, and which ones Azure's messages name. Pure.

https://learn.microsoft.com/azure/role-based-access-control/role-definitions
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# How Resource Manager (`AuthorizationFailed`, `LinkedAuthorizationFailed`) and Key Vault name the permission.
MISSING = re.compile(
    r"(?:not have (?:authorization|permission) to perform action(?:\(s\))?|\bAction:) '(?P<permissions>[^']+)'"
    r"(?: on the linked scope\(s\) '(?P<linked>[^']+)')?"
)
EVERYTHING = ("*", "*/read")


@dataclass(frozen=True, slots=True)
class RolePermission:
    """What one role allows: actions with wildcards, without those in `not_actions`."""

    actions: Sequence[str] = ()
    not_actions: Sequence[str] = ()

    def allows(self, action: str) -> bool:
        """Whether the role allows an action, in any case of letters."""
        return _matches(action, self.actions) and not _matches(action, self.not_actions)


def missing_actions(needed: Iterable[str], permissions: Sequence[RolePermission]) -> list[str]:
    """The actions that none of the roles of an identity allows, in order, each once."""
    return [action for action in dict.fromkeys(needed) if not any(one.allows(action) for one in permissions)]


def unreadable(kinds: Iterable[str], permissions: Sequence[RolePermission]) -> list[str]:
    """The types among these that an identity may not read; `other types` if it is not sure to read every other one.

    Azure leaves out of lists what may not be read, without an error: only a role that reads everything proves that nothing
    was left out. https://learn.microsoft.com/azure/governance/resource-graph/overview#permissions-in-azure-resource-graph
    """
    if any(_reads_everything(one) for one in permissions):
        return []
    return [*(kind for kind in dict.fromkeys(kinds) if missing_actions([f"{kind}/read"], permissions)), "other types"]


def permissions_named_in(message: str) -> str:
    """The permissions that lack according to Azure's message, each with the other resource that it lacks on, or ""."""
    found = MISSING.search(message)
    if found is None:
        return ""
    permissions = found["permissions"].split(",")
    scopes = found["linked"].split(",") if found["linked"] else []
    if len(permissions) == 1:
        permissions *= max(1, len(scopes))  # older messages name one action and all resources
    pairs = zip(permissions, scopes, strict=True) if len(scopes) == len(permissions) else ((one, "") for one in permissions)
    named = dict.fromkeys(f"{permission} on {scope}" if scope else permission for permission, scope in pairs)
    return f"the permission{'s' if len(named) > 1 else ''} {', '.join(named)}"


def _reads_everything(role: RolePermission) -> bool:
    """Whether a role reads every type; an exception that may be one from reading counts as one."""
    excepted = any(pattern.lower().endswith(("*", "/read")) for pattern in role.not_actions)
    return not excepted and any(pattern.lower() in EVERYTHING for pattern in role.actions)


def _matches(action: str, patterns: Iterable[str]) -> bool:
    return any(re.fullmatch(".*".join(map(re.escape, one.split("*"))), action, re.IGNORECASE) for one in patterns)
