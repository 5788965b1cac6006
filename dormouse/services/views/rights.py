"""What a caller may do, by role and ownership; what a role never permits is not in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from activities.resources.environments import has_power
from dormouse.access.roles import Caller, Channel, Permission, Role, may_act, require_permission
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import NotAllowed
from dormouse.idle.targets import target_ids
from dormouse.services.views.schema import schema
from dormouse.text.doc import doc

POWER, KEEPING, ADOPTED = ("start", "stop", "restart"), ("hold", "extend"), ("hold", "extend", "release")
MAY = doc(
    "The commands that the caller's role and ownership permit. Whether one is possible now depends on the state.",
    ["start", "stop", "hold"],
)


@schema("Me")
@dataclass(frozen=True, slots=True)
class Me:
    """The caller as the control plane knows them."""

    name: Annotated[str, doc("The name in records and in the trail.", "alice@contoso.com")]
    channel: Annotated[Channel, doc("How the request was authenticated.", "token")]
    role: Annotated[Role | None, doc("The role; null for a token without one.", "user")]
    permissions: Annotated[
        tuple[Permission, ...],
        doc("`look`: read; `own`: change what is theirs; `operate`: change everything.", ["look", "own"]),
    ]

    @classmethod
    def of(cls, caller: Caller) -> Me:
        """A caller as callers see themselves."""
        kinds = (Permission.LOOK, Permission.OWN, Permission.OPERATE)
        return cls(caller.name, caller.channel, caller.role, tuple(kind for kind in kinds if permits(caller, kind)))


def permits(caller: Caller, permission: Permission) -> bool:
    """Whether a caller's role has a permission."""
    try:
        require_permission(caller, permission)
    except NotAllowed:
        return False
    return True


def may_with_environment(caller: Caller, record: EnvironmentRecord) -> tuple[str, ...]:
    """What a caller may do with an environment that has such resources."""
    if not may_act(caller, record.owner_id):
        return ()
    power = POWER if has_power(record.resources) else ()
    return (*power, *(KEEPING if target_ids(record.resources) else ()), "delete")


def may_with_machine(caller: Caller, *, adopted: bool) -> tuple[str, ...]:
    """What a caller may do with a machine by the routes of machines, which operators may use."""
    if not permits(caller, Permission.OPERATE):
        return ()
    return ADOPTED if adopted else KEEPING
