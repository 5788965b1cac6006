"""Authorization: roles, the permission that each route requires, and ownership of environments."""

import re
from dataclasses import dataclass
from enum import StrEnum

from dormouse.errors import NotAllowed


class Role(StrEnum):
    """The role of a caller; every role includes the permissions of those before it."""

    VIEWER = "viewer"
    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"


class Permission(StrEnum):
    """The permission that a route requires: none, read, report on own environments, change them, or change everything."""

    NOTHING = "nothing"
    LOOK = "look"
    REPORT = "report"
    OWN = "own"
    OPERATE = "operate"


class Channel(StrEnum):
    """The channel through which a request arrived."""

    SLACK = "slack"
    TEAMS = "teams"
    GENERIC = "generic"
    KEY = "function key"
    TOKEN = "token"  # noqa: S105 - the name of a channel
    LINK = "link"
    TIMER = "timer"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, by which channel, and in which role; `object_id` is their Microsoft Entra object ID, or "".

    `reports`: they have the app role `reporter`, which allows activity reports about everything, and nothing else.
    """

    name: str
    channel: Channel
    role: Role | None = None
    object_id: str = ""
    reports: bool = False


@dataclass(frozen=True, slots=True)
class ChatPerson:
    """The role of a chat user, and their Microsoft Entra object ID, if known."""

    role: Role
    object_id: str = ""


ANONYMOUS = Caller("anonymous", Channel.NONE)
CHAT_USER = re.compile(
    r"(?P<who>(?:slack|teams|generic):[^=,\s]+)=(?P<role>[a-z]+)(?::(?P<object_id>[0-9a-fA-F-]{36}))?", re.ASCII
)
ENTRA_ID = re.compile(r"teams:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
ORDER = tuple(Role)
LEAST = {
    Permission.LOOK: Role.VIEWER,
    Permission.REPORT: Role.USER,
    Permission.OWN: Role.USER,
    Permission.OPERATE: Role.OPERATOR,
}
# Permissions that users have on what they own only.
ON_OWN = frozenset({Permission.REPORT, Permission.OWN})
REPORTER = "reporter"


def require_permission(caller: Caller, right: Permission) -> None:
    """Raise NotAllowed unless the caller's role has a permission; checked before any lookup."""
    if right is Permission.NOTHING or (right is Permission.REPORT and caller.reports):
        return
    if caller.role is None or ORDER.index(caller.role) < ORDER.index(LEAST[right]):
        raise NotAllowed(f"This request requires the role {LEAST[right]}; your role is {caller.role or 'none'}.")


def require_admin(caller: Caller, what: str) -> None:
    """Raise NotAllowed, naming `what`, unless the caller is an admin."""
    if caller.role is not Role.ADMIN:
        raise NotAllowed(f"{what} requires the role {Role.ADMIN}; your role is {caller.role or 'none'}.")


def owns(caller: Caller, owner_id: str) -> bool:
    """Whether the caller owns something, by object ID; a caller without an object ID owns nothing."""
    return bool(caller.object_id) and caller.object_id == owner_id


def require_own(caller: Caller, owner_id: str) -> None:
    """Raise NotAllowed unless the caller is an operator or admin, or the owner."""
    if caller.role in (Role.OPERATOR, Role.ADMIN) or owns(caller, owner_id):
        return
    raise NotAllowed("Your role allows changes to your own environments only; this one has another owner.")


def may_report_on(caller: Caller, owner_id: str) -> bool:
    """Whether the caller may report the activity of something that has this owner ("": none)."""
    return caller.reports or caller.role in (Role.OPERATOR, Role.ADMIN) or owns(caller, owner_id)


def require_can_own(caller: Caller) -> None:
    """Raise NotAllowed for a caller who could not change the environment they create: role user, without an object ID."""
    if caller.role in (Role.OPERATOR, Role.ADMIN) or caller.object_id:
        return
    words = "With the role user and no object ID you could not change what you create; sign in and send a bearer token."
    raise NotAllowed(words)


def may_act(caller: Caller, owner_id: str) -> bool:
    """Whether the caller may change something that has this owner; views hide what the caller may not change."""
    try:
        require_permission(caller, Permission.OWN)
        require_own(caller, owner_id)
    except NotAllowed:
        return False
    return True


def read_chat_users(text: str) -> dict[str, ChatPerson]:
    """Chat users by channel and ID, from `slack:U012AB3CD=operator, slack:U45=user:<object ID>`; raises ValueError."""
    people: dict[str, ChatPerson] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = CHAT_USER.fullmatch(part)
        if match is None or match["role"] not in list(Role):
            raise ValueError(f"{part!r} is not like slack:U012AB3CD=operator (channel:user=role, optionally :object ID)")
        # Entra object IDs are case-insensitive; chat user IDs are not.
        who = match["who"].lower() if ENTRA_ID.fullmatch(match["who"]) else match["who"]
        people[who] = ChatPerson(Role(match["role"]), (match["object_id"] or "").lower())
    return people


def highest(names: list[str]) -> Role | None:
    """The role with the most permissions among some role names; unknown names are ignored."""
    known = [role for role in ORDER if role.value in names]
    return known[-1] if known else None
