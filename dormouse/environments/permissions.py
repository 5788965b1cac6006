"""Permissions of an identity in Azure, and what they allow. Pure.

https://learn.microsoft.com/azure/role-based-access-control/role-definitions
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


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


def _matches(action: str, patterns: Iterable[str]) -> bool:
    return any(re.fullmatch(".*".join(map(re.escape, one.split("*"))), action, re.IGNORECASE) for one in patterns)
